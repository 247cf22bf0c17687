"""Finds waste dumps, quarry pits and tailings ponds in Sentinel-2 imagery, and says how far to trust the answer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from highwall.api import check, evaluate, forecast, predict, train
    from highwall.image import Image
    from highwall.legend import Legend
    from highwall.models.folder import load_model
    from highwall.products.map import map_scene
    from highwall.scenes import open_scene

__version__: Final = "0.1.0"
__all__ = [
    "Image",
    "Legend",
    "check",
    "evaluate",
    "forecast",
    "load_model",
    "map_scene",
    "open_scene",
    "predict",
    "train",
]

_HOMES: Final = {
    "Image": "highwall.image",
    "Legend": "highwall.legend",
    "check": "highwall.api",
    "evaluate": "highwall.api",
    "forecast": "highwall.api",
    "load_model": "highwall.models.folder",
    "map_scene": "highwall.products.map",
    "open_scene": "highwall.scenes",
    "predict": "highwall.api",
    "train": "highwall.api",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that `import highwall` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'highwall' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
