"""The page in a real browser, over a real server and real maps."""

from __future__ import annotations

import io
import json
import math
import re
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import geopandas as gpd
import numpy as np
import pytest
import uvicorn
from matplotlib import colormaps
from PIL import Image
from scene_fixtures import write_counts

from highwall.legend import COLORS, DEFAULT_LEGEND
from highwall.products.map import map_scene
from highwall.products.review import decide
from highwall.viewer.app import make_app
from highwall.viewer.maps import find_maps
from highwall.viewer.pictures import Pictures
from highwall.viewer.server import listen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
GROUND = (217, 220, 216)  # around the scene, in the light look
PLAIN = "#picture=none&opacity=1"

if not (CHROMIUM.is_file() and (Path(sync_api.__file__).parents[1] / "driver").is_dir()):
    pytest.skip("no Chromium here", allow_module_level=True)


@dataclass(frozen=True)
class Patch:
    """A rectangle of one class; the model is equally sure of all its pixels."""

    class_id: int
    rows: slice
    columns: slice
    probability: float

    @property
    def middle(self) -> tuple[float, float]:
        """Row and column."""
        return (self.rows.start + self.rows.stop) / 2, (self.columns.start + self.columns.stop) / 2


DUMP = Patch(1, slice(20, 60), slice(20, 60), 0.9)
PIT = Patch(2, slice(20, 50), slice(90, 120), 0.7)
POND = Patch(3, slice(80, 100), slice(90, 110), 0.6)
SPECK = Patch(1, slice(90, 94), slice(30, 34), 0.5)
PATCHES = (DUMP, PIT, POND, SPECK)
HOLE = slice(56, 76)
"""Rows and columns of which nothing is known; the dump touches it."""

SHAPE = (120, 140)


