"""Whether new tiles look like the training tiles at all, and what gives them away if not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats import false_discovery_control, mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from highwall.forecasting.looks import TEXTURE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FOLDS: Final = 5
"""Most folds of the cross-validation."""

_DEALS: Final = 5
"""Times that the sites are dealt to folds anew."""

_FALSE: Final = 0.05
"""Share of giveaways that may be chance."""

_MOST: Final = 5
"""Most giveaways that are told."""

_WORDS: Final = {
    "NDVI": ("greener", "less green"),
    "GRVI": ("greener", "less green"),
    "NDWI": ("less green", "greener"),  # over land its median goes against the plants
    "NDMI": ("moister", "drier"),
    "BSI": ("barer", "less bare"),
}
"""Index to words for higher and for lower."""


@dataclass(frozen=True)
class Giveaway:
    """One statistic that tells new sites from training sites."""

    name: str
    """Of the statistic, as `look_names` has it."""

    auc: float
    """Chance, 0.5 to 1, that it lies on its own side in a new site against a training site."""

    higher: bool
    """Whether it is higher in the new sites."""

    training: float
    """Its median over training sites."""

    new: float
    """Its median over new sites."""

    @property
    def subject(self) -> str:
        """What it tells of: a band's brightness, a band's texture, or one of the things that indices tell of."""
        if self.name in _WORDS:
            return min(_WORDS[self.name])  # the same word for each index of one thing
        band, _, what = self.name.partition(" ")
        return self.name if what == TEXTURE else band

    @property
    def words(self) -> tuple[str, str]:
        """Say what it tells: how, and of which band if of one."""
        turn = 0 if self.higher else 1
        if self.name in _WORDS:
            return _WORDS[self.name][turn], ""
        band, _, what = self.name.partition(" ")
        return (("rougher in", "smoother in") if what == TEXTURE else ("brighter in", "darker in"))[turn], band


@dataclass(frozen=True)
class DomainShift:
    """How well new tiles can be told from training tiles by their looks."""

    auc: float | None
    """Of a classifier between the two, for sites that it has not seen: about 0.5 where they look alike, 1 where no tile
    is mistaken; None where a side has fewer than two sites."""

    giveaways: tuple[Giveaway, ...]
    """Statistics that differ by more than chance, the strongest first, five at most, one for each subject."""

    def describe(self) -> str:
        """Say the giveaways in a few words, such as `brighter in B11 and B12, less green`; empty if there are none."""
        told: dict[str, list[str]] = {}
        for giveaway in self.giveaways:
            how, band = giveaway.words
            told.setdefault(how, []).extend([band] if band else [])
        return ", ".join(f"{how} {_listed(sorted(bands))}" if bands else how for how, bands in told.items())

    def to_json(self) -> dict[str, Any]:
        """Return AUC and giveaways by name."""
        return {"auc": self.auc, "giveaways": [asdict(giveaway) for giveaway in self.giveaways]}


def domain_shift(
    training: NDArray[np.float32],
    training_sites: Sequence[int] | NDArray[np.int64],
    new: NDArray[np.float32],
    new_sites: Sequence[int] | NDArray[np.int64],
    names: Sequence[str],
    seed: int = 0,
) -> DomainShift:
    """Try to tell new tiles from training tiles (classifier two-sample test, Lopez-Paz & Oquab 2017).

    The classifier is a logistic regression on statistics centred by their median, scaled by their quartiles and cut at
    three standard deviations, all learned without the tiles judged. Each fold holds whole sites of both sides, so
    that no site is on both sides of a trial. The AUC is the mean over folds, and over deals of the sites to folds,
    which has no bias at 0.5 however few they are. (The AUC of all folds' answers together has one: Airola et al. 2011.)
    With few sites it is far from certain: of sites of one kind, five against five give 0.1 to 0.9.

    Giveaways are statistics whose medians by site differ by the test of Mann & Whitney 1947, at a false discovery rate
    of 0.05 over all statistics (Benjamini & Hochberg 1995). A site counts once, however many tiles it has.

    Args:
        training: looks of the training tiles `(tile, statistic)`, NaN where unknown.
        training_sites: the site of each. Sites of training and new tiles are different ones, whatever their numbers.
        new: looks of the new tiles, likewise.
        new_sites: the site of each.
        names: names of the statistics, as `look_names` gives them.
        seed: of the folds.

    Returns:
        The AUC and the giveaways. Tiles without any data are left out.
    """
    before, after = _Side.known(training, training_sites), _Side.known(new, new_sites)
    return DomainShift(_auc(before, after, np.random.default_rng(seed)), _giveaways(before, after, names))


@dataclass(frozen=True, eq=False)
class _Side:
    """Tiles of one side, those with data."""

    looks: Floats
    """`(tile, statistic)`."""

    sites: NDArray[np.intp]
    """Number of each tile's site, `(tile,)`, from 0 on."""

    @staticmethod
    def known(looks: NDArray[np.float32], sites: Sequence[int] | NDArray[np.int64]) -> _Side:
        known = np.isfinite(looks).any(axis=1)
        return _Side(looks[known].astype(float), np.unique(np.asarray(sites)[known], return_inverse=True)[1])

    def __len__(self) -> int:
        return int(self.sites.max(initial=-1)) + 1

    def folds(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Deal the sites to folds, each about as many; the fold of each tile, `(tile,)`."""
        return np.asarray(rng.permutation(len(self))[self.sites] % count)

    def medians(self, statistic: int) -> Floats:
        """Return the median over tiles of each site that knows a statistic, `(site,)`."""
        values = self.looks[:, statistic]
        by_site = (values[(self.sites == site) & np.isfinite(values)] for site in range(len(self)))
        return np.array([np.median(tiles) for tiles in by_site if len(tiles)])


def _auc(training: _Side, new: _Side, rng: np.random.Generator) -> float | None:
    count = min(_FOLDS, len(training), len(new))
    if count < 2:
        return None
    looks = np.concatenate([training.looks, new.looks])
    looks = looks[:, np.isfinite(looks).any(axis=0)]
    looks = np.where(np.isfinite(looks), looks, np.nanmedian(looks, axis=0))
    is_new = np.repeat([False, True], [len(training.looks), len(new.looks)])
    found = []
    for _ in range(_DEALS):
        folds = np.concatenate([side.folds(count, rng) for side in (training, new)])
        for fold in range(count):
            learn, judge = folds != fold, folds == fold
            standard = _standard(looks, learn)
            model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(standard[learn], is_new[learn])
            found.append(roc_auc_score(is_new[judge], model.decision_function(standard[judge])))
    return float(np.mean(found))


def _standard(looks: Floats, learn: NDArray[np.bool_]) -> Floats:
    """Centre and scale each statistic as the tiles to `learn` from have it; 0 where they are all the same."""
    low, middle, high = np.percentile(looks[learn], [25, 50, 75], axis=0)
    spread = np.where(high > low, (high - low) / 1.349, looks[learn].std(axis=0))  # the former as of normal values
    scaled = np.divide(looks - middle, spread, out=np.zeros_like(looks), where=spread > 0)
    return np.asarray(np.clip(scaled, -3, 3))


def _giveaways(training: _Side, new: _Side, names: Sequence[str]) -> tuple[Giveaway, ...]:
    found, chances = [], []
    for statistic, name in enumerate(names):
        before, after = training.medians(statistic), new.medians(statistic)
        if len(before) and len(after):
            test = mannwhitneyu(after, before)
            auc = float(test.statistic) / (len(before) * len(after))
            medians = float(np.median(before)), float(np.median(after))
            found.append(Giveaway(name, max(auc, 1 - auc), auc > 0.5, *medians))
            chances.append(float(test.pvalue))
    false = false_discovery_control(chances) if chances else chances
    sure = [giveaway for giveaway, rate in zip(found, false, strict=True) if rate <= _FALSE]
    told: dict[str, Giveaway] = {}
    for giveaway in sorted(sure, key=lambda giveaway: -giveaway.auc):
        told.setdefault(giveaway.subject, giveaway)
    return tuple(told.values())[:_MOST]


def _listed(words: Sequence[str]) -> str:
    """Join words as in `B02, B03 and B04`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
