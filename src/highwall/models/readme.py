"""The model's card for people: what it is, what it learned from, what it scored where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from highwall.models.missing import card_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from highwall.models.model import Model

GROUND: Final = "ground"
"""Among a model's facts: the real scenes behind simulated mines, a dictionary each: scene, place, source, licence."""

REAL: Final = "real_ground"
"""Among a model's facts: what it scored on real ground, a dictionary each: set, scene, what, value, learned_from."""

_SCORED: Final = {"out_of_fold": "tiles of sites that it had not learned from", "validation": "validation tiles"}


def readme(model: Model) -> str:
    """Describe a model in Markdown, from its facts alone, so that the same model has the same page."""
    return "\n".join(_lines(model)) + "\n"


def _lines(model: Model) -> Iterator[str]:
    yield f"# {model.id}"
    yield ""
    yield "Finds mine features in Sentinel-2 images, pixel by pixel. Trained by highwall; `model.json` tells details."
    yield ""
    yield "**It is a starting point and no authority.** It errs, most of all on ground unlike its training tiles: look"
    yield "at its answers over the image, estimate areas from a sample (`highwall area`), and train on tiles of your"
    yield "own ground (`highwall train DIR -o RUN --from MODEL`) before anything hangs on it."
    yield from _form(model)
    yield from _training(model)
    yield from _scores(model)
    yield from _real(model.facts.get(REAL, ()))


def _form(model: Model) -> Iterator[str]:
    yield from ("", "## What it takes and gives", "")
    yield f"- Bands: {' '.join(model.bands)}, as reflectance, 0 in all of them where there is no data."
    yield f"- Classes: {', '.join(f'{c.id} {c.name}' for c in model.legend.classes)}."
    networks = ", ".join(f"{name} ({c.architecture}, {c.encoder})" for name, c in model.configs.items())
    yield f"- Networks: {networks}; {sum(p.numel() for p in model.networks.parameters()):,} parameters."
    yield f"- The answer that counts: {'the forest' if model.final == 'forest' else 'the average of the networks'}."
    if fewer := card_text(model.facts):
        yield f"- {fewer}"
    starts = {(one["encoder"], one["source"], one["licence"]): None for one in model.facts.get("starts", ())}
    for encoder, source, licence in starts:
        yield f"- Encoder {encoder}: started from {source} ({licence})."


def _training(model: Model) -> Iterator[str]:
    yield from ("", "## What it was trained on", "")
    training = model.facts.get("training", {})
    ground = model.facts.get(GROUND, ())
    if training:
        kind = "real ground, some of it under simulated mines" if ground else "labelled tiles"
        yield f"{training['tiles']} tiles of {training['sites']} sites: {kind}. Share of their pixels by class:"
        total = max(sum(training["pixels"].values()), 1)
        yield ", ".join(f"{name} {count / total:.1%}" for name, count in training["pixels"].items()) + "."
    if ground:
        yield from (
            "",
            "Mines over scenes are **made up**, shapes and spectra, but for a few that were drawn by hand",
            "(`highwall/box/drawn`). Mines in patches are real, and labelled by rule: what is bare or water in them",
            "(`highwall/box/patches.py`).",
            "",
        )
        yield from _table(
            ("scene", "place", "from", "licence"),
            [(one["scene"], one["place"], one["source"], one["licence"]) for one in ground],
        )
        yield from ("", "Contains modified Copernicus Sentinel data.")


def _scores(model: Model) -> Iterator[str]:
    yield from ("", "## What it scored", "")
    rows = []
    for key, what in _SCORED.items():
        if one := model.facts.get("scores", {}).get(key, {}).get(model.final):
            low, high = (one.get("interval", {}).get("miou") or (None, None))[:2]
            of_classes = ", ".join(f"{name} {_percent(value)}" for name, value in one["iou"].items())
            rows.append((what, f"{_percent(one['miou'])} ({_percent(low)} to {_percent(high)})", of_classes))
    if rows:
        yield "Mean IoU of the target classes in per cent, with its 90 % interval by site, and IoU by class:"
        yield ""
        yield from _table(("on", "mIoU", "IoU"), rows)
        if model.facts.get(GROUND):
            yield ""
            yield "These tiles are made like those, too: on real mines elsewhere expect less."
    else:
        yield "Nothing was held out in its training."


def _real(real: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if real:
        yield from ("", "On real ground (`benchmarks/box.py`; `yes`: its training ground was taken from there):", "")
        columns = ("set", "scene", "what", "value", "learned_from")
        yield from _table(
            ("set", "scene", "what", "value", "learned from"), [[str(one[key]) for key in columns] for one in real]
        )


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"| {' | '.join('---' for _ in titles)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
