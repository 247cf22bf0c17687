"""What keeps other web pages and other machines away from the viewer.

A page from anywhere may send requests to an address on this machine. It can't read answers that carry no CORS headers,
unless its name is pointed at this machine (DNS rebinding), which the header `Host` gives away. Nor may it write: a
request that writes comes from the viewer's own page, as the browser itself says.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            *("default-src 'self'", "img-src 'self' data: blob:", "worker-src 'self' blob:", "object-src 'none'"),
            *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Sent with everything: only the viewer's own files run, load and show it."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST"})


@dataclass(frozen=True)
class Guard:
    """An application behind the checks of this module."""

    app: ASGIApp
    """The application."""

    host: str = "127.0.0.1"
    """Name or address at which it listens."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = self._refusal(scope["method"], Headers(scope=scope))
        if refused is None:
            await self.app(scope, receive, send_with_headers)
        else:
            status, reason = refused
            await JSONResponse({"error": reason}, status)(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        """Return status and reason if a request is refused."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not serves(hosts[0], self.host):
            return 421, "this is not the address of the viewer"
        if method not in _METHODS:
            return 405, "only GET, HEAD and POST"
        if method == "POST" and not _same_origin(headers, hosts[0]):
            return 403, "only the viewer's own page may write"
        return None


def serves(header: str, host: str) -> bool:
    """Tell whether the `Host` of a request is a name of the viewer itself.

    Args:
        header: the header, such as `localhost:8642`; the port doesn't matter, since it may be forwarded.
        host: where the viewer listens. If that is everywhere, any address will do, but of names only the machine's.
    """
    try:
        name = (urlsplit(f"//{header}").hostname or "").rstrip(".")
        _ = urlsplit(f"//{header}").port  # must be a number
    except ValueError:
        return False
    if any(sign in header for sign in "/@?#\\, \t"):
        return False
    if name == "localhost" or name == host.lower() or (is_address(name) and ipaddress.ip_address(name).is_loopback):
        return True
    everywhere = is_address(host) and ipaddress.ip_address(host).is_unspecified
    return everywhere and (is_address(name) or name in {socket.gethostname().lower(), socket.getfqdn().lower()})


def is_address(name: str) -> bool:
    """Tell whether a host is a number, not a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same_origin(headers: Headers, host: str) -> bool:
    """Tell whether a request comes from a page of this server: all that the browser says of it must agree."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return False
    return site in (None, "same-origin") and origin in (None, f"http://{host}", f"https://{host}")
