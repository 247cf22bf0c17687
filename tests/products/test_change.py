from __future__ import annotations

import json
import resource
import signal
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
import typer
from affine import Affine
from rasterio.features import rasterize
from rio_cogeo.cogeo import cog_validate
from typer.testing import CliRunner

from highwall.cli.change import change as verb
from highwall.errors import BadInput
from highwall.legend import DEFAULT_LEGEND, Legend
from highwall.products import change_raster
from highwall.products.change import change

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

ORIGIN = (500_000.0, 7_500_000.0)


@pytest.fixture
def make_map(tmp_path: Path) -> Callable[..., Path]:
    """Write the folder of a map: class ids, their upper left corner in pixels (row, column) from a common origin."""

    def make(
        name: str,
        classes: NDArray[np.uint8],
        at: tuple[float, float] = (0, 0),
        *,
        legend: Legend = DEFAULT_LEGEND,
        crs: str | None = "EPSG:32723",
        size: float = 10,
        date: str | None = "2020-05-01T10:00:00Z",
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        transform = Affine(size, 0, ORIGIN[0] + size * at[1], 0, -size, ORIGIN[1] - size * at[0])
        where = {"crs": crs, "transform": transform} if crs else {}
        shape = {"height": classes.shape[0], "width": classes.shape[1], "count": 1, "dtype": "uint8", "nodata": 255}
        with rasterio.open(folder / "classes.tif", "w", driver="GTiff", **shape, **where) as file:
            file.write(classes, 1)
        entries: list[dict[str, Any]] = [
            {"value": c.id, "name": c.name.replace(" ", "_"), "title": c.name, "color_hint": c.hex}
            for c in legend.classes
        ]
        entries.append({"value": 255, "name": "unknown", "nodata": True})
        item = {
            "id": name,
            "properties": {"datetime": date},
            "assets": {"classes": {"classification:classes": entries}},
        }
        (folder / "item.json").write_text(json.dumps(item))
        return folder

    return make


def scatter(seed: int, shape: tuple[int, int] = (70, 60)) -> NDArray[np.uint8]:
    """Squares of all classes and of unknown ground."""
    rng = np.random.default_rng(seed)
    small = rng.choice(np.array([0, 0, 1, 2, 3, 255], np.uint8), (-(-shape[0] // 5), -(-shape[1] // 5)))
    return np.kron(small, np.ones((5, 5), np.uint8))[: shape[0], : shape[1]]


def check(out: Path, before: NDArray[np.uint8], after: NDArray[np.uint8], origin: tuple[float, float] = ORIGIN) -> None:
    """Compare all that was written with what whole arrays, already aligned, give."""
    known = (before != 255) & (after != 255)
    with rasterio.open(out / "change.tif") as file:
        transform = file.transform
        np.testing.assert_array_equal(file.read(1), np.where(known, before * 16 + after, 255))
        assert (file.nodata, file.crs, transform.c, transform.f) == (255, "EPSG:32723", *origin)
    document = json.loads((out / "change.json").read_text())
    names = DEFAULT_LEGEND.names
    pixels = {
        a: {b: int((known & (before == i) & (after == j)).sum()) for j, b in enumerate(names)}
        for i, a in enumerate(names)
    }
    assert document["transitions"]["pixels"] == pixels
    geod, corners = pyproj.Geod(ellps="WGS84"), np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * before.shape[::-1]
    x, y = transform * corners.T
    to_degrees = pyproj.Transformer.from_crs("EPSG:32723", "EPSG:4326", always_xy=True)
    pixel = abs(geod.polygon_area_perimeter(*to_degrees.transform(x, y))[0]) / before.size / 1e4
    for i, row in enumerate(document["classes"]):
        assert (row["class_id"], row["class"]) == (i, names[i])
        ours, theirs = known & (before == i), known & (after == i)
        assert (row["pixels_a"], row["pixels_b"]) == (ours.sum(), theirs.sum())
        counts = {"area_a": ours, "area_b": theirs, "gain": theirs & ~ours, "loss": ours & ~theirs}
        for name, where in counts.items():
            assert row[f"uncorrected_{name}_ha"] == pytest.approx(where.sum() * pixel, rel=1e-5)
        difference = (int(theirs.sum()) - int(ours.sum())) * pixel
        assert row["uncorrected_difference_ha"] == pytest.approx(difference, rel=1e-5, abs=1e-9)
    table = geopandas.read_file(out / "change.gpkg", layer="change")
    assert table["id"].tolist() == [*range(1, len(table) + 1)]
    for kind, ids in (("gain", after), ("loss", before)):
        ours = table[table["change"] == kind]
        expected = np.where(known & (before != after), ids, 0)
        pairs = list(zip(ours.geometry, ours["class_id"], strict=True))
        burnt = rasterize(pairs, before.shape, transform=transform, dtype=np.uint8) if pairs else np.zeros_like(before)
        np.testing.assert_array_equal(burnt, expected)
        for i in (1, 2, 3):
            area = ours.loc[ours["class_id"] == i, "area_ha"].sum()
            assert area == pytest.approx(document["classes"][i][f"uncorrected_{kind}_ha"], rel=1e-5)


def test_two_maps_on_one_grid(make_map: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_raster, "BLOCK", 16)  # several strips
    before, after = scatter(0), scatter(1)
    a, b = make_map("a", before), make_map("b", after, date=None)
    result = change(a, b, tmp_path / "out")
    check(tmp_path / "out", before, after)
    document = json.loads((tmp_path / "out" / "change.json").read_text())
    assert document == result.to_json()
    assert (document["a"], document["b"]) == ({"map": "a", "date": "2020-05-01"}, {"map": "b", "date": None})
    (note,) = document["notes"]
    share = 100 * ((before == 255) | (after == 255)).mean()
    assert note.startswith(f"{share:.1f} % of the common ground is unknown")
    table = geopandas.read_file(tmp_path / "out" / "change.gpkg", layer="change")
    assert set(table["map_a"]) == {"a"}
    assert table["date_b"].isna().all()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("change.gpkg", "change.json", "change.qml", "change.tif", "change.tif.aux.xml")
    ]


def test_the_raster_is_a_cog_with_names_and_colours(make_map: Any, tmp_path: Path) -> None:
    change(make_map("a", scatter(0)), make_map("b", scatter(1)), tmp_path / "out")
    path = tmp_path / "out" / "change.tif"
    assert cog_validate(path, quiet=True)[0]
    with rasterio.open(path) as file:
        colors = file.colormap(1)
    assert colors[0 * 16 + 3] == (*DEFAULT_LEGEND.classes[3].color, 255)
    assert len({colors[value] for value in (0, 1, 17, 16)}) == 4
    names = (tmp_path / "out" / "change.tif.aux.xml").read_text()
    assert "<Category>background to tailings pond</Category>" in names
    assert 'value="18" label="waste dump to quarry pit"' in (tmp_path / "out" / "change.qml").read_text()


@pytest.mark.parametrize("shift", [(7, -4), (-12, 9), (3.3, -2.4), (0, 0.5), (-0.5, 0)])
def test_shifted_maps_are_compared_where_both_are(make_map: Any, tmp_path: Path, shift: tuple[float, float]) -> None:
    before, after = scatter(2), scatter(3, (50, 64))
    result = change(make_map("a", before), make_map("b", after, shift), tmp_path / "out")
    rows, columns = (np.arange(n) for n in before.shape)
    # the pixel of the second map that holds the middle of each pixel of the first one, the upper left one on a tie
    sources = [np.ceil(n + 0.5 - s - 1).astype(int) for n, s in zip((rows, columns), shift, strict=True)]
    inside = [(n >= 0) & (n < size) for n, size in zip(sources, after.shape, strict=True)]
    aligned = after[np.ix_(sources[0][inside[0]], sources[1][inside[1]])]
    first = [int(np.argmax(each)) for each in inside]
    origin = (ORIGIN[0] + 10 * first[1], ORIGIN[1] - 10 * first[0])
    check(tmp_path / "out", before[np.ix_(*inside)], aligned, origin)
    partial = any(part != int(part) for part in shift)
    assert any("nearest" in note for note in result.notes) == partial
    assert result.notes[0].startswith("b begins ")
    height, width = aligned.shape
    assert f"Compared on the ground in both maps: {height} rows and {width} columns." in result.notes


def test_equal_maps_have_no_change(make_map: Any, tmp_path: Path) -> None:
    same = np.full((20, 30), 2, np.uint8)
    result = change(make_map("a", same), make_map("b", same), tmp_path / "out")
    check(tmp_path / "out", same, same)
    assert result.notes == ()
    table = geopandas.read_file(tmp_path / "out" / "change.gpkg", layer="change")
    assert len(table) == 0
    assert table.crs == "EPSG:32723"


def test_ground_known_in_neither_map_is_no_change(make_map: Any, tmp_path: Path) -> None:
    unknown = np.full((6, 5), 255, np.uint8)
    result = change(make_map("a", unknown), make_map("b", scatter(0, (6, 5))), tmp_path / "out")
    check(tmp_path / "out", unknown, scatter(0, (6, 5)))
    assert result.notes == ("100.0 % of the common ground is unknown in one of the maps, and left out.",)


def test_maps_without_georeference_are_compared_without_areas(make_map: Any, tmp_path: Path) -> None:
    a, b = make_map("a", scatter(0), crs=None), make_map("b", scatter(1), crs=None)
    result = change(a, b, tmp_path / "out")
    assert "no coordinate reference system" in result.notes[0]
    document = json.loads((tmp_path / "out" / "change.json").read_text())
    assert document["classes"][1]["uncorrected_area_a_ha"] is None
    assert document["classes"][1]["pixels_a"] == ((scatter(0) == 1) & (scatter(1) != 255)).sum()


def test_ids_above_14_need_two_bytes(make_map: Any, tmp_path: Path) -> None:
    legend = Legend.from_names({0: "background", 20: "pit"})
    before, after = np.array([[0, 20, 255]], np.uint8), np.array([[20, 20, 0]], np.uint8)
    change(make_map("a", before, legend=legend), make_map("b", after, legend=legend), tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "change.tif") as file:
        assert file.read(1).tolist() == [[20, 20 * 256 + 20, 65535]]
        assert (file.dtypes, file.nodata) == (("uint16",), 65535)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"legend": Legend.from_names({0: "background", 1: "mine"})}, "different legends"),
        ({"crs": "EPSG:32722"}, "different coordinate reference systems"),
        ({"crs": None}, "different coordinate reference systems"),
        ({"size": 20}, "pixels of different size"),
        ({"at": (0, 10)}, "do not overlap"),
        ({"at": (-10, 0)}, "do not overlap"),
    ],
)
def test_maps_that_cannot_be_compared(make_map: Any, tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    classes = np.zeros((10, 10), np.uint8)
    a, b = make_map("a", classes), make_map("b", classes, **options)
    with pytest.raises(BadInput, match=reason) as error:
        change(a, b, tmp_path / "out")
    assert len(str(error.value).splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_what_is_no_map(make_map: Any, tmp_path: Path) -> None:
    a = make_map("a", scatter(0))
    with pytest.raises(BadInput, match="is no map"):
        change(a, tmp_path, tmp_path / "out")
    b = make_map("b", np.full((70, 60), 9, np.uint8))
    with pytest.raises(BadInput, match=r"b/classes\.tif: holds 9"):
        change(a, b, tmp_path / "out")
    (b / "item.json").write_text('{"id": "b", "assets": {}}')
    with pytest.raises(BadInput, match=r"b/item\.json: not the item of a map"):
        change(a, b, tmp_path / "out")
    raster = (a / "classes.tif").read_bytes()
    (a / "classes.tif").write_bytes(raster[: len(raster) // 2])
    with pytest.raises(BadInput, match=r"a/classes\.tif"):
        change(a, make_map("c", scatter(1)), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def test_a_folder_that_holds_something_is_left_alone(make_map: Any, tmp_path: Path) -> None:
    a, b = make_map("a", scatter(0)), make_map("b", scatter(1))
    before = (a / "classes.tif").read_bytes()
    for out in (a, a / "item.json"):
        with pytest.raises(BadInput, match="holds something"):
            change(a, b, out)
    assert (a / "classes.tif").read_bytes() == before
    (tmp_path / "empty").mkdir()
    change(a, b, tmp_path / "empty")
    assert (tmp_path / "empty" / "change.tif").exists()


@pytest.mark.parametrize("most", [1_000, 50_000, 110_000])
def test_a_full_disk_leaves_nothing_behind(make_map: Any, tmp_path: Path, most: int) -> None:
    rng = np.random.default_rng(0)
    before, after = rng.integers(0, 4, (2, 300, 300), np.uint8)
    a, b = make_map("a", before), make_map("b", after)
    before_all, signals = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before_all[1]))  # files grow no further, as on a full disk
    try:
        with pytest.raises(BadInput, match=r"out: cannot be written \(") as error:
            change(a, b, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before_all)
        signal.signal(signal.SIGXFSZ, signals)
    assert len(str(error.value).splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_the_verb_prints_a_table_and_notes(make_map: Any, tmp_path: Path) -> None:
    a, b = make_map("a", scatter(0)), make_map("b", scatter(1), (2, 0))
    app = typer.Typer()
    app.command()(verb)
    arguments = [str(a), str(b), "-o", str(tmp_path / "out"), "--json", str(tmp_path / "result.json")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "result.json").read_text())
    assert document == json.loads((tmp_path / "out" / "change.json").read_text())
    assert all(note in done.output for note in document["notes"])
    assert "background" not in done.output
    for row in document["classes"][1:]:
        (line,) = (line for line in done.output.splitlines() if f"│ {row['class']} " in line)
        assert f"{row['uncorrected_area_a_ha']:,.1f}" in line
        assert f"{row['uncorrected_difference_ha']:+,.1f}" in line
