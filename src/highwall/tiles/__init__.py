"""Labelled and unlabelled tiles: finding, reading and checking them."""

from highwall.tiles.check import CheckReport, Leak, check
from highwall.tiles.dataset import Dataset, Encoding, Tile, Track, open_dataset
from highwall.tiles.read import read_image, read_labels
from highwall.tiles.sites import sites

__all__ = [
    "CheckReport",
    "Dataset",
    "Encoding",
    "Leak",
    "Tile",
    "Track",
    "check",
    "open_dataset",
    "read_image",
    "read_labels",
    "sites",
]
