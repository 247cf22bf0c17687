"""How QGIS and other programs draw what is written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from highwall.legend import Color, Legend

_DOCTYPE: Final = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_VERSION: Final = "3.22.0"  # whose QML this is; newer versions of QGIS read it as well
_OPACITY: Final = 0.5
_WIDTHS: Final = (0.4, 0.15)
"""Millimetres of outlines, of polygons in general and of those below the minimum mapping unit."""

_SLD: Final = "http://www.opengis.net/sld"
_SE: Final = "http://www.opengis.net/se"
_OGC: Final = "http://www.opengis.net/ogc"

Pattern = Literal["solid", "b_diagonal"]
"""Fills, as QGIS names them: even, or hatched."""


@dataclass(frozen=True)
class Category:
    """Polygons that are drawn alike."""

    where: Mapping[str, str]
    """Column to the value that these polygons have in it; the same columns in all categories of a layer."""

    label: str
    """What the legend says."""

    color: Color
    """Red, green and blue, 0 to 255, of the fill; the outline is darker."""

    pattern: Pattern = "solid"
    """How they are filled. Those below the minimum mapping unit have but a thin outline."""

    dashed: str | None = None
    """Column that is true for those with a dashed outline; None where there are none."""


def class_categories(legend: Legend) -> tuple[Category, ...]:
    """One category for each target class, told by the column `class`."""
    classes = (legend.classes[index] for index in legend.targets)
    return tuple(Category({"class": c.name}, c.name, c.color) for c in classes)


def polygons_qml(categories: tuple[Category, ...]) -> str:
    """Write the style of a layer of polygons for QGIS (3.22 or newer); the layer has a column `below_minimum`."""
    root = Element("qgis", version=_VERSION, styleCategories="LayerConfiguration|Symbology")
    columns = " || ' ' || ".join(f'"{name}"' for name in categories[0].where)
    plain = columns.strip('"') if len(categories[0].where) == 1 else columns
    renderer = SubElement(root, "renderer-v2", type="categorizedSymbol", attr=plain, enableorderby="0", forceraster="0")
    entries, symbols = SubElement(renderer, "categories"), SubElement(renderer, "symbols")
    for number, category in enumerate(categories):
        value = " ".join(category.where.values())
        SubElement(entries, "category", symbol=str(number), value=value, label=category.label, render="true")
        symbols.append(_symbol(str(number), category))
    return _text(root, _DOCTYPE)


def polygons_sld(layer: str, categories: tuple[Category, ...]) -> str:
    """Write the style of a layer of polygons as OGC Styled Layer Descriptor 1.1, for other programs than QGIS."""
    namespaces: dict[str, Any] = {"xmlns": _SLD, "xmlns:se": _SE, "xmlns:ogc": _OGC}
    root = Element("StyledLayerDescriptor", version="1.1.0", **namespaces)
    named = SubElement(root, "NamedLayer")
    SubElement(named, "se:Name").text = layer
    user = SubElement(named, "UserStyle")
    SubElement(user, "se:Name").text = layer
    rules = SubElement(user, "se:FeatureTypeStyle")
    for category in categories:
        rule = SubElement(rules, "se:Rule")
        SubElement(rule, "se:Name").text = category.label
        condition = SubElement(rule, "ogc:Filter")
        if len(category.where) > 1:
            condition = SubElement(condition, "ogc:And")
        for column, value in category.where.items():
            equal = SubElement(condition, "ogc:PropertyIsEqualTo")
            SubElement(equal, "ogc:PropertyName").text = column
            SubElement(equal, "ogc:Literal").text = value
        symbolizer = SubElement(rule, "se:PolygonSymbolizer")
        opacity = _OPACITY if category.pattern == "solid" else _OPACITY / 2
        _parameters(SubElement(symbolizer, "se:Fill"), {"fill": _hex(category.color), "fill-opacity": str(opacity)})
        _parameters(SubElement(symbolizer, "se:Stroke"), {"stroke": _hex(_darker(category.color)), "stroke-width": "1"})
    return _text(root, '<?xml version="1.0" encoding="UTF-8"?>\n')


def classes_qml(legend: Legend) -> str:
    """Write the style of a raster of class ids for QGIS: names and colours."""
    return palette_qml((c.id, c.name, c.color) for c in legend.classes)


def palette_qml(entries: Iterable[tuple[int, str, Color]]) -> str:
    """Write the style of a raster of codes for QGIS.

    Args:
        entries: value, name and colour of each code; 0, which is background, lets what lies below show.
    """
    root = Element("qgis", version=_VERSION, styleCategories="LayerConfiguration|Symbology")
    pipe = SubElement(root, "pipe")
    renderer = SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
    palette = SubElement(renderer, "colorPalette")
    for value, name, color in entries:
        SubElement(
            palette, "paletteEntry", value=str(value), label=name, color=_hex(color), alpha="255" if value else "0"
        )
    return _text(root, _DOCTYPE)


def _symbol(name: str, category: Category) -> Element:
    symbol = Element("symbol", type="fill", name=name, alpha="1", clip_to_extent="1", force_rhr="0")
    layer = SubElement(symbol, "layer", {"class": "SimpleFill"}, enabled="1", locked="0")
    settings = {
        "color": _rgba(category.color, round(255 * _OPACITY) if category.pattern == "solid" else 255),
        "outline_color": _rgba(_darker(category.color), 255),
        "outline_style": "solid",
        "outline_width": str(_WIDTHS[0]),
        "outline_width_unit": "MM",
        "joinstyle": "bevel",
        "style": category.pattern,
    }
    options = SubElement(layer, "Option", type="Map")
    for key, value in settings.items():
        SubElement(options, "Option", name=key, value=value, type="QString")
    by_polygon = {
        "fillStyle": f"if(\"below_minimum\", 'no', '{category.pattern}')",
        "outlineWidth": f'if("below_minimum", {_WIDTHS[1]}, {_WIDTHS[0]})',
        **({"outlineStyle": f"if(\"{category.dashed}\", 'dash', 'solid')"} if category.dashed else {}),
    }
    collection = SubElement(SubElement(layer, "data_defined_properties"), "Option", type="Map")
    SubElement(collection, "Option", name="name", value="", type="QString")
    properties = SubElement(collection, "Option", name="properties", type="Map")
    for key, expression in by_polygon.items():
        entry = SubElement(properties, "Option", name=key, type="Map")
        SubElement(entry, "Option", name="active", value="true", type="bool")
        SubElement(entry, "Option", name="expression", value=expression, type="QString")
        SubElement(entry, "Option", name="type", value="3", type="int")  # 3: an expression
    SubElement(collection, "Option", name="type", value="collection", type="QString")
    return symbol


def _parameters(element: Element, values: dict[str, str]) -> None:
    for name, value in values.items():
        SubElement(element, "se:SvgParameter", name=name).text = value


def _darker(color: Color) -> Color:
    red, green, blue = (round(part * 2 / 3) for part in color)
    return red, green, blue


def _hex(color: Color) -> str:
    return f"#{bytes(color).hex()}"


def _rgba(color: Color, alpha: int) -> str:
    return ",".join(map(str, (*color, alpha)))


def _text(root: Any, head: str) -> str:
    indent(root, " ")
    return head + tostring(root, "unicode") + "\n"
