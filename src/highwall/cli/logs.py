"""What the library and the libraries below it say, on standard error."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Final

_CHATTY: Final = (
    "lightning.pytorch.utilities.rank_zero",
    "lightning.fabric.utilities.rank_zero",
    "huggingface_hub",
)


def set_up_logging(*, verbose: bool) -> None:
    """Let the program's own messages through, and those of other libraries if they are wanted."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(handlers=[_Stderr()], format="%(message)s", level=level)
    logging.getLogger("highwall").setLevel(logging.DEBUG if verbose else logging.INFO)
    if verbose:
        return
    warnings.simplefilter("ignore")
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("rasterio").setLevel(logging.CRITICAL)  # what keeps a file from being read is raised as well


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what is standard error at the moment: a progress bar puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        self.setStream(sys.stderr)
        super().emit(record)
