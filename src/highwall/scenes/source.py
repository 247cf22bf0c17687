"""One raster of a scene, read on the scene's grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError

from highwall.errors import BadInput
from highwall.scenes.raster import check_nested
from highwall.scenes.upsample import MARGIN, upsampled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.scenes.scene import Plane, Resampling, Window


@dataclass(frozen=True, eq=False)
class Source:
    """An open raster whose pixels are as large as the grid's, or whole multiples or parts of them."""

    path: str
    """Where it is."""

    dataset: Any
    """The open rasterio dataset."""

    factor: int
    """Pixels of the grid along one of the raster's."""

    parts: int
    """Pixels of the raster along one of the grid's; `factor` or `parts` is 1."""

    @classmethod
    def on(cls, grid: GeoBox, path: str, dataset: Any) -> Self:
        """Fit an open raster to a grid; one that is not georeferenced is taken to cover the same ground.

        Raises:
            BadInput: it lies on another grid.
        """
        own = GeoBox.from_rio(dataset)
        if dataset.crs is not None and grid.crs is not None and own.crs != grid.crs:
            raise BadInput(f"{path}: lies on another grid than the scene's, in another coordinate reference system")
        if own.affine.almost_equals(grid.affine, 1e-6 * abs(grid.affine.a)) and own.shape == grid.shape:
            return cls(path, dataset, 1, 1)
        if dataset.crs is None or grid.crs is None:
            scale = Affine.scale(grid.shape[1] / own.shape[1], grid.shape[0] / own.shape[0])
            own = GeoBox(own.shape, grid.affine * scale, grid.crs)
        finer = abs(own.affine.a) < abs(grid.affine.a)
        check_nested(path, grid if finer else own, own if finer else grid)
        ratio = own.affine.a / grid.affine.a
        return cls(path, dataset, max(round(ratio), 1), max(round(1 / ratio), 1))

    def read(
        self, planes: Sequence[Plane], where: Window, resampling: Resampling
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read counts `(plane, y, x)` of a window of the grid, and where all of the planes have data, `(y, x)`.

        Raises:
            BadInput: the file is damaged, or finer than the grid.
        """
        if self.parts > 1:
            raise BadInput(f"{self.path}: its pixels are finer than the scene's grid")
        margin = MARGIN[resampling] if self.factor > 1 else 0
        inner = covering(where[0], self.factor, margin), covering(where[1], self.factor, margin)
        inside = clipped(inner[0], self.dataset.height), clipped(inner[1], self.dataset.width)
        indexes = [plane.index for plane in planes]
        counts = self.counts(indexes, inside)
        has_data: NDArray[np.bool_] = np.isfinite(counts)
        for position, plane in enumerate(planes):
            if plane.nodata is not None:
                has_data[position] &= counts[position] != plane.nodata
        if any(_masked(self.dataset, index) for index in indexes):
            has_data &= self.counts(indexes, inside, masks=True) > 0
        if self.factor == 1:
            return counts, np.logical_and.reduce(has_data)
        around = [
            (0, 0),
            *((part.start - whole.start, whole.stop - part.stop) for whole, part in zip(inner, inside, strict=True)),
        ]
        fine = upsampled(np.pad(counts, around), np.pad(has_data, around), self.factor, resampling)
        fine = fine[:, *(cropped(fine_span, self.factor) for fine_span in where)]
        return fine, np.logical_and.reduce(np.isfinite(fine))

    def from_afar(
        self, planes: Sequence[Plane], where: Window, shape: tuple[int, int]
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read a window of the grid as `read` does, but in fewer pixels, from overviews where the raster has any.

        Raises:
            BadInput: the file is damaged, or finer than the grid.
        """
        if self.parts > 1:
            raise BadInput(f"{self.path}: its pixels are finer than the scene's grid")
        sizes = (self.dataset.height, self.dataset.width)
        rows, columns = (clipped(covering(span, self.factor), size) for span, size in zip(where, sizes, strict=True))
        counts = self.counts([plane.index for plane in planes], (rows, columns), shape)
        has_data = np.isfinite(counts)
        for position, plane in enumerate(planes):
            if plane.nodata is not None:
                has_data[position] &= counts[position] != plane.nodata
        return counts, np.logical_and.reduce(has_data)

    def counts(
        self, indexes: list[int], inside: Window, shape: tuple[int, int] | None = None, *, masks: bool = False
    ) -> NDArray[Any]:
        """Read a window of the raster's own pixels, `(index, y, x)`, or of the masks of its bands.

        Args:
            indexes: numbers of its bands, from 1.
            inside: the window.
            shape: height and width to read it in, if not its own.
            masks: whether to read masks.

        Raises:
            BadInput: the file is damaged.
        """
        window = tuple((span.start, span.stop) for span in inside)
        out = None if shape is None else (len(indexes), *shape)
        read = self.dataset.read_masks if masks else self.dataset.read
        try:
            values: NDArray[Any] = read(indexes, window=window, out_shape=out)
        except RasterioError as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise BadInput(f"{self.path}: damaged or truncated ({reason})") from None
        return values


def covering(fine: slice, factor: int, margin: int = 0) -> slice:
    """Return the coarse pixels that cover a span of fine ones, with a margin; it may reach over the edge."""
    return slice(fine.start // factor - margin, -(-fine.stop // factor) + margin)


def clipped(span: slice, size: int) -> slice:
    """Return the part of a span from 0 to `size`."""
    return slice(max(span.start, 0), min(span.stop, size))


def cropped(fine: slice, factor: int) -> slice:
    """Return where a span of fine pixels lies in all fine pixels of the coarse ones that cover it."""
    first = fine.start % factor
    return slice(first, first + fine.stop - fine.start)


def _masked(dataset: Any, index: int) -> bool:
    """Tell whether a band has a mask of its own, or an alpha band."""
    flags = dataset.mask_flag_enums[index - 1]
    return MaskFlags.all_valid not in flags and MaskFlags.nodata not in flags
