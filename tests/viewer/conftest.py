"""Maps of noise to look at, and the viewer without a network between."""

from __future__ import annotations

import io
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from starlette.testclient import TestClient

import highwall
from highwall.viewer.app import make_app
from highwall.viewer.maps import find_maps
from highwall.viewer.pictures import Pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.scenes import Scene


@pytest.fixture
def make_map(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> Callable[..., Path]:
    """Map a scene of noise with a hole in it; `judged` adds a band of applicability."""

    def make(name: str = "map", size: tuple[int, int] = (150, 200), *, judged: bool = False, **profile: Any) -> Path:
        scene = make_scene(*size, hole=True, name=f"scene-{name.replace('/', '-')}", **profile)
        folder = tmp_path / name
        highwall.map_scene(scene, local, folder, window=64, overlap=16)
        if judged:
            _add_applicability(folder / "probabilities.tif")
        return folder

    return make


def _add_applicability(path: Path) -> None:
    with rasterio.open(path) as file:
        planes, profile, names, scales = file.read(), file.profile, file.descriptions, file.scales
    more = np.where(planes[0] == 255, 255, np.arange(planes.shape[2]) % 251).astype(np.uint8)
    keep = ("height", "width", "crs", "transform", "dtype", "nodata")
    with rasterio.open(path, "w", driver="COG", count=len(planes) + 1, **{key: profile[key] for key in keep}) as file:
        file.write(np.concatenate([planes, more[None]]))
        file.descriptions, file.scales = (*names, "applicability"), (*scales, scales[0])


@pytest.fixture
def make_viewer(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Serve maps; all pictures are made when this returns."""
    clients = []

    def make(folders: Sequence[Path], scene: str | None = None) -> TestClient:
        maps, _ = find_maps(folders)
        pictures = Pictures(maps, tmp_path / "cache", scene, say=lambda _line: None)
        client = TestClient(make_app(pictures), base_url="http://127.0.0.1:8642", raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        pictures.wait()
        return client

    yield make
    for client in clients:
        client.__exit__()


@pytest.fixture(scope="session")
def png() -> Callable[[bytes], NDArray[np.uint8]]:
    """Decode a PNG into red, green, blue and opacity `(4, y, x)`."""

    def decode(content: bytes) -> NDArray[np.uint8]:
        with rasterio.MemoryFile(io.BytesIO(content)) as memory, memory.open() as file:
            assert (file.driver, file.count) == ("PNG", 4)
            return file.read()

    return decode


@pytest.fixture
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Path]]:
    """Copy a folder to a file system that nobody can write to."""
    disk = tmp_path_factory.mktemp("disk")

    def copy(folder: Path) -> Path:
        if _run("mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", disk):
            pytest.skip("no file system can be mounted here")
        shutil.copytree(folder, disk / folder.name)
        assert _run("mount", "-o", "remount,ro", disk) == 0
        return disk / folder.name

    yield copy
    _run("umount", "-l", disk)


def _run(*command: object) -> int:
    return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode  # noqa: S603 - ours
