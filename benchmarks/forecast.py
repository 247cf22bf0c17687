"""Forecasts of a model beside the truth, on simulated tiles under ten kinds of shift.

    highwall simulate SIM --train 36 --val 8 && highwall train SIM -o RUN --preset quick
    python benchmarks/forecast.py RUN/model [--tiles 10] [--size 256] [--seed 100] [--rounds 1] [--json FILE]

Prints forecast, interval and truth of each set, then the mean absolute error of the mIoU and the share of intervals
that hold it. A folder given by `--keep` keeps the tiles for the next time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from shifts import SHIFTS, simulate_shift

import highwall


def compare(model: Any, folder: Path) -> dict[str, Any]:
    """Forecast a set of labelled tiles, and score it."""
    told = highwall.forecast(model, folder)
    foretold = told.to_json(model.legend.names)
    truth = highwall.evaluate(model, folder).to_json()["scores"][model.final]
    low, high = foretold["interval"]["miou"]
    return {
        "forecast": foretold["miou"],
        "interval": [low, high],
        "truth": truth["miou"],
        "holds": low <= truth["miou"] <= high,
        "accuracy": [foretold["accuracy"], truth["accuracy"]],
        "sentence": told.sentence,
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--tiles", type=int, default=10)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = highwall.load_model(options.model)
    rows = []
    with nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory() as root:
        for seed in range(options.seed, options.seed + options.rounds):
            for name in SHIFTS:
                folder = Path(root) / f"{name.replace(' ', '-').replace(',', '')}-{seed}"
                if not folder.exists():
                    simulate_shift(name, folder, options.tiles, options.size, seed)
                row = {"shift": name, "seed": seed, **compare(model, folder)}
                rows.append(row)
                low, high = row["interval"]
                print(
                    f"{name:24} forecast {100 * row['forecast']:5.1f} ({100 * low:3.0f} to {100 * high:3.0f})  "
                    f"truth {100 * row['truth']:5.1f}  {'' if row['holds'] else 'MISSED  '}{row['sentence']}",
                    flush=True,
                )
    shifted = [row for row in rows if row["shift"] != "none"]
    errors = np.array([row["forecast"] - row["truth"] for row in shifted])
    print(
        f"{len(shifted)} sets: mean absolute error {100 * np.abs(errors).mean():.1f} points, mean error "
        f"{100 * errors.mean():+.1f}, {np.mean([row['holds'] for row in shifted]):.0%} of the intervals hold the truth"
    )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
