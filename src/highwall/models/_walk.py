"""The forest's inner loop, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from highwall.compiled import compiled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@compiled
def add_answers(
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    right: NDArray[np.int32],
    roots: NDArray[np.int32],
    leaves: NDArray[np.float64],
    x: NDArray[np.float32],
    total: NDArray[np.float64],
) -> None:
    """Add every tree's class probabilities for `x` `(pixel, feature)` to `total` `(pixel, class)`.

    The arrays are those of `highwall.models.forest.Forest`. Trees are in the outer loop, so that one
    tree after the other stays in the cache and each pixel sums in tree order, as scikit-learn does.
    """
    for root in roots:
        for pixel in range(len(x)):
            node = root
            while feature[node] >= 0:
                node = node + 1 if x[pixel, feature[node]] <= threshold[node] else right[node]
            for c in range(leaves.shape[1]):
                total[pixel, c] += leaves[right[node], c]
