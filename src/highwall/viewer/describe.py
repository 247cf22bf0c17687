"""What the page is told of a map before its pixels."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from highwall.viewer import ramps
from highwall.viewer.tiles import layers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from highwall.viewer.maps import ShownMap


def describe(shown: ShownMap, pictures: Mapping[str, Any]) -> dict[str, Any]:
    """Return a map as JSON.

    Args:
        shown: the map.
        pictures: whether its pictures are ready, and why not.
    """
    manifest, classes = shown.manifest, shown.map.legend.classes
    when = shown.item.get("properties", {}).get("datetime")
    return {
        "id": shown.id,
        "name": shown.folder.name,
        "scene": str(manifest["scene"]),
        "model": str(manifest["model"]),
        "date": when,
        "bounds": list(shown.bounds),
        "legend": [{"id": c.id, "name": c.name, "color": f"#{c.hex.lower()}"} for c in classes if c.id != 0],
        "layers": list(layers(shown)),
        "ramps": {"probability": ramps.PROBABILITY.to_json(), "applicability": ramps.APPLICABILITY.to_json()},
        "classes": manifest["classes"],
        "areas": manifest["areas"],
        "unknown_share": manifest["unknown_share"],
        "outside_share": manifest.get("outside_share"),
        "forecast": forecast_sentence(manifest.get("forecast")),
        "notes": manifest["notes"],
        "pictures": dict(pictures),
        "writable": shown.writable,
    }


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """Name different folders by the ends of their paths, as short as tells them apart."""
    ends = [["/".join(folder.parts[-count:]) for count in range(1, len(folder.parts) + 1)] for folder in folders]
    counts = Counter(end for some in ends for end in some)
    return [next(end for end in some if counts[end] == 1) for some in ends]


def forecast_sentence(forecast: Mapping[str, Any] | None) -> str | None:
    """Say how good a map is likely to be; None where nothing is known of it."""
    if not forecast or forecast.get("miou") is None:
        return None
    miou, low, high = (100 * value for value in (forecast["miou"], *forecast["interval"]["miou"]))
    sentence = f"mIoU to expect: {miou:.0f} ({low:.0f} to {high:.0f})"
    if forecast.get("outside") is not None and forecast.get("windows"):
        looked = f"{forecast['outside']:.0%} of {forecast['windows']} windows looked at"
        sentence += f"; {looked} are unlike the training tiles"
    return sentence
