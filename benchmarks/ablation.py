"""What was tried to train better networks, each thing by itself, measured by site folds with intervals.

    python benchmarks/ablation.py --data ../shared/data/brazil-tailings --out measured/ablation [--jobs 2] [--steps 400]
    python benchmarks/ablation.py --dataset simulated --out measured/ablation
    python benchmarks/ablation.py --out ... --data ... --table-only

Each fold of each trial is trained as `highwall train` trains its folds, in a process of its own; what is done is not
done again, and what was killed leaves nothing half-written. For each dataset there are one JSON file a trial,
`table.json` and `table.md` in `OUT/DATASET`. No trial looks at the `val` split. Settings that do not exist fail their
trial alone. `--keep` keeps what the base's networks said of every pixel, for `ablation_level2.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ablations.ground import SIMULATED, Ground, open_ground, simulated
from ablations.jobs import Job, run_jobs
from ablations.starts import learn_simulated, learn_unlabelled
from ablations.table import gather, judge, markdown
from ablations.trials import STARTS, WEIGHTS, Trial, all_trials, changes_of, find, recipe_of
from ablations.work import Unit, train_fold

from highwall.errors import BadInput
from highwall.files import new_file, write_json


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="dataset; of `simulated`, made under --out if left out")
    parser.add_argument("--dataset", choices=("brazil", "simulated"), default="brazil")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once, all on the same device")
    parser.add_argument("--steps", type=int, default=400, help="of the base, in each fold")
    parser.add_argument("--only", nargs="+", help="names of trials; the base is always among them")
    parser.add_argument("--folds", type=int, default=4, help="how many of the four folds to answer for")
    parser.add_argument("--set", nargs="*", default=[], help="changes of all trials alike, such as crop=128")
    parser.add_argument("--minutes", type=float, help="time after which all is ended; another call goes on")
    parser.add_argument("--weights-dir", type=Path, default=Path("weights"), help="of lite1.pth and lite2.pth")
    parser.add_argument("--scenes", type=Path, help="GeoTIFFs without labels to learn from beforehand")
    parser.add_argument("--tiles", type=int, default=48, help="number of simulated tiles")
    parser.add_argument("--keep", action="store_true", help="keep what the base's networks said of every pixel")
    parser.add_argument("--table-only", action="store_true")
    given = parser.parse_args()
    if given.dataset == "brazil" and given.data is None:
        parser.error("--data is the folder brazil-tailings")
    return given


def choose(given: argparse.Namespace) -> tuple[Trial, ...]:
    """Choose the trials, the base first."""
    trials = all_trials()
    if unknown := set(given.only or ()) - {trial.name for trial in trials}:
        raise SystemExit(f"no trial {', '.join(sorted(unknown))}: there are {', '.join(t.name for t in trials)}")
    wanted = {"base", *given.only} if given.only else {trial.name for trial in trials if not trial.heavy}
    wanted |= {trial.networks_of for trial in trials if trial.name in wanted and trial.networks_of}
    return tuple(trial for trial in trials if trial.name in wanted and trial.only in {None, given.dataset})


def units_of(trial: Trial, given: argparse.Namespace, out: Path, fingerprint: str) -> list[Unit]:
    """List the folds of a trial."""
    folders = {WEIGHTS: str(given.weights_dir.resolve()), STARTS: str(starts_of(given, out).resolve())}
    changes = changes_of(trial, given.steps, given.set)
    keep = trial.name == "base" and given.keep
    return [Unit(trial, fold, changes, fingerprint, out, folders, keep) for fold in range(given.folds)]


def starts_of(given: argparse.Namespace, out: Path) -> Path:
    """Return the folder of what trainings of this length start from."""
    return out / "starts" / f"{given.steps}"


def plan_jobs(ground: Ground, trials: tuple[Trial, ...], given: argparse.Namespace, out: Path) -> list[Job]:
    """List what is left to do; folds of a trial side by side, and before them what they start from."""
    jobs: dict[str, Job] = {}
    for trial in trials:
        units = [unit for unit in units_of(trial, given, out, ground.facts.fingerprint) if not unit.done]
        if not units:
            continue
        before = _beforehand(ground, trial, given, out)
        jobs |= {job.name: job for job in before if job.name not in jobs}
        for unit in units:
            others = trial.networks_of and units_of(find(trials, trial.networks_of), given, out, unit.fingerprint)
            source = others[unit.fold] if others else None
            after = (*(job.name for job in before), *([source.name] if source else []))
            log = out / "logs" / f"{trial.name}-{unit.fold}.txt"
            jobs[unit.name] = Job(unit.name, train_fold, (ground, unit, source), log, after)
    return list(jobs.values())


def _beforehand(ground: Ground, trial: Trial, given: argparse.Namespace, out: Path) -> list[Job]:
    """List what must be made before a trial, and is not there."""
    jobs, starts = [], starts_of(given, out)
    if trial.start == "simulated" and not (starts / "simulated" / "model").exists():
        changes = changes_of(find(all_trials(), "base"), given.steps, given.set)
        arguments = (ground, changes, given.tiles, starts / "simulated")
        jobs.append(Job("tiles to start from", learn_simulated, arguments, out / "logs" / "simulated.txt"))
    if trial.makes == "inpainted" and not (starts / "inpainted.safetensors").exists():
        arguments = (ground, given.scenes, 2 * given.steps, starts / "inpainted.safetensors")
        jobs.append(Job("images to start from", learn_unlabelled, arguments, out / "logs" / "inpainted.txt"))
    return jobs


def tabulate(ground: Ground, trials: tuple[Trial, ...], given: argparse.Namespace, failed: dict[str, str]) -> None:
    """Write a JSON file for each trial, and the tables."""
    out, legend = given.out / given.dataset, ground.dataset.encoding.legend
    rows: list[dict[str, Any]] = []
    base = None
    for trial in trials:
        units = [unit for unit in units_of(trial, given, out, ground.facts.fingerprint) if unit.done]
        told = {"name": trial.name, "group": trial.group, "tries": trial.tries, "changes": list(trial.changes)}
        if not units:
            rows.append(told | {"failed": failed.get(trial.name, "not run")})
            continue
        outcome = gather(json.loads(unit.path.read_text("utf-8")) for unit in units)
        base = outcome if trial.name == "base" else base
        found = judge(outcome, None if trial.name == "base" else base, legend)
        rows.append(told | {"complete": len(units) == given.folds} | found)
        write_json(out / "trials" / f"{trial.name}.json", rows[-1] | {"all_changes": list(units[0].changes)})
    tiles = len(ground.roles.sites)
    title = (
        f"{given.dataset}: {tiles} tiles of {len(set(ground.roles.sites))} sites, {given.folds} folds by site, "
        f"{given.steps} steps. In bold: the 90 % interval of the difference, by site, leaves out 0."
    )
    write_json(out / "table.json", {"title": title, "steps": given.steps, "set": given.set, "trials": rows})
    text = markdown(rows, legend, title)
    with new_file(out / "table.md") as part:
        part.write_text(text, "utf-8")
    print(text)


def main() -> None:
    """Run what is left to run, and write the tables."""
    given = options()
    out = given.out / given.dataset
    data = given.data or simulated(given.out / "simulated-tiles", given.tiles, SIMULATED)
    ground, trials, failed = open_ground(data, out / "tiles"), choose(given), {}
    for trial in trials:
        try:
            recipe_of(trial, changes_of(trial, given.steps, given.set), {})
        except BadInput as error:
            failed[trial.name] = str(error)
            print(f"{trial.name}: {error}", flush=True)
    if not given.table_only:
        jobs = plan_jobs(ground, tuple(trial for trial in trials if trial.name not in failed), given, out)
        ended = run_jobs(jobs, given.jobs, seconds=None if given.minutes is None else given.minutes * 60)
        failed |= {name.rpartition(" ")[0]: reason for name, reason in ended.items() if reason}
    tabulate(ground, trials, given, failed)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
