"""Figures that are part of the page: charts as SVG, pictures as JPEG and PNG, all inline and with a text beside."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.rcsetup import cycler

from highwall.reports.html import tag

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

    from numpy.typing import NDArray

    from highwall.legend import LegendClass

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
"""Two colours that stay apart for colour-blind eyes (Okabe and Ito 2008)."""

INK: Final = "#1d2327"
QUIET: Final = "#8b949a"

_STYLE: Final[Any] = {
    "svg.hashsalt": "highwall",  # the same figure is the same text
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE]),
}


def chart(size: tuple[float, float], alt: str, paint: Callable[[Figure], None]) -> Element:
    """Draw a chart, `size` inches wide and high, with a text that says the same."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        target = io.BytesIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    width = round(96 * size[0])
    image = tag("img", src=_data(target.getvalue(), "svg+xml"), alt=alt, width=width)
    return tag("figure", image, class_="chart")


def photo(pixels: NDArray[np.float32], alt: str) -> Element:
    """Show a picture `(y, x, 3)`, 0 to 1, as JPEG."""
    target = io.BytesIO()
    imsave(target, (pixels.clip(0, 1) * 255).astype(np.uint8), format="jpeg", pil_kwargs={"quality": 82})
    return tag("img", src=_data(target.getvalue(), "jpeg"), alt=alt)


def drawing(pixels: NDArray[np.uint8], alt: str) -> Element:
    """Show a picture `(y, x, 3)` of even colours as PNG, pixel by pixel."""
    target = io.BytesIO()
    imsave(target, pixels, format="png", pil_kwargs={"optimize": True})
    return tag("img", src=_data(target.getvalue(), "png"), alt=alt, class_="classes")


def line_color(of: LegendClass) -> tuple[float, float, float]:
    """Return the colour of a class, 0 to 1, darkened where it would be lost on white."""
    red, green, blue = (part / 255 for part in of.color)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    share = min(1, 0.55 / max(light, 1e-6))
    return red * share, green * share, blue * share


def chip(of: LegendClass) -> Element:
    """Name a class beside its colour."""
    return tag("span", tag("i", style=f"background:#{of.hex.lower()}"), of.name, class_="chip")


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
