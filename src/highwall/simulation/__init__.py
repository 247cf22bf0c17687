"""Labelled six-band tiles of mine landscapes, from a seed, so that first tries need no download."""

from highwall.simulation.backdrop import Backdrop
from highwall.simulation.dataset import DEFAULT_TILES, simulate
from highwall.simulation.over import DEFAULT_MIX, Mix, simulate_over
from highwall.simulation.site import AWAY, BARREN, HOME, Region, Site, draw_site, render_site

__all__ = [
    "AWAY",
    "BARREN",
    "DEFAULT_MIX",
    "DEFAULT_TILES",
    "HOME",
    "Backdrop",
    "Mix",
    "Region",
    "Site",
    "draw_site",
    "render_site",
    "simulate",
    "simulate_over",
]
