"""Curves as SVG inside the page, by pygal; colours, strokes and fonts are the page's own, through its classes.

pygal takes numbers, a font's size for its layout, and nothing else from here: the axes are those of `scales`, so that
both may be logarithmic and hold a 0, and whatever pygal would have embedded (styles, scripts, tooltips) is left out.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup
from pygal.style import Style

from suite.report.joined.scales import Scale
from suite.report.words import visible

__all__ = ("Curve", "Dot", "draw")

# It hooks every later import of the process, for map plug-ins of its own, in a way that Python 3.11 warns about.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]

_SIZE = (540, 330)
_STYLE = Style(label_font_size=13, major_label_font_size=13, title_font_size=13, no_data_font_size=13)
_DROPPED = {"comment", "style", "script", "title", "defs", "desc"}
_KEPT = re.compile(r"\b(line|dots|dot|ci|axis|[xy]|serie-\d+|guide)\b")


@dataclass(frozen=True, slots=True)
class Dot:
    """A point, the ends of its interval where it has one, and what a pointer over it tells."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    tells: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line: whose (by slot, which is its colour), and its points from left to right."""

    name: str
    slot: int
    dots: Sequence[Dot]


class _Lines(pygal.XY):  # type: ignore[misc] # pygal has no types
    """XY with intervals: pygal draws them for plain lines only, as a value of XY is a pair."""

    def _confidence_interval(self, node: Any, x: float, y: float, value: Any, metadata: Any) -> None:
        super()._confidence_interval(node, x, y, value[1], metadata)


def draw(curves: Sequence[Curve], x: Scale, y: Scale, titles: tuple[str, str], *, dots: bool = True) -> Markup:
    """Return an SVG element of these curves; `dots` also shows their points and intervals."""
    titles = visible(titles[0]), visible(titles[1])
    chart = _Lines(
        width=_SIZE[0], height=_SIZE[1], style=_STYLE, css=(), js=(), no_prefix=True, show_legend=False,
        x_title=titles[0], y_title=titles[1], range=(0, 1), xrange=(0, 1), dots_size=3.2, margin=6, spacing=6,
        show_dots=dots, x_labels=_labels(x), y_labels=_labels(y), allow_interruptions=False,
    )  # fmt: skip
    for curve in curves:
        chart.add("", [_point(dot, x, y) for dot in curve.dots])
    root = chart.render_tree()
    _tidy(root, [curve.slot for curve in curves], [visible(dot.tells) for curve in curves for dot in curve.dots])
    root.attrib.clear()
    root.attrib.update(
        {"viewBox": f"0 0 {_SIZE[0]} {_SIZE[1]}", "role": "img", "aria-label": f"{titles[1]} over {titles[0]}"}
    )
    ET.register_namespace("", "http://www.w3.org/2000/svg")
    text = ET.tostring(root, encoding="unicode")
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    return Markup(re.sub(r"\d+\.\d{2,}", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), text))  # noqa: S704 - pygal escapes


def _labels(axis: Scale) -> list[dict[str, Any]]:
    return [{"value": axis.at(value), "label": label} for value, label in axis.ticks]


def _point(dot: Dot, x: Scale, y: Scale) -> dict[str, Any]:
    point: dict[str, Any] = {"value": (x.at(dot.x), y.at(dot.y))}
    if dot.low is not None and dot.high is not None:
        point["ci"] = {"low": y.at(dot.low), "high": y.at(dot.high)}
    return point


def _tidy(root: Any, slots: list[int], tells: list[str]) -> None:
    """Leave what is drawn, with classes of the page, and a title for each point instead of pygal's tooltip."""
    told = iter(tells)

    def walk(node: Any) -> None:
        for child in list(node):
            tag = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else "comment"
            if tag not in _DROPPED and "style" not in child.attrib:
                walk(child)
                if tag != "g" or len(child):
                    continue
            node.remove(child)
        classes = _KEPT.findall(node.attrib.pop("class", ""))
        if "dots" in classes and (words := next(told)):
            ET.SubElement(node[0], "title").text = words
        if classes and classes[0].startswith("serie-"):
            slot = slots[int(classes[0][6:])]
            classes = ["s", f"k{slot % 8}", f"d{slot // 8 % 4}"]
            node.set("data-s", str(slot))
        if classes:
            node.set("class", " ".join(classes))

    walk(root)
