"""Clouds and their shadows, where a product brings no mask of its own: an extra, the networks of ukis-csmask.

Source: Wieland, Fichtner and Martinis (2022), UKIS-CSMASK: a Python package for multi-sensor cloud and cloud shadow
segmentation, doi:10.5194/isprs-archives-XLIII-B3-2022-217-2022.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import softmax

from highwall.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES: Final = ("clear", "cloud", "shadow")
"""What the networks tell apart, in the order of their answers."""

LEVELS: Final = ("L1C", "L2A")
"""Product levels that have a network; the first is taken for products of another level or of none."""

STEP: Final = 3
"""Pixels of 10 m along each side of one that a network sees.

The networks learned at about 30 m, and their authors ask for it. At 10 m they mask 1 to 15 % of cloudless cities
and 2 to 15 % of sand pits; at 30 m nothing or next to nothing of either (five OSCD scenes, two scenes with pits).
"""

_SIDE: Final = 256  # pixels along each side of the networks' input, fixed in their files
_OVERLAP: Final = 0.2  # share of its side by which CSmask lets the network's windows overlap


@dataclass(frozen=True)
class CloudNetwork:
    """A predictor of clouds and shadows: reflectance `(n, 6, y, x)` to float32 probabilities `(n, 3, y, x)`.

    Bands are `sentinel2.DEFAULT_BANDS`, classes are `CLASSES`; pixels without data are 0 in all bands. It can be sent
    to another process, which loads the network again.
    """

    level: str
    """Which network, one of `LEVELS`."""

    step: int = STEP
    """Pixels along each side of one that the network sees, 1 or more: 30 m over the size of a pixel."""

    threads: int | None = None
    """Threads to compute with; None lets onnxruntime choose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields alone."""
        return CloudNetwork, (self.level, self.step, self.threads)

    def __call__(self, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities, for windows of any size.

        Windows smaller than `window` are mirrored until the network's input is full; larger ones are cut, blended
        and padded just as `ukis_csmask.mask.CSmask` does with an image.
        """
        height, width = reflectance.shape[2:]
        answers = np.empty((len(reflectance), len(CLASSES), height, width), np.float32)
        for answer, window in zip(answers, reflectance, strict=True):  # one by one: more at once are slower
            coarse = self._ask(_means(window, self.step))
            answer[:] = coarse.repeat(self.step, axis=1).repeat(self.step, axis=2)[:, :height, :width]
        return answers

    @property
    def window(self) -> int:
        """Height and width in pixels of the windows to ask it for: smaller ones cost the same, and show less.

        Whether dark ground is shadow is told by the clouds around it: with windows of 256 pixels of 10 m it misses
        the largest shadow of a scene that it finds with windows of 768.
        """
        return _SIDE * self.step

    @property
    def name(self) -> str:
        """Name and version of the network, for people and manifests."""
        return f"ukis-csmask {self._settings['model']['version']}"

    @cached_property
    def _settings(self) -> dict[str, Any]:
        _onnxruntime()
        settings: dict[str, Any] = json.loads((files("ukis_csmask") / f"{self._file}.json").read_text("utf-8"))
        return settings

    @cached_property
    def _session(self) -> Any:
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads or 0
        with as_file(files("ukis_csmask") / f"{self._file}.onnx") as path:
            return onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=onnxruntime.get_available_providers()
            )

    @property
    def _file(self) -> str:
        return f"model_6b_{self.level.lower()}"

    def _ask(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities `(3, y, x)` for reflectance `(6, y, x)` at the network's resolution."""
        height, width = image.shape[1:]
        if max(height, width) > _SIDE:
            return self._ask_in_parts(image)
        spare = [_SIDE - height, _SIDE - width]
        pad = [(0, 0), *((missing // 2, missing - missing // 2) for missing in spare)]
        answer = self._ask_exactly(np.pad(image, pad, mode="symmetric"))
        (top, _), (left, _) = pad[1:]
        return answer[:, top : top + height, left : left + width]

    def _ask_in_parts(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        from ukis_csmask.utils import tile_array, untile_array  # noqa: PLC0415 - an extra

        last = np.moveaxis(image, 0, -1)
        parts = tile_array(last, xsize=_SIDE, ysize=_SIDE, overlap=_OVERLAP)
        answers = np.stack([np.moveaxis(self._ask_exactly(np.moveaxis(part, -1, 0)), 0, -1) for part in parts])
        shape = (*last.shape[:2], len(CLASSES))
        whole: NDArray[np.float32] = untile_array(answers, shape, overlap=_OVERLAP, smooth_blending=True)
        return np.moveaxis(whole, -1, 0)

    def _ask_exactly(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities for reflectance `(6, 256, 256)`."""
        mean, deviation = np.array(self._settings["data"]["dataset_statistics"]["img"])[..., None, None]
        standard = image.astype(np.float32)
        standard -= mean
        standard /= deviation
        session = self._session
        (logits,) = session.run(None, {session.get_inputs()[0].name: standard[None]})
        answer: NDArray[np.float32] = softmax(logits[0], axis=0)
        return answer


def cloud_predictor(level: str | None, threads: int | None = None, step: int = STEP) -> CloudNetwork:
    """Return the network that finds clouds and shadows in products of a level.

    Args:
        level: `L1C` or `L2A`. For any other level, and for None, it is the network of L1C, as in ukis-csmask itself;
            `CloudNetwork.level` tells.
        threads: threads to compute with; None lets onnxruntime choose.
        step: pixels along each side of one that the network sees: 30 m over the size of a pixel.

    Raises:
        BadInput: the extra is not installed.
    """
    _onnxruntime()
    return CloudNetwork(network_level(level), step, threads)


def network_level(level: str | None) -> str:
    """Return the level of the network that is asked about products of a level."""
    known = (level or "").upper()
    return known if known in LEVELS else LEVELS[0]


def _onnxruntime() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
        import ukis_csmask  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise BadInput("finding clouds needs ukis-csmask and onnxruntime: pip install 'highwall[clouds]'") from None
    return onnxruntime


def _means(image: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Return the means `(band, y, x)` over blocks of `step` x `step` pixels, those without data left out."""
    if step == 1:
        return image
    bands, height, width = image.shape
    rows, columns = -(-height // step), -(-width // step)
    full = np.zeros((bands, rows * step, columns * step), np.float32)
    full[:, :height, :width] = image
    blocks = full.reshape(bands, rows, step, columns, step)
    count = (blocks != 0).any(axis=0).sum(axis=(1, 3))
    means: NDArray[np.float32] = blocks.sum(axis=(2, 4)) / np.maximum(count, 1).astype(np.float32)
    return means
