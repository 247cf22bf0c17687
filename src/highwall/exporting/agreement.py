"""Whether a file answers as the model does."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput
from highwall.exporting.convert import INPUT, STRIDE
from highwall.exporting.deepness import Standardisation
from highwall.exporting.probes import probes
from highwall.models.backends import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.exporting.values import Values
    from highwall.legend import Legend
    from highwall.models.model import Model

MOST: Final = 1e-4
"""How far a probability may be off."""

LEAST: Final = 0.999
"""Share of the pixels that must have the same label."""


@dataclass(frozen=True)
class Agreement:
    """How a file's answers compare to the model's in PyTorch with float32, on the same rasters."""

    images: int
    pixels: int
    """Of all images together."""

    worst: float
    """Largest difference of any probability; NaN if some answer is."""

    labels: float
    """Share of the pixels with the same label, 0 to 1."""

    classes: dict[str, float]
    """Share of the pixels by the label that the model gives them: an agreement on one class alone says little."""

    @property
    def good(self) -> bool:
        """Whether the file may be handed on."""
        return self.worst <= MOST and self.labels >= LEAST

    def to_json(self) -> dict[str, Any]:
        """Return all fields by name, and what they must be."""
        return asdict(self) | {"most": MOST, "least": LEAST}

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"probabilities within {self.worst:.1e}, {100 * self.labels:.6g} % of {self.pixels} labels the same"


def compare(file: Path, model: Model, values: Values, size: int | None) -> Agreement:
    """Ask a file with onnxruntime, and the model, about rasters of such values, several at once and one alone.

    The file is asked as the plugin does: values become its input by its standardisation.

    Args:
        file: the ONNX.
        model: takes bands of the values alone.
        values: of the rasters.
        size: height and width that the file takes; None for any.

    Raises:
        BadInput: onnxruntime is not installed, or can't run the file.
    """
    run = _runner(file)
    standardisation = Standardisation.to_reflectance(values)
    plain = model.computed_by(PLAIN)
    order = [values.bands.index(band) for band in model.bands]
    shapes = [(size, size)] if size else [(8 * STRIDE, 8 * STRIDE), (2 * STRIDE, 3 * STRIDE)]
    pairs = []
    for seed, shape in enumerate(shapes):
        rasters = values.values(probes(model, values.bands, shape, seed))
        for some in (rasters[:-1], rasters[-1:]):
            ours = plain.ask(values.reflectance(some)[:, order]).average
            pairs.append((ours, run(standardisation.prepare(some))))
    return measure(pairs, model.legend)


def measure(pairs: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]], legend: Legend) -> Agreement:
    """Compare probabilities `(n, class, y, x)`, ours and theirs, pair by pair."""
    counts = np.zeros(len(legend), np.int64)
    images, same, worst = 0, 0, 0.0
    for ours, theirs in pairs:
        if ours.shape != theirs.shape:
            raise BadInput(f"the file gives {theirs.shape}, and the model {ours.shape}")
        images += len(ours)
        labels = ours.argmax(1)
        same += int((labels == theirs.argmax(1)).sum())
        worst = float(np.maximum(worst, np.abs(ours - theirs).max()))  # which hands NaN on
        counts += np.bincount(labels.ravel(), minlength=len(legend))
    pixels = int(counts.sum())
    shares = dict(zip(legend.names, (counts / pixels).tolist(), strict=True))
    return Agreement(images, pixels, worst, same / pixels, shares)


def _runner(file: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Load a file into onnxruntime, on the CPU, as others do."""
    import onnxruntime  # noqa: PLC0415 - an extra

    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its own kinds share no base
        raise BadInput(f"onnxruntime cannot load the file: {_line(error)}") from None

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            (answer,) = session.run(None, {INPUT: images})
        except Exception as error:  # noqa: BLE001 - likewise
            raise BadInput(f"onnxruntime cannot run the file: {_line(error)}") from None
        probabilities: NDArray[np.float32] = answer
        return probabilities

    return run


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
