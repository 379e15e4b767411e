"""A chart as a self-contained SVG for the static export: no script, no link, no outside reference.

Text and axes are in `currentColor`, so that they read on a light and on a dark page. What a chart
holds may come from a pull request: only elements and attributes that draw are let through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import vl_convert

from dashboard.blocks import Chart
from dashboard.errors import DashboardError
from dashboard.escaping import visible, visible_parts
from schemas.canonical import sha256_bytes

_SVG = "{http://www.w3.org/2000/svg}"
_DRAWN = frozenset(
    {"svg", "g", "path", "text", "tspan", "line", "rect", "circle", "ellipse", "polygon"}
    | {"polyline", "defs", "clipPath", "linearGradient", "radialGradient", "stop", "title"}
)
_KEPT = re.compile(
    r"(fill|stroke|font|text|dominant|clip|stop|gradient)[a-zA-Z-]*|opacity|transform|d|id|offset"
    r"|x|y|x1|x2|y1|y2|dx|dy|cx|cy|r|rx|ry|points|width|height|viewBox|pointer-events|display"
)
_REFERENCE = re.compile(r"url\(['\"]?#?([^)'\"]*)['\"]?\)")
_WIDTH = 640  # pixels, of a chart that leaves its width to the page
_WIDE = 480
_INK = "currentColor"
_INKED: Mapping[str, Mapping[str, str]] = {
    "axis": dict.fromkeys(("labelColor", "titleColor", "domainColor", "tickColor"), _INK),
    "header": {"labelColor": _INK, "titleColor": _INK},
    "legend": {"labelColor": _INK, "titleColor": _INK},
    "title": {"color": _INK, "subtitleColor": _INK},
    "text": {"color": _INK},
    "rule": {"color": _INK},
}

# measured and drawn in letters of the same widths, so that no label is cut
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

ElementTree.register_namespace("", _SVG[1:-1])


def chart_svg(chart: Chart) -> str:
    """Return a chart as SVG with its title and description as the accessible name.

    Raises DashboardError where the chart can't be drawn, or wants anything from outside.
    """
    try:
        text = json.dumps(_spec(chart), sort_keys=True)
        drawn = vl_convert.vegalite_to_svg(text, allowed_base_urls=[])
        root = ElementTree.fromstring(drawn)
    except (ValueError, ElementTree.ParseError) as error:
        raise DashboardError(
            f"the chart {chart.title!r} can't be drawn: {' '.join(str(error).splitlines()[:2])}",
            reason="export.chart",
            remedy="mend the chart in its view-model; its table holds the same numbers",
        ) from error
    _clean(root)
    _name_ids(root, f"c{sha256_bytes(text.encode())[:10]}")
    wide = float(root.get("width", "0")) > _WIDE
    name = visible(f"{chart.title}. {chart.description}")
    root.attrib.update({"role": "img", "aria-label": name, "class": "wide" if wide else "narrow"})
    return ElementTree.tostring(root, encoding="unicode")


def _spec(chart: Chart) -> dict[str, Any]:
    """Return the chart's specification with the page's text colour and a width in pixels.

    Links are gone: one that it takes for unsafe leaves the renderer unable to draw what follows.
    """
    spec: dict[str, Any] = visible_parts(chart.chart.to_dict(validate=False))
    config = spec.setdefault("config", {})
    config.setdefault("font", _FONT)
    for part, colours in _INKED.items():
        config[part] = {**colours, **config.get(part, {})}
    if ("mark" in spec or "layer" in spec) and not isinstance(spec.get("width"), int | dict):
        spec["width"] = _WIDTH
    return spec


def _clean(element: ElementTree.Element) -> None:
    """Drop from an element, and from all in it, what doesn't draw."""
    for name in [name for name in element.attrib if not _KEPT.fullmatch(name)]:
        del element.attrib[name]
    for child in list(element):
        if child.tag == f"{_SVG}a":  # a linked mark is drawn without its link
            child.tag = f"{_SVG}g"
        if child.tag.removeprefix(_SVG) in _DRAWN:
            _clean(child)
        else:
            element.remove(child)


def _name_ids(root: ElementTree.Element, prefix: str) -> None:
    """Number the ids of a chart, unlike those of the page's others.

    The renderer numbers them on from chart to chart, so that they would not be the same each time.
    """
    ids = [found for each in root.iter() if (found := each.get("id")) is not None]
    names = {found: f"{prefix}-{place}" for place, found in enumerate(dict.fromkeys(ids))}
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, names[value])
            elif "url(" in value:
                element.set(name, _REFERENCE.sub(lambda found: _own(found, names), value))


def _own(found: re.Match[str], names: Mapping[str, str]) -> str:
    """Return a reference to an element of this chart; anything else is painted as nothing."""
    inside = names.get(found.group(1))
    return f"url(#{inside})" if inside else "none"
