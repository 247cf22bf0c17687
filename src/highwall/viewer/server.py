"""Serves the viewer until somebody ends it."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import uvicorn

from highwall.errors import BadInput
from highwall.viewer.app import make_app

if TYPE_CHECKING:
    from highwall.viewer.pictures import Pictures

PORT: Final = 8642
"""Where the viewer is looked for first."""

_NEXT: Final = 100
"""Ports that are tried where nobody names one."""

_PATIENCE: Final = 2
"""Seconds that answers under way are given when the viewer ends."""


@dataclass(frozen=True)
class Place:
    """Where a viewer listens."""

    host: str
    """Name or address."""

    socket: socket.socket
    """The open socket."""

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.socket.getsockname()[1])

    @property
    def address(self) -> str:
        """What to type into a browser on this machine."""
        here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared only
        return f"http://{f'[{here}]' if ':' in here.strip('[]') and not here.startswith('[') else here}:{self.port}/"

    @property
    def private(self) -> bool:
        """Whether this machine alone reaches it."""
        return bool(ip_address(self.socket.getsockname()[0]).is_loopback)


def listen(host: str = "127.0.0.1", port: int | None = None) -> Place:
    """Begin to listen; connections wait until `serve` takes them.

    Args:
        host: name or address.
        port: 0 for any free one; None for the usual one or, if it is taken, the next that is free.

    Raises:
        BadInput: there is no such place, or the port is taken.
    """
    for candidate in range(PORT, PORT + _NEXT) if port is None else (port,):
        try:
            return Place(host, _bound(host, candidate))
        except PermissionError:
            raise BadInput(f"--port {candidate}: not allowed here") from None
        except OSError as error:
            reason = f"{host}, port {candidate}: {error.strerror or error}"
            if isinstance(error, socket.gaierror):
                break
    raise BadInput(f"the viewer can't listen at {reason}")


def serve(place: Place, pictures: Pictures, *, browser: bool = True) -> None:
    """Serve maps until the process is interrupted.

    Args:
        place: where.
        pictures: the maps, and their pictures.
        browser: whether to open a browser.
    """
    config = uvicorn.Config(
        make_app(pictures, place.host),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=_PATIENCE,
    )
    if browser:
        _open_browser(place.address)
    with place.socket, suppress(KeyboardInterrupt):  # which uvicorn raises again when all is closed
        uvicorn.Server(config).run(sockets=[place.socket])


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would share the port with others
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(128)
    except BaseException:
        bound.close()
        raise
    return bound


def _open_browser(address: str) -> None:
    """Open a browser that has a window; one in the terminal would take it away from the viewer."""
    has_windows = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if has_windows:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
