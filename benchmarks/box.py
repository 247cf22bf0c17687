"""Scores a model on real ground, telling what it has learned from: what of drawn mines it finds, what it makes up.

    python benchmarks/box.py [MODEL] [--data ../shared/data] [--patches FOLDER] [--json FILE] [--sheets DIR] [--card]

- Objects: mines drawn by eye in `benchmarks/box/*.json`, and in `src/highwall/box/drawn/*.json` those that the model in
  the box learns from; one is found if more than half of its pixels are called mine, of any class.
- Hard negatives: tiles of 256 x 256 pixels of scenes (towns, fields, desert with salt pans, beach, clouds) without
  mines; objects of half a hectare or more that it calls mines, per 10 tiles.
- Patches: what it finds in patches of sat-mining-detector (`highwall.box.patches`) whose splits are not trained on.
- Missing bands: labelled tiles of Brazilian mines in three bands, where the model can do without the others.

Scenes that the model's training ground was taken from are marked, as far as its card tells: there it may have seen the
drawn mines, too, so totals without those scenes are told as well. What is not there is left out. `--card` writes the
table into the card in MODEL.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import box_scores
from box_patches import find_in_patches
from box_sheets import draw

import highwall
from highwall.box.ground import DRAWN
from highwall.errors import BadInput
from highwall.files import write_json
from highwall.models.default import model_folder
from highwall.models.folder import save_model
from highwall.models.readme import REAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from box_scores import Answer

    from highwall.models.model import Model

OUTLINES: Final = (Path(__file__).parent / "box", DRAWN)


def measure(model: Model, data: Path, sheets: Path | None) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Return the rows of the table, and all numbers."""
    scenes, labelled = data / "scenes", data / "brazil-tailings"
    drawn = list(box_scores.find_drawn(model, scenes, *OUTLINES))
    false = list(box_scores.find_false(model, scenes, *OUTLINES))
    elsewhere = [one for one in drawn if not one.learned]
    rows = [_row("objects", one, f"{one.share:.0%} {'found' if one.share > 0.5 else 'missed'}") for one in drawn]
    for name, tiles in groupby(false, lambda one: one.name.partition(" ")[0]):
        these = list(tiles)
        count = sum(one.false_objects for one in these)
        rows.append(_row("hard negatives", these[0], f"{count} in {len(these)} tiles") | {"scene": name})
    numbers: dict[str, Any] = {
        "objects": {one.name: one.share for one in drawn},
        "found": sum(one.share > 0.5 for one in drawn),
        "objects_elsewhere": len(elsewhere),
        "found_elsewhere": sum(one.share > 0.5 for one in elsewhere),
        "tiles": len(false),
        "false_objects": {one.name: one.false_objects for one in false if one.false_objects},
        "false_per_10_tiles": per_10(false),
        "false_per_10_tiles_elsewhere": per_10([one for one in false if not one.learned]),
    }
    if drawn:
        rows.append(_total("objects", f"{numbers['found']} of {len(drawn)} found"))
    if elsewhere:
        told = f"{numbers['found_elsewhere']} of {len(elsewhere)} found"
        rows.append(_total("objects, not learned from", told))
    if false:
        rate = numbers["false_per_10_tiles_elsewhere"]
        rows.append(_total("hard negatives", f"{numbers['false_per_10_tiles']:.1f} per 10 tiles"))
        if rate is not None:
            rows.append(_total("hard negatives, not learned from", f"{rate:.1f} per 10 tiles"))
    pairs = _labelled(model, labelled)
    if pairs:
        numbers["three_bands"] = scored = box_scores.score_labelled(model, pairs)
        told = f"{scored['objects_found']:.0%} of {scored['objects']:.0f} objects found"
        told += f", IoU mine {100 * scored['mine_iou']:.1f}, tailings {100 * scored['tailings_iou']:.1f}"
        rows.append(_total("three bands", told) | {"scene": f"{scored['tiles']:.0f} tiles of Brazil"})
    if sheets:
        worst = sorted(false, key=lambda one: -int(one.mine.sum()))
        for name, answers in {"objects": drawn, "negatives": worst, "brazil": [one for one, _ in pairs[::3]]}.items():
            if answers:
                draw(answers, model.legend, sheets / f"{name}.png")
    return rows, numbers


def per_10(tiles: Sequence[Answer]) -> float | None:
    """Return the number of false objects per 10 tiles; None where there is no tile."""
    return 10 * sum(one.false_objects for one in tiles) / len(tiles) if tiles else None


def _labelled(model: Model, folder: Path) -> list[tuple[Answer, Any]]:
    if not folder.is_dir():
        return []
    try:
        return list(box_scores.find_labelled(model, folder))
    except BadInput as error:
        print(f"three bands left out: {error}")
        return []


def _row(what: str, one: Answer, value: str) -> dict[str, str]:
    scene, _, name = one.name.partition(": ")
    learned = "yes" if one.learned else "no"
    return {"set": what, "scene": scene, "what": name or "false objects", "value": value, "learned_from": learned}


def _patches(kind: str, count: int, share: float) -> dict[str, str]:
    told = f"{share:.0%} of {count} patches {'with false objects' if kind == 'none' else 'found'}"
    what = {"gold": "gold mines", "industry": "industrial mines", "none": "no mines"}[kind]
    return {"set": "patches", "scene": "the Amazon", "what": what, "value": told, "learned_from": "no"}


def _total(what: str, value: str) -> dict[str, str]:
    return {"set": what, "scene": "all", "what": "total", "value": value, "learned_from": "-"}


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="default", help="folder of a model, or the word default")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--patches", type=Path, help="folder dataset of a clone of joelibaceta/sat-mining-detector")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheets", type=Path, help="folder for pictures of the answers")
    parser.add_argument("--card", action="store_true")
    options = parser.parse_args()
    folder = model_folder(options.model)
    try:
        model = highwall.load_model(folder)
        rows, numbers = measure(model, options.data, options.sheets)
        if options.patches:
            numbers["patches"] = patches = find_in_patches(model, options.patches)
            rows += [_patches(kind, *found) for kind, found in patches.items()]
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    widths = [max(len(row[key]) for row in rows) for key in rows[0]] if rows else []
    for row in rows:
        print("  ".join(value.ljust(width) for value, width in zip(row.values(), widths, strict=True)).rstrip())
    if options.json:
        write_json(options.json, {"rows": rows, **numbers})
    if options.card and rows:
        save_model(replace(model, facts={**model.facts, REAL: rows}), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