def predictor(patches: tuple[Patch, ...]) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Tell patches by the reflectance of the fourth band, which is their number."""

    def predict(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        answers = np.zeros((len(patches) + 1, 4), np.float32)
        answers[0, 0] = 1
        for row, patch in enumerate(patches, 1):
            answers[row] = (1 - patch.probability) / 3
            answers[row, patch.class_id] = patch.probability
        rows = np.rint(reflectance[:, 3] * 10).astype(int) - 1
        rows[(rows < 0) | (rows > len(patches))] = 0
        return np.ascontiguousarray(answers[rows].transpose(0, 3, 1, 2))

    return predict


@dataclass(frozen=True)
class Served:
    """A viewer of two maps of one scene."""

    address: str
    folders: tuple[Path, Path]

    def polygons(self, number: int = 0) -> gpd.GeoDataFrame:
        """Read the model's polygons, largest first."""
        return gpd.read_file(self.folders[number] / "polygons.gpkg", layer="polygons").sort_values(
            ["area_ha", "id"], ascending=[False, True]
        )

    def reviews(self) -> dict[int, tuple[Any, ...]]:
        """Read decision, class, note and reviewer, with nothing of ours."""
        with closing(sqlite3.connect(self.folders[0] / "polygons.gpkg")) as database:
            rows = database.execute("SELECT polygon, decision, class_id, note, reviewer FROM review")
            return {row[0]: row[1:] for row in rows}

    def keeps(self, number: int, *start: Any) -> bool:
        """Tell whether a polygon's review comes to begin so, within seconds."""
        deadline = time.monotonic() + 10
        while self.reviews().get(number, ())[: len(start)] != start:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("page")
    counts = np.random.default_rng(0).integers(400, 2000, (6, *SHAPE)).astype(np.uint16)
    counts[3] = 1000
    for number, patch in enumerate(PATCHES, 2):
        counts[3, patch.rows, patch.columns] = 1000 * number
    counts[:, HOLE, HOLE] = 0
    scene = write_counts(root / "scene.tif", counts)
    other = (Patch(2, DUMP.rows, DUMP.columns, 0.8), *PATCHES[1:])
    for name, patches in (("first", PATCHES), ("second", other)):
        map_scene(scene, predictor(patches), root / name, window=64, overlap=16)
    folders = (root / "first", root / "second")
    pictures = Pictures(find_maps(folders)[0], root / "cache", say=lambda _line: None)
    place = listen(port=0)
    server = uvicorn.Server(uvicorn.Config(make_app(pictures), log_level="warning", ws="none", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place.socket]}, daemon=True)
    thread.start()
    yield Served(place.address, folders)
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Page:
    """The page of the viewer in a browser, and all that it asked for and said."""

    tab: Any
    served: Served
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, hash_: str = PLAIN) -> Page:
        """Open it at a hash, and wait until all is drawn."""
        self.tab.goto(self.served.address + hash_)
        self.tab.wait_for_selector(".polygon")
        return self.still()

    def still(self) -> Page:
        """Wait until nothing is being loaded or drawn."""
        self.tab.wait_for_timeout(250)
        self.tab.wait_for_selector("#map-left[aria-busy=false]")
        return self

    def place(self, row: float, column: float) -> tuple[float, float]:
        """Say where a pixel of the map is in the window, by the view that the hash tells."""
        zoom, lat, lon = (float(text) for text in re.search(r"view=([^&]*)", self.tab.url)[1].split("/"))  # type: ignore[index]  # it is there
        point = gpd.GeoSeries.from_xy([500_000 + 10 * column], [7_500_000 - 10 * row], crs=32723).to_crs(4326)[0]
        box = self.tab.locator("#map-left").bounding_box()
        (x, y), (x0, y0) = _mercator(point.x, point.y), _mercator(lon, lat)
        scale = 512 * 2**zoom
        return box["x"] + box["width"] / 2 + scale * (x - x0), box["y"] + box["height"] / 2 + scale * (y - y0)

    def color(self, row: float, column: float) -> tuple[int, ...]:
        """Tell the colour in which a pixel of the map is shown."""
        x, y = self.place(row, column)
        picture = self.tab.screenshot(clip={"x": round(x), "y": round(y), "width": 1, "height": 1})
        return tuple(int(value) for value in np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))[0, 0])

    def shows(self, pixel: tuple[float, ...], color: tuple[float, ...], by: int = 4) -> bool:
        """Tell whether a pixel of the map comes to have a colour, within seconds: browsers draw when they can."""
        deadline = time.monotonic() + 10
        while not near(self.color(*pixel), color, by):
            if time.monotonic() > deadline:
                return False
            self.tab.wait_for_timeout(50)
        return True

    def text(self, selector: str) -> str:
        """Read what stands somewhere, with plain spaces."""
        return " ".join(self.tab.inner_text(selector).split())

    def select(self, patch: Patch) -> int:
        """Click on a patch, and return the id of its polygon.

        The hash, which tells where the patch is, follows the view a little later: who clicked beside it clicks again.
        """
        for _ in range(10):
            self.still().tab.mouse.click(*self.place(*patch.middle))
            try:
                self.tab.wait_for_selector("#card:not([hidden])", timeout=3_000)
                break
            except sync_api.TimeoutError:
                continue
        return int(self.text("#card-title small").removeprefix("#"))


