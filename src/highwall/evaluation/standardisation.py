"""Confusion as a product of three factors, and what each of them adds to the difference of two scores."""

from __future__ import annotations

from itertools import permutations, product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FACTORS: Final = ("class_mixture", "edges", "appearance")
"""What may differ between two sets of tiles, in the order of the fields of `Factors`."""


class Factors(NamedTuple):
    """What the pixel counts of a set are made of; NaN where nothing is known of a share."""

    class_mixture: NDArray[Any]
    """Share of each class in the pixels, `(..., truth)`."""

    edges: NDArray[Any]
    """Share of interior and edge in the pixels of a class, `(..., truth, stratum)`."""

    appearance: NDArray[Any]
    """Share of each answer in the pixels of a class and stratum, `(..., truth, stratum, answer)`."""


def factorise(counts: NDArray[np.int64]) -> Factors:
    """Split pixel counts `(..., stratum, truth, answer)` into factors; a share of no pixels is NaN."""
    pixels = np.moveaxis(counts, -3, -2)
    of_stratum = pixels.sum(axis=-1)
    of_class = of_stratum.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return Factors(
            of_class / of_class.sum(axis=-1)[..., None],
            of_stratum / of_class[..., None],
            pixels / of_stratum[..., None],
        )


def attribute(
    a: NDArray[np.int64], b: NDArray[np.int64], score: Callable[[NDArray[Any]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Share the difference of two scores out among the factors behind them.

    The factors of `a` are changed for those of `b` one after the other; a factor's part is by how much the score
    moves, averaged over all orders, so that no order is preferred and the parts add up to `score(b) - score(a)`.
    Standardisation of a rate by its components is of Kitagawa (1955), Components of a difference between two rates,
    JASA 50; its form for several factors of Das Gupta (1993), Standardization and decomposition of rates; that the
    average over orders is the Shapley value, for any score, of Shorrocks (2013), Decomposition procedures for
    distributional analysis, Journal of Economic Inequality 11.

    Where a factor of one set is undefined (it lacks a class, or its class has no edge pixels), it is taken from the
    other set, so that nothing is blamed on it: the class's absence counts as class mixture, that of edge pixels as
    edges. An order in which a table on the way has no score is left out.

    Args:
        a: pixel counts `(..., stratum, truth, answer)`.
        b: pixel counts, same shape.
        score: makes scores `(...)` from shares of pixels `(..., truth, answer)`; NaN where undefined.

    Returns:
        Parts `(factor, ...)`, in the order of `FACTORS`; NaN where one of the two scores is.
    """
    first, second = factorise(a), factorise(b)
    values = {
        swapped: score(_table(*(pair[swap] for pair, swap in zip(_pairs(first, second), swapped, strict=True))))
        for swapped in product((0, 1), repeat=len(FACTORS))
    }
    orders = list(permutations(range(len(FACTORS))))
    steps = np.stack([np.stack(_steps(order, values)) for order in orders])  # (order, factor, ...)
    defined = np.isfinite(steps).all(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        parts: NDArray[np.float64] = np.where(defined, steps, 0).sum(axis=0) / defined.sum(axis=0)
    return parts


def _pairs(first: Factors, second: Factors) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Pair up the factors of two sets, gaps of one filled from the other, and with 0 where both have them."""

    def filled(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
        return np.nan_to_num(np.where(np.isnan(one), other, one))

    mixtures, *others = zip(first, second, strict=True)
    return [mixtures, *((filled(one, other), filled(other, one)) for one, other in others)]


def _table(mixture: NDArray[Any], edges: NDArray[Any], appearance: NDArray[Any]) -> NDArray[Any]:
    """Multiply factors into shares of pixels `(..., truth, answer)`."""
    table: NDArray[Any] = np.einsum("...t,...ts,...tsa->...ta", mixture, edges, appearance)
    return table


def _steps(order: tuple[int, ...], values: dict[tuple[int, ...], NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return by how much the score moves with each factor `(factor, ...)`, when they are swapped in this order."""
    place = np.argsort(order)  # of each factor
    return [
        values[tuple(int(p <= place[factor]) for p in place)] - values[tuple(int(p < place[factor]) for p in place)]
        for factor in range(len(order))
    ]
