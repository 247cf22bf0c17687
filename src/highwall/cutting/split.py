"""Which sites validate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DRAWS: Final = 200  # random splits to choose from


def draw_validation(
    sites: NDArray[np.int64], classes: NDArray[np.bool_], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw whole sites for validation, so that nothing of one lies in both splits.

    Of many random splits the one is taken whose parts both show the most classes, training first, and among those
    the one nearest to the share. Sites without any class, which are empty, are shared out by themselves.

    Args:
        sites: number of the site of each tile, `(tile,)`.
        classes: which classes each tile shows, `(tile, class)`.
        share: of the tiles, 0 to 1.
        rng: where the randomness comes from.

    Returns:
        Which tiles are for validation, `(tile,)`; none, if the share of the sites with classes rounds to no site.
    """
    shows = _by_site(sites, classes)
    sizes = np.bincount(sites, minlength=len(shows))
    full, empty = np.flatnonzero(shows.any(axis=1)), np.flatnonzero(~shows.any(axis=1))
    if round(share * len(full)) < 1 or len(full) < 2:
        return np.zeros(len(sites), bool)
    draws = [_nearest(rng.permutation(full), sizes, share, least=1)[: len(full) - 1] for _ in range(_DRAWS)]
    wanted = share * sizes[full].sum()

    def cost(chosen: NDArray[np.int64]) -> tuple[int, int, float]:
        left = np.setdiff1d(full, chosen)
        lacking = (int((~shows[part].any(axis=0) & shows.any(axis=0)).sum()) for part in (left, chosen))
        return (*lacking, abs(float(sizes[chosen].sum() - wanted)))  # type: ignore[return-value]  # two and one

    best = min(draws, key=cost)
    return np.isin(sites, [*best, *_nearest(rng.permutation(empty), sizes, share)])


def _nearest(order: NDArray[np.int64], sizes: NDArray[np.int64], share: float, least: int = 0) -> NDArray[np.int64]:
    """Return the first sites of an order, as many as come nearest to the share of all their tiles."""
    summed = np.concatenate([[0], np.cumsum(sizes[order])])
    return order[: max(least, int(np.argmin(np.abs(summed - share * summed[-1]))))]


def _by_site(sites: NDArray[np.int64], classes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    shows = np.zeros((int(sites.max(initial=-1)) + 1, classes.shape[1]), bool)
    np.logical_or.at(shows, sites, classes)
    return shows