def _mercator(lon: float, lat: float) -> tuple[float, float]:
    return (lon + 180) / 360, (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2


@pytest.fixture
def page(chromium: Any, served: Served) -> Iterator[Page]:
    """A fresh tab; nothing in it may ask another machine or complain."""
    context = chromium.new_context(
        viewport={"width": 1000, "height": 640}, reduced_motion="reduce", color_scheme="light"
    )
    context.set_default_timeout(30_000)
    page = Page(context.new_page(), served)
    page.tab.on("request", lambda request: page.requests.append(request.url))
    page.tab.on("pageerror", lambda error: page.errors.append(str(error)))
    page.tab.on("console", lambda said: page.errors.extend([said.text] if said.type in {"error", "warning"} else []))
    yield page
    context.close()
    assert {urlsplit(url).netloc for url in page.requests if not url.startswith(("data:", "blob:"))} == {
        urlsplit(served.address).netloc
    }
    assert not [text for text in page.errors if "409 (Conflict)" not in text and "GL Driver Message" not in text]


def near(color: tuple[float, ...], other: tuple[float, ...], by: int = 4) -> bool:
    return max(abs(int(a) - int(b)) for a, b in zip(color, other, strict=True)) <= by


def of_class(class_id: int) -> tuple[int, int, int]:
    return COLORS[DEFAULT_LEGEND.names[DEFAULT_LEGEND.ids.index(class_id)]]


def test_every_layer_shows_what_is_true(page: Page) -> None:
    page.open()
    for patch in PATCHES[:3]:
        assert page.shows(patch.middle, of_class(patch.class_id))
    assert page.shows((70, 130), GROUND)
    page.tab.click("#layers summary")
    page.tab.click(".legend label:has-text('quarry pit')")
    page.tab.click("#layers summary")  # or it lies over the map
    assert page.still().shows(PIT.middle, GROUND)
    assert page.shows(DUMP.middle, of_class(1))
    page.open("#picture=none&opacity=1&overlay=probability:3")
    for patch in PATCHES[:3]:
        probability = patch.probability if patch.class_id == 3 else (1 - patch.probability) / 3
        expected = colormaps["viridis"](probability, bytes=True)[:3]
        assert page.shows(patch.middle, expected, 8)  # probabilities are kept in 250 steps
    hole = {page.color(HOLE.start + 8 + k / 3, HOLE.start + 8) for k in range(8)}
    assert len(hole) > 1  # hatched
    assert page.tab.locator("#overlay-applicability").is_disabled()  # this model doesn't know it


def test_pictures_come_when_they_are_ready(page: Page) -> None:
    page.tab.route("**/api/maps", lambda route: route.fulfill(json=_unready(route)))
    page.tab.route("**/pictures", lambda route: route.fulfill(json=UNREADY))
    page.open("#overlay=none&hide=outlines+masked")
    page.tab.click("#layers summary")
    assert "not yet" in page.text("#layers .hint")
    assert not [url for url in page.requests if "/tiles/" in url]
    page.tab.unroute("**/pictures")
    page.tab.wait_for_selector("#picture-false:enabled")  # asked for again
    page.still()
    assert not near(page.color(70, 130), GROUND)
    page.tab.locator("#picture-false").check()
    page.still()
    assert any("/tiles/false/" in url for url in page.requests)
    assert not page.tab.locator("#layers .hint:visible").count()


UNREADY = {name: {"ready": False, "why": "not yet", "wait": True} for name in ("true", "false")}


def _unready(route: Any) -> Any:
    document = route.fetch().json()
    for shown in document["maps"]:
        shown["pictures"] = UNREADY
    return document


def test_a_click_shows_what_the_model_says_of_a_polygon(page: Page, served: Served) -> None:
    page.open()
    number = page.select(DUMP)
    row = served.polygons().set_index("id").loc[number]
    card = page.text("#card")
    assert f"{row['area_ha']:.1f} ha" in card
    assert f"{row['perimeter_m']:,.0f} m" in card
    assert "Mean confidence 90 %" in card
    assert "Touches ground of which nothing is known" in card
    assert "minimum mapping unit" not in card
    page.tab.keyboard.press("Escape")
    page.select(SPECK)  # which lies where the card opens
    x, _ = page.still().place(*SPECK.middle)
    box = page.tab.locator("#card").bounding_box()
    assert x > box["x"] + box["width"]
    assert "Smaller than the minimum mapping unit" in page.text("#card")


def test_filters_apply_to_list_and_map_at_once(page: Page, served: Served) -> None:
    page.open()
    polygons = served.polygons()
    total = polygons["area_ha"].sum()
    assert page.text("#summary").startswith(f"4 polygons · {total:.1f} ha")
    page.tab.fill("#least-hectares", "5")
    left = polygons[polygons["area_ha"] >= 5]
    assert page.text("#summary").startswith(f"2 of 4 polygons · {left['area_ha'].sum():.1f} ha of {total:.1f} ha")
    assert page.tab.locator(".polygon").all_inner_texts()[0].startswith("waste dump")
    assert page.still().shows(POND.middle, GROUND)
    page.tab.click(".chip:has-text('waste dump')")
    assert [text.split("\n")[0] for text in page.tab.locator(".polygon").all_inner_texts()] == ["quarry pit"]
    page.tab.click("text=Show all")
    page.tab.locator("#least-confidence").fill("0.65")
    sure = polygons[polygons["mean_probability"] >= 0.65]
    assert page.text("#summary").startswith(f"{len(sure)} of 4 polygons")
    assert page.still().shows(POND.middle, GROUND)
    page.tab.select_option("#review-state", "accept")
    assert page.text("#summary").startswith("0 of 4 polygons")


def test_areas_are_marked_as_uncorrected(page: Page, served: Served) -> None:
    page.open()
    for name, rows in served.polygons().groupby("class"):
        area = rows["area_ha"].sum()
        assert f"{name} {len(rows)} {area:.{1 if area >= 10 else 2}f} ha" in page.text("#areas table")
    page.tab.click("#areas >> text=uncorrected")
    assert "highwall area first points.gpkg" in page.text("#uncorrected")


def test_two_maps_lie_side_by_side(page: Page) -> None:
    page.open(f"{PLAIN}&compare=1")
    handle, frame = page.tab.locator("#swipe"), page.tab.locator("#maps").bounding_box()
    x, _ = page.place(*DUMP.middle)
    handle.focus()
    page.tab.keyboard.press("End")
    assert page.shows(DUMP.middle, of_class(1))
    page.tab.keyboard.press("Home")
    page.tab.wait_for_timeout(300)
    assert page.shows(DUMP.middle, of_class(2))  # as the second map has it
    for _ in range(10):
        page.tab.keyboard.press("ArrowRight")
    assert handle.get_attribute("aria-valuenow") == "20"
    grip = handle.bounding_box()
    page.tab.mouse.move(grip["x"] + 14, grip["y"] + 200)
    page.tab.mouse.down()
    page.tab.mouse.move(x - 20, grip["y"] + 200, steps=3)
    page.tab.mouse.up()
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(
        100 * (x - 20 - frame["x"]) / frame["width"], abs=1
    )
    page.tab.locator("#map-left canvas").focus()
    page.tab.keyboard.press("ArrowUp")  # moves both
    page.still()
    assert page.shows(DUMP.middle, of_class(2))
    assert page.shows(PIT.middle, of_class(2))


def test_a_decision_is_stored_in_the_geopackage(page: Page, served: Served) -> None:
    page.open()
    number = page.select(PIT)
    page.tab.fill("#reviewer", "Ana")
    page.tab.fill("#note", "a pit, seen from the road")
    page.tab.click("#accept")
    page.tab.wait_for_selector(".mark.accept")
    assert served.keeps(number, "accept", None, "a pit, seen from the road", "Ana")
    page.tab.select_option("#reclass-to", label="tailings pond")
    page.tab.click("#reclass")
    page.tab.wait_for_selector(".mark.reclass")
    assert served.keeps(number, "reclass", 3)
    page.tab.select_option("#review-state", "reclass")
    assert page.text("#summary").startswith("1 of 4 polygons")
    page.tab.keyboard.press("Escape")
    page.tab.click("#filters")  # out of the list of states, where keys are its own
    assert page.still().shows(DUMP.middle, GROUND)
    assert page.select(PIT) == number
    page.tab.click("#clear")
    page.tab.wait_for_selector("text=Not reviewed yet.")
    assert served.keeps(number, None)
    page.tab.reload()
    assert page.tab.input_value("#reviewer") == "Ana"  # remembered


def test_two_reviewers_do_not_overwrite_each_other_unasked(page: Page, served: Served) -> None:
    page.open()
    number = page.select(POND)
    decide(served.folders[0], number, "reject", note="a shadow", reviewer="Bo")
    page.tab.click("#accept")
    page.tab.wait_for_selector("#overwrite")
    assert re.search("Bo rejected it .*“a shadow”", page.text("#card [role=alert]"))
    assert served.keeps(number, "reject")
    page.tab.click("#overwrite")
    page.tab.wait_for_selector(".mark.accept")
    assert served.keeps(number, "accept")


def test_polygons_of_two_maps_are_not_mixed_up(page: Page, served: Served) -> None:
    page.open(f"{PLAIN}&compare=1")
    page.tab.locator("#swipe").focus()
    page.tab.keyboard.press("Home")  # the second map alone
    number = page.still().select(POND)
    (name,) = served.polygons(1).set_index("id").loc[[number], "class"]
    assert "in second" in page.text("#card")
    page.tab.goto(f"{page.tab.url.partition('#')[0]}{PLAIN}&compare=1&polygon={number}")  # of the first map
    page.tab.wait_for_selector("#card:not(:has-text('in second')) #note")
    page.tab.fill("#note", "of the first map")
    page.still().select(POND)
    page.tab.wait_for_selector("#card:has-text('in second')")
    assert page.tab.input_value("#note") == ""
    offered = page.tab.locator("#reclass-to option").all_inner_texts()
    assert sorted(offered) == sorted({*DEFAULT_LEGEND.names[1:]} - {name})


def test_a_decision_that_was_not_kept_is_shown_to_who_went_on(page: Page, served: Served) -> None:
    page.open()
    number = page.select(PIT)
    held: list[Any] = []
    page.tab.route("**/review", lambda route: held.append(route))  # noqa: PLW0108 - it looks at its signature
    page.tab.click("#accept")
    page.tab.keyboard.press("j")
    page.tab.wait_for_selector(f"#card-title small:not(:text-is('#{number}'))")
    held[0].fulfill(status=400, json={"error": "disk full"})
    page.tab.wait_for_selector("text=disk full")
    assert page.text("#card-title small") == f"#{number}"
    page.errors[:] = [text for text in page.errors if "400 (Bad Request)" not in text]


def test_a_read_only_map_says_so(page: Page) -> None:
    def answer(route: Any) -> None:
        document = route.fetch().json()
        document["maps"][0]["writable"] = False
        route.fulfill(json=document)

    page.tab.route("**/api/maps", answer)
    page.open()
    page.select(DUMP)
    assert "read-only" in page.text("#card")
    assert not page.tab.locator("#accept:visible").count()


def test_downloads_are_the_files_themselves(page: Page, served: Served) -> None:
    page.open()
    for name in ("polygons.gpkg", "classes.tif", "probabilities.tif"):
        page.tab.click("#downloads-button")
        with page.tab.expect_download() as waiting:
            page.tab.click(f"#downloads a[href$='{name}']")
        assert Path(waiting.value.path()).read_bytes() == (served.folders[0] / name).read_bytes()
        page.tab.keyboard.press("Escape")


def test_everything_is_reached_by_keys(page: Page, served: Served) -> None:
    page.open()
    order = served.polygons()["id"].tolist()
    tab = page.tab
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    assert page.text("#card-title small") == f"#{order[1]}"
    tab.keyboard.press("k")
    tab.keyboard.press("r")
    tab.wait_for_selector(".mark.reject")
    assert served.keeps(order[0], "reject")
    tab.wait_for_selector("section.review:not([aria-busy])")
    tab.keyboard.press("a")
    tab.wait_for_selector(".mark.accept")
    assert served.keeps(order[0], "accept")
    tab.locator("#list").focus()
    tab.keyboard.press("End")
    assert page.text("#card-title small") == f"#{order[-1]}"
    tab.keyboard.press("?")
    assert tab.locator("#keys").is_visible()
    tab.keyboard.press("Escape")
    seen: list[str] = []
    tab.click("#layers summary")
    for _ in range(60):
        tab.keyboard.press("Tab")
        name, outline = tab.evaluate(FOCUSED)
        assert outline, name
        seen.append(name)
    wanted = {"map-choice", "compare-choice", "downloads-button", "keys-button", "class-0", "least-hectares", "order"}
    wanted |= {"least-confidence", "review-state", "list", "accept", "reject", "reclass", "note", "reviewer", "opacity"}
    wanted |= {"picture-none", "overlay-classes", "probability-of", "outlines", "masked", "CANVAS"}
    assert wanted <= set(seen)


FOCUSED = """() => {
  const shown = (element) => getComputedStyle(element).outlineStyle !== "none";
  const element = document.activeElement;
  const near = element.closest("label") ?? element;
  const plain = element === document.body || element.classList.contains("maplibregl-canvas");
  return [element.id || element.tagName, plain || shown(element) || shown(near) || !!element.closest("[class*=ctrl]")];
}"""


def test_the_hash_keeps_view_and_layers(page: Page) -> None:
    page.open("#picture=false&overlay=probability:2&opacity=0.3&map=1")
    page.tab.locator("#map-left canvas").focus()
    page.tab.keyboard.press("ArrowRight")
    page.tab.wait_for_timeout(500)
    kept = page.tab.url
    page.tab.goto("about:blank")
    page.tab.goto(kept)
    page.tab.wait_for_selector(".polygon")
    page.still()
    assert page.tab.url == kept
    assert page.tab.input_value("#map-choice") == "1"
    assert page.tab.input_value("#probability-of") == "2"
    assert page.tab.locator("#overlay-probability").is_checked()
    assert page.tab.locator("#picture-false").is_checked()


def test_classes_are_tiles_where_polygons_were_left_out(page: Page) -> None:
    def answer(route: Any) -> None:
        document = route.fetch().json()
        kept = [row for row in document["features"] if row["properties"]["class_id"] != PIT.class_id]
        route.fulfill(json=document | {"features": kept, "left_out": 1})

    page.tab.route("**/polygons", answer)
    page.open()
    assert page.shows(PIT.middle, of_class(2))
    page.tab.click(".chip:has-text('quarry pit')")
    assert page.still().shows(PIT.middle, GROUND)
    assert page.shows(DUMP.middle, of_class(1))
    assert "1 smaller polygon more" in page.text("#polygons")


def test_a_list_of_tens_of_thousands_stays_quick(page: Page) -> None:
    def answer(route: Any) -> None:
        document = route.fetch().json()
        one = document["features"][0]
        many = [
            one | {"id": number, "properties": one["properties"] | {"area_ha": number}} for number in range(1, 20_001)
        ]
        route.fulfill(body=json.dumps(document | {"features": many}), content_type="application/json")

    page.tab.route("**/polygons", answer)
    page.tab.goto(page.served.address + "#hide=outlines&overlay=none&picture=none")
    page.tab.wait_for_selector(".polygon")
    page.tab.locator("#list").focus()
    page.tab.keyboard.press("End")
    page.tab.wait_for_selector("#polygon-1[aria-selected=true]")
    assert page.tab.locator(".polygon").count() < 60
    assert page.tab.get_attribute("#list", "aria-activedescendant") == "polygon-1"
    page.tab.fill("#least-hectares", "19990.5")
    page.tab.wait_for_selector("#summary:has-text('10 of 20,000 polygons')")
    page.tab.wait_for_selector("#polygon-20000")
