"""Finds images, masks and `dataset.toml` in folders laid out as in the competition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from highwall.errors import BadInput
from highwall.tiles.settings import NAME

if TYPE_CHECKING:
    from pathlib import Path

SPLITS: Final = ("train", "val", "open", "closed")
"""The splits of a competition, in order."""

_SUFFIXES: Final = (".tif", ".tiff")


@dataclass(frozen=True)
class Tile:
    """One training sample on disk."""

    image: Path
    """TIFF of the image."""

    mask: Path | None
    """TIFF of class ids, or None where the split has no masks."""

    split: str
    """`train`, `val`, `open`, `closed`, or the name of a folder that is itself a split."""

    @property
    def key(self) -> str:
        """Split and file name, such as `train/a.tif`: how reports name the tile."""
        return f"{self.split}/{self.image.name}"


def find_tiles(path: Path) -> tuple[list[Tile], list[str]]:
    """Find the tiles in a dataset, split, plain folder or file, and name missing and orphan masks.

    Returns:
        The tiles by split, then name, those with a missing mask included; and one line per problem.

    Raises:
        BadInput: there is no tile.
    """
    if path.is_file():
        return [Tile(path, None, _split_name(path.parent))], []
    if not path.is_dir():
        raise BadInput(f"{path}: no such folder or file")
    tiles: list[Tile] = []
    problems: list[str] = []
    for folder in _split_folders(path):
        found, wrong = _tiles_of_split(folder)
        tiles += found
        problems += wrong
    if not tiles:
        raise BadInput(problems[0] if problems else f"{path}: no TIFF in this folder")
    return tiles, problems


def find_settings(path: Path) -> list[Path]:
    """Find each `dataset.toml` that describes the tiles at a path: its own, one inside a split, one beside the splits.

    A folder that has none of its own takes that of the dataset around it, at most two folders up.
    """
    folder = path if path.is_dir() else path.parent
    inside = [folder / NAME, *(split / NAME for split in _split_folders(folder) if split != folder)]
    around = [parent / NAME for parent in (folder, *folder.resolve().parents[:2])]
    return [file for file in inside if file.is_file()] or [file for file in around if file.is_file()][:1]


def _split_folders(path: Path) -> list[Path]:
    """List the splits of a dataset in order, or the folder itself where it is a split or plain."""
    if (path / "images").is_dir() or (path / "masks").is_dir():
        return [path]
    rank = {name: number for number, name in enumerate(SPLITS)}
    inside = [
        folder
        for folder in path.iterdir()
        if folder.is_dir() and ((folder / "images").is_dir() or (folder / "masks").is_dir() or folder.name in rank)
    ]
    return sorted(inside, key=lambda folder: (rank.get(folder.name, len(rank)), folder.name)) or [path]


def _split_name(folder: Path) -> str:
    folder = folder.resolve()
    return folder.parent.name if folder.name == "images" else folder.name


def _tiles_of_split(folder: Path) -> tuple[list[Tile], list[str]]:
    split = _split_name(folder)
    images_folder = folder / "images" if (folder / "images").is_dir() else folder
    images, masks = _tiffs(images_folder), _tiffs(folder / "masks")
    if (folder / "masks").is_dir() and images_folder is folder:
        return [], [f"{folder}: has masks, but no folder of images"]
    problems = [] if images else [f"{images_folder}: no TIFF in this folder"]
    if (folder / "masks").is_dir():
        problems += [f"{images[stem]}: image without mask" for stem in images.keys() - masks.keys()]
        problems += [f"{masks[stem]}: mask without image" for stem in masks.keys() - images.keys()]
    return [Tile(image, masks.get(stem), split) for stem, image in images.items()], sorted(problems)


def _tiffs(folder: Path) -> dict[str, Path]:
    """Map stem to TIFF in name order; hidden files, such as macOS leaves behind, are none."""
    if not folder.is_dir():
        return {}
    files = (f for f in folder.iterdir() if f.suffix.lower() in _SUFFIXES and not f.name.startswith("."))
    return {file.stem: file for file in sorted(files)}
