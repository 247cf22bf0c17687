"""Labelled six-band tiles of mine landscapes, from a seed, so that first tries need no download."""

from highwall.simulation.dataset import DEFAULT_TILES, simulate
from highwall.simulation.site import AWAY, HOME, Region, Site, draw_site, render_site

__all__ = ["AWAY", "DEFAULT_TILES", "HOME", "Region", "Site", "draw_site", "render_site", "simulate"]
