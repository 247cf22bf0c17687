"""One scene to map, in a form that can be sent to another process or machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from highwall.cores import VARIABLE
from highwall.errors import BadInput
from highwall.models.folder import load_model
from highwall.products.map import Map, map_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from highwall.models.model import Model
    from highwall.scenes import Scene


@dataclass(frozen=True, eq=False)
class Job:
    """One scene to map; whoever does it must see the same files under the same names."""

    scene: Scene
    model: Path
    """Folder of the model."""

    out: Path
    """Folder of the map."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """How to map it: further arguments of `map_scene`."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a job."""

    scene: str
    """Name of the scene."""

    map: Map | None
    """The map, or None where there is none."""

    reason: str = ""
    """One line that says why there is no map."""


def do(job: Job, threads: int | None = None, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Map a scene; bad input becomes an outcome, so that other scenes don't suffer from it.

    Args:
        job: what to do.
        threads: number of cores to use; as many as there are, if None.
        progress: called with the number of windows done with, and of all windows.
    """
    if threads is not None:
        torch.set_num_threads(threads)
        os.environ[VARIABLE] = str(threads)
    try:
        done = map_scene(job.scene, model_in(job.model), job.out, progress=progress, **job.options)
    except BadInput as error:
        return Outcome(job.scene.id, None, str(error))
    except torch.OutOfMemoryError:
        return Outcome(
            job.scene.id, None, f"{job.scene.id}: the GPU's memory is too small; a smaller --batch needs less"
        )
    except OSError as error:
        return Outcome(job.scene.id, None, f"{error.filename or job.out}: {error.strerror or error}")
    return Outcome(job.scene.id, done)


@lru_cache(maxsize=1)
def model_in(folder: Path) -> Model:
    """Load the model in a folder, once in a process.

    Raises:
        BadInput: this is no model, or it is damaged.
    """
    return load_model(folder)
