"""The pictures under maps: made once in the background, kept for the next time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from highwall.errors import BadInput
from highwall.scenes import open_scene
from highwall.viewer.cache import tidy, touch
from highwall.viewer.picture import picture_bands, picture_key, write_picture
from highwall.viewer.source import find_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from highwall.scenes import Scene
    from highwall.viewer.maps import ShownMap

    Say = Callable[[str], None]

PICTURES: Final = ("true", "false")
"""True colour, and false colour in the short-wave infrared."""

_NAMES: Final = {"true": "true colour", "false": "false colour"}


@dataclass
class Pictures:
    """Pictures of the scenes of some maps; a thread of its own makes those that aren't kept from an earlier time."""

    maps: Sequence[ShownMap]
    """The maps."""

    folder: Path
    """Where pictures are kept."""

    scene: str | list[str] | None = None
    """What to open as the scene of the only map, rather than what it says itself."""

    say: Say = print
    """Called with lines about how far it is."""

    _ready: dict[tuple[int, str], Path] = field(default_factory=dict)
    _reasons: dict[tuple[int, str], str] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to make them."""
        self._thread = threading.Thread(target=self._work, name="pictures", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """Stop soon, leaving nothing half done; wait for it so many seconds at most."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(patience)

    def wait(self) -> None:
        """Wait until all are made."""
        if self._thread is not None:
            self._thread.join()

    def path(self, number: int, picture: str) -> Path | None:
        """Return the file of a map's picture; None if there is none yet."""
        return self._ready.get((number, picture))

    def to_json(self, number: int) -> dict[str, dict[str, Any]]:
        """Tell which pictures of a map are ready, which are still to come (`wait`), and why others never will be."""
        told = {}
        for picture in PICTURES:
            key = (number, picture)
            ready, why = key in self._ready, self._reasons.get(key)
            told[picture] = {"ready": ready, "why": why, "wait": not ready and why is None}
        return told

    def _work(self) -> None:
        for shown in self.maps:
            if self._stopped.is_set():
                return
            try:
                scene = self._scene(shown)
            except Exception as error:  # noqa: BLE001 - products from strangers; the page says why there is no picture
                self._reasons |= {(shown.id, picture): _line(error) for picture in PICTURES}
                self.say(f"{shown.folder.name}: no picture of the scene: {_line(error)}")
                continue
            for picture in PICTURES:
                self._make(shown, scene, picture)

    def _scene(self, shown: ShownMap) -> Scene:
        scene = find_scene(shown) if self.scene is None else open_scene(self.scene)
        if scene.geobox.crs is None:
            raise BadInput(f"{scene.id} has no georeference")
        return scene

    def _make(self, shown: ShownMap, scene: Scene, picture: str) -> None:
        key = (shown.id, picture)
        try:
            bands = picture_bands(picture, scene.bands)
            path = self.folder / f"{picture_key(scene, bands)}.tif"
            if not touch(path):
                self.say(f"{shown.folder.name}: making a picture in {_NAMES[picture]} of {scene.id}")
                tidy(self.folder)
                write_picture(path, scene, bands, self._tick)
                self.say(f"{shown.folder.name}: {_NAMES[picture]} is ready")
            self._ready[key] = path
        except _Stopped:
            return
        except Exception as error:  # noqa: BLE001 - as above
            self._reasons[key] = _line(error)
            self.say(f"{shown.folder.name}: no picture in {_NAMES[picture]}: {_line(error)}")

    def _tick(self, _done: int, _total: int) -> None:
        if self._stopped.is_set():
            raise _Stopped


class _Stopped(Exception):  # noqa: N818 - no error: ends the work that nobody waits for
    pass


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
