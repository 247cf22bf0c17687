"""The report of an evaluation: what a model scores on labelled tiles, and what it is bad at."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highwall.evaluation.examples import answer_for, choose
from highwall.evaluation.summary import summarise
from highwall.reports.again import advice, again_section, next_section
from highwall.reports.confusion import confusion_section
from highwall.reports.course import leak_section, missing_section
from highwall.reports.data import MOST_TILES, data_section
from highwall.reports.findings import class_findings
from highwall.reports.html import Child, page, tag
from highwall.reports.judged import Judged
from highwall.reports.reliability import reliability_section
from highwall.reports.scores import scores_section
from highwall.reports.sites import sites_section
from highwall.reports.tiles import tiles_section
from highwall.reports.top import contents, top
from highwall.reports.write import write
from highwall.tiles import check, open_dataset, read_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.evaluation.evaluate import Evaluation
    from highwall.models.model import Model
    from highwall.tiles import CheckReport, Encoding


def report_evaluation(
    model: Model,
    evaluation: Evaluation,
    folder: Path | str,
    file: Path | str,
    *,
    command: str = "",
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
) -> None:
    """Write what there is to see of an evaluation as one HTML file.

    Args:
        model: the model.
        evaluation: what it scored.
        folder: the tiles that it was evaluated on, as `evaluate` took them.
        file: the report; one that is there is replaced.
        command: how to do it again.
        bands: as for `evaluate`.
        scale: as for `evaluate`.
        offset: as for `evaluate`.

    Raises:
        BadInput: a tile cannot be read.
    """
    reading: dict[str, Any] = {"bands": bands, "scale": scale, "offset": offset}
    dataset = open_dataset(Path(folder), **reading, legend=model.legend)
    judged = _judged(model, evaluation, dataset.encoding)
    checked: CheckReport | None = check(Path(folder), **reading) if len(dataset.tiles) <= MOST_TILES else None
    findings = class_findings(judged.matrix, judged.legend)
    told = None if evaluation.reliability is None else evaluation.reliability.to_json(judged.legend.names)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    advised: list[Child] = [
        *advice(judged, findings, model.facts, told),
        tag("span", "See the answers on a map: ", tag("code", "highwall map MODEL SCENE -o OUT"), "."),
        tag("span", "Ask what to expect where there are no labels: ", tag("code", "highwall forecast MODEL DIR"), "."),
    ]
    sections = [
        tiles_section(judged, dataset.encoding),
        scores_section(judged, _splits(evaluation)),
        confusion_section(judged),
        sites_section(judged, _trained(model)),
        None if told is None else reliability_section(told, judged.legend),
        _leak(model),
        missing_section(model.facts),
        data_section(checked, str(folder), evaluation.notes),
        next_section(advised),
        again_section(model, command, when),
    ]
    shown = [one for one in sections if one is not None]
    title = f"{model.id} on {Path(folder).resolve().name}"
    head = top(f"Evaluation of {title}, {when}", judged, findings, _promised(model), *evaluation.notes)
    write(Path(file), page(f"Evaluation: {title}", head, contents(shown), *shown))


def _judged(model: Model, evaluation: Evaluation, encoding: Encoding) -> Judged:
    """Put together what is shown, and ask the model about the tiles that are looked at."""
    here, level = model.for_bands(encoding.bands), evaluation.final
    matrices = evaluation.matrices[level]
    answers = {}
    for kind in choose(matrices, evaluation.sites, evaluation.legend).values():
        for n in kind:
            image = read_image(evaluation.tiles[n].image, encoding).select(here.bands)
            answers[n] = answer_for(here, image.pixels, level)
    splits = dict.fromkeys(tile.split for tile in evaluation.tiles)
    return Judged(
        evaluation.legend,
        level,
        f"({', '.join(splits)})",
        summarise(evaluation.matrices, evaluation.sites, evaluation.legend),
        evaluation.tiles,
        tuple(tile.key for tile in evaluation.tiles),
        evaluation.sites,
        matrices,
        answers,
    )


def _splits(evaluation: Evaluation) -> dict[str, Any]:
    """Return the scores of each split, where there are several."""
    splits: dict[str, Any] = evaluation.to_json()["splits"]
    return {f"Per cent, on the split {name}": scores for name, scores in splits.items()} if len(splits) > 1 else {}


def _promised(model: Model) -> str | None:
    """Say what the training promised."""
    score = model.facts.get("scores", {}).get("out_of_fold", {}).get(model.final)
    if not score or score["miou"] is None:
        return None
    bounds = score["interval"]["miou"]
    between = f" ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})" if bounds else ""
    return f"In training it scored {100 * score['miou']:.1f} %{between} on sites that it had not learned from."


def _trained(model: Model) -> list[tuple[float, float]]:
    """Return where the tiles lie that it has learned from."""
    rings = model.facts.get("training", {}).get("footprints", {}).values()
    return [(sum(x for x, _ in ring[:4]) / 4, sum(y for _, y in ring[:4]) / 4) for ring in rings]


def _leak(model: Model) -> Any:
    found = model.facts.get("leak")
    return leak_section(found) if found else None
