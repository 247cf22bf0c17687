"""Labelled tiles from a scene and polygons: the way in for people who have polygons instead of masks."""

from highwall.cutting.cut import Cut, cut

__all__ = ["Cut", "cut"]
