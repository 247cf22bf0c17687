"""How QGIS draws the points of a sample, and the form in which a person labels them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from highwall.legend import Legend

UNKNOWN_NAME: Final = "unknown"
"""What a person answers who cannot tell."""

_DOCTYPE: Final = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_VERSION: Final = "3.22.0"  # whose QML this is; newer versions of QGIS read it as well
_CATEGORIES: Final = "LayerConfiguration|Symbology|Fields|Forms|AttributeTable"
_NULL: Final = "{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}"  # stands for NULL in QGIS's value maps

_SYMBOLS: Final = {
    "to label": (
        '"reference" IS NULL OR "reference" = \'\'',
        {"color": "0,0,0,0", "outline_color": "255,0,200,255", "size": "4.4", "outline_width": "0.7"},
    ),
    "labelled": (
        "ELSE",
        {"color": "0,130,60,255", "outline_color": "255,255,255,255", "size": "2.4", "outline_width": "0.3"},
    ),
}
"""Which points are drawn how, in millimetres. What is to be labelled is a ring, through which its pixel is seen."""

_SLD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<StyledLayerDescriptor version="1.1.0" xmlns="http://www.opengis.net/sld" xmlns:se="http://www.opengis.net/se">
 <NamedLayer><se:Name>{layer}</se:Name><UserStyle><se:Name>{layer}</se:Name><se:FeatureTypeStyle><se:Rule>
  <se:PointSymbolizer><se:Graphic><se:Mark><se:WellKnownName>circle</se:WellKnownName>
   <se:Stroke><se:SvgParameter name="stroke">#ff00c8</se:SvgParameter></se:Stroke>
  </se:Mark><se:Size>12</se:Size></se:Graphic></se:PointSymbolizer>
 </se:Rule></se:FeatureTypeStyle></UserStyle></NamedLayer>
</StyledLayerDescriptor>
"""


def points_sld(layer: str) -> str:
    """Write a style of the points as OGC Styled Layer Descriptor 1.1, for other programs than QGIS: rings."""
    return _SLD.format(layer=layer)


def points_qml(legend: Legend) -> str:
    """Write style and form of the points for QGIS (3.22 or newer).

    `reference` is chosen from the names of the legend. `stratum` is hidden, in the form and in the table: who knows
    what the map says does not judge it independently.
    """
    root = Element("qgis", version=_VERSION, styleCategories=_CATEGORIES)
    _add_renderer(root)
    choices = {"(not labelled)": _NULL, **{name: name for name in legend.names}, "cannot tell": UNKNOWN_NAME}
    widgets: dict[str, tuple[str, Mapping[str, Any]]] = {
        "fid": ("Hidden", {}),
        "id": ("TextEdit", {}),
        "stratum": ("Hidden", {}),
        "reference": ("ValueMap", {"map": choices}),
        "note": ("TextEdit", {"IsMultiline": "true"}),
    }
    fields, editable = SubElement(root, "fieldConfiguration"), SubElement(root, "editable")
    columns = SubElement(SubElement(root, "attributetableconfig"), "columns")
    for name, (widget, config) in widgets.items():
        edit = SubElement(SubElement(fields, "field", name=name), "editWidget", type=widget)
        _add_options(SubElement(edit, "config"), config)
        SubElement(editable, "field", name=name, editable=str(int(name in ("reference", "note"))))
        SubElement(columns, "column", type="field", name=name, hidden=str(int(widget == "Hidden")), width="-1")
    SubElement(root, "editorlayout").text = "generatedlayout"
    SubElement(root, "previewExpression").text = '"id"'
    indent(root, " ")
    return _DOCTYPE + tostring(root, "unicode") + "\n"


def _add_renderer(root: Element) -> None:
    renderer = SubElement(root, "renderer-v2", type="RuleRenderer", enableorderby="0", forceraster="0")
    rules, symbols = SubElement(renderer, "rules", key="all"), SubElement(renderer, "symbols")
    for number, (label, (where, look)) in enumerate(_SYMBOLS.items()):
        SubElement(rules, "rule", key=label, symbol=str(number), label=label, filter=where)
        symbol = SubElement(symbols, "symbol", type="marker", name=str(number), alpha="1", clip_to_extent="1")
        layer = SubElement(symbol, "layer", {"class": "SimpleMarker"}, enabled="1", locked="0")
        _add_options(layer, {"name": "circle", "outline_style": "solid", **look})


def _add_options(parent: Element, values: Mapping[str, Any]) -> None:
    """Write texts by name, and lists of choices, as QGIS keeps its settings."""
    options = SubElement(parent, "Option", type="Map")
    for name, value in values.items():
        if isinstance(value, str):
            SubElement(options, "Option", name=name, value=value, type="QString")
            continue
        choices = SubElement(options, "Option", name=name, type="List")
        for label, choice in value.items():
            SubElement(SubElement(choices, "Option", type="Map"), "Option", name=label, value=choice, type="QString")
