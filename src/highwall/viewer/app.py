"""The viewer's web application: the page, and what it asks for."""

from __future__ import annotations

import getpass
import gzip
import re
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio import to_thread
from rasterio.errors import RasterioError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from highwall.cores import usable_cores
from highwall.errors import BadInput
from highwall.products.review import POLYGONS, Conflict, ReadOnly, settle
from highwall.viewer.describe import describe, distinct_names
from highwall.viewer.guard import Guard
from highwall.viewer.maps import FILES, Missing
from highwall.viewer.pictures import PICTURES
from highwall.viewer.polygons import PolygonStore
from highwall.viewer.posted import LARGEST, Posted
from highwall.viewer.tiles import Tile, draw, draw_picture, layers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from highwall.viewer.maps import ShownMap
    from highwall.viewer.pictures import Pictures

STATIC: Final = Path(__file__).parent / "static"
"""The page."""

_ASK_AGAIN: Final = "no-cache"
"""A browser keeps an answer, but asks each time whether it still holds: that is quick on the same machine."""

_FOREVER: Final = "public, max-age=31536000, immutable"
_NUMBER: Final = re.compile("[0-9]{1,6}")


def make_app(pictures: Pictures, host: str = "127.0.0.1") -> Guard:
    """Make the application for some maps.

    Args:
        pictures: the maps and their pictures, which are begun when the application starts and stopped when it ends.
        host: name or address at which it will listen.
    """
    answers = _Answers(pictures)
    each = "/api/maps/{map}"
    routes = [
        Route("/", answers.page),
        Route("/api/maps", answers.maps),
        Route(f"{each}/pictures", answers.pictures_state),
        Route(f"{each}/polygons", answers.polygons),
        Route(f"{each}/tiles/{{layer}}/{{z}}/{{x}}/{{y}}.png", answers.tile),
        Route(f"{each}/download/{{name}}", answers.download),
        Route(f"{each}/review", answers.review, methods=["POST"]),
        Mount("/assets", _Assets(directory=STATIC / "assets", check_dir=False)),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        pictures.start()
        try:
            yield
        finally:
            pictures.stop()

    handlers: dict[Any, Any] = {
        HTTPException: _say_status,
        BadInput: _say_bad_input,
        Missing: _say_missing,
        **dict.fromkeys((RasterioError, OSError, Exception), _say_failure),
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan), host)


class _Assets(StaticFiles):
    """Files whose names change with what is in them."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = _FOREVER
        return response


@dataclass
class _Answers:
    pictures: Pictures
    polygon_store: PolygonStore = field(default_factory=PolygonStore)
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(usable_cores() + 2))

    async def page(self, _request: Request) -> Response:
        if not (STATIC / "index.html").is_file():
            raise HTTPException(404, "the page was not built: npm run build in viewer/")
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": _ASK_AGAIN})

    async def maps(self, _request: Request) -> Response:
        maps = await self._run(self._describe)
        return JSONResponse({"maps": maps, "reviewer": _reviewer()}, headers={"Cache-Control": "no-store"})

    def _describe(self) -> list[dict[str, Any]]:
        maps = self.pictures.maps
        names = distinct_names([shown.folder for shown in maps])
        told = [describe(shown, self.pictures.to_json(shown.id)) for shown in maps]
        return [{**one, "name": name} for one, name in zip(told, names, strict=True)]

    async def pictures_state(self, request: Request) -> Response:
        state = self.pictures.to_json(self._map(request).id)
        return JSONResponse(state, headers={"Cache-Control": "no-store"})

    async def polygons(self, request: Request) -> Response:
        state, packed = await self._run(self.polygon_store.document, self._map(request))
        headers = {"ETag": f'"{state}"', "Cache-Control": _ASK_AGAIN, "Vary": "Accept-Encoding"}
        if _known(request, headers["ETag"]):
            return Response(None, 304, headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
        else:
            packed = await self._run(gzip.decompress, packed)
        return Response(packed, headers=headers, media_type="application/geo+json")

    async def tile(self, request: Request) -> Response:
        shown, layer = self._map(request), request.path_params["layer"]
        tile = Tile.parse(*(request.path_params[name] for name in ("z", "x", "y")))
        if layer in PICTURES:
            path = self.pictures.path(shown.id, layer)
            if path is None:
                raise HTTPException(404, self.pictures.to_json(shown.id)[layer]["why"] or "it is still being made")
            state, make = path.stem, partial(draw_picture, path, tile)
        elif layer not in layers(shown):
            raise HTTPException(404, "no such layer")
        else:
            name = "classes.tif" if layer in {"classes", "masked"} else "probabilities.tif"
            state, make = shown.state(name), partial(draw, shown, layer, tile)
        headers = {"ETag": f'"{state}"', "Cache-Control": _ASK_AGAIN}
        if _known(request, headers["ETag"]):
            return Response(None, 304, headers)
        return Response(await self._run(make), headers=headers, media_type="image/png")

    async def download(self, request: Request) -> Response:
        shown, name = self._map(request), request.path_params["name"]
        if name not in FILES:
            raise HTTPException(404, f"only {', '.join(FILES)} can be downloaded")
        path = shown.file(name)
        if name == POLYGONS:
            with suppress(BadInput):  # of a folder that is read-only, it is handed out as it is
                await self._run(settle, shown.folder)
        saved = f"{shown.folder.name}-{name}"
        return FileResponse(
            path, media_type="application/octet-stream", filename=saved, headers={"Cache-Control": _ASK_AGAIN}
        )

    async def review(self, request: Request) -> Response:
        shown = self._map(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(415, "a review is application/json")
        posted = Posted.parse(await _body(request))
        shown.file(POLYGONS)  # as when it is read: not if it is gone, or a link to another place
        try:
            review = await self._run(posted.put, shown.folder)
        except Conflict as conflict:
            current = None if conflict.current is None else conflict.current.to_json()
            return JSONResponse({"review": current, "error": str(conflict)}, 409)
        except ReadOnly as error:
            raise HTTPException(403, str(error)) from None
        return JSONResponse({"review": None if review is None else review.to_json()})

    def _map(self, request: Request) -> ShownMap:
        number = request.path_params["map"]
        if not _NUMBER.fullmatch(number) or int(number) >= len(self.pictures.maps):
            raise HTTPException(404, "no such map")
        shown = self.pictures.maps[int(number)]
        if shown.replaced:  # its polygons have the same ids, but are others
            raise HTTPException(410, f"another map is in {shown.folder} now: start highwall view again")
        return shown

    async def _run(self, work: Callable[..., Any], *args: Any) -> Any:
        return await to_thread.run_sync(work, *args, limiter=self.threads)


def _reviewer() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # nobody has a name here
        return ""


def _known(request: Request, tag: str) -> bool:
    told = request.headers.get("if-none-match", "")
    return tag in {part.strip().removeprefix("W/") for part in told.split(",")}


async def _body(request: Request) -> bytes:
    """Read a request's body, but no more of it than a review can have."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise HTTPException(413, f"a review has {LARGEST:,} bytes at most")
    return body


async def _say_status(_request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _say_bad_input(_request: Request, error: BadInput) -> Response:
    return JSONResponse({"error": " ".join(str(error).split())}, 400)


async def _say_missing(_request: Request, error: Missing) -> Response:
    return JSONResponse({"error": " ".join(str(error).split())}, 404)


async def _say_failure(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the viewer failed: {' '.join(str(error).split())}"}, 500)
