"""What all figures share: colours, type, the dot-and-interval chart, and Altair made into SVG.

Altair writes the chart's specification, vl-convert draws it: nothing is fetched and nothing runs in
the reader's browser.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import altair as alt
import pandas as pd
import vl_convert

from planb.domains.measure import Measure
from planb.report.results import Figure, known_method

INK, FAINT, GRID = "#1f2430", "#5b6270", "#e6e8ec"
REFUSES, REFUSES_GERMAN, INCOHERENT = "#c9ced6", "#9aa6b8", "#4a4e57"
SEVERE_TINT = "#fbeeea"
COLOURS = {
    "base": "#8a8f98",
    "organism": "#d55e00",
    "standard": "#0072b2",
    "german": "#e69f00",
    "ryan": "#cc79a7",
    "plan_b": "#009e73",
}
"""Okabe and Ito's palette, which the colour-blind can distinguish."""
_DARKER, _LIGHTER = 0.5, 0.45
"""How far the ends of a range of shades go towards black and towards white."""
_OTHERS = ("#56b4e9", "#7a5195", "#8c6d31", "#b8336a", "#3b5b6d", "#6a994e")

_UNDRAWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
"""Control characters, direction marks and lone surrogates: no text of an SVG file."""
_LINK = re.compile(r'<a xlink:href="[^"#]*#')
"""A link to a part of the page, to which vl-convert adds an address of its own."""
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
_CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 14,
        "titleFontSize": 14,
        "titleFontWeight": "normal",
        "labelColor": INK,
        "titleColor": FAINT,
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "titlePadding": 8,
        "labelFlush": False,
        "labelOverlap": False,
        "labelLimit": 240,
        "titleLimit": 520,
    },
    "title": {"fontSize": 15, "fontWeight": 600, "color": INK, "anchor": "start", "offset": 10},
    "header": {"labelFontSize": 14, "labelColor": INK, "labelFontWeight": 600, "title": None},
    "legend": {
        "labelFontSize": 14,
        "titleFontSize": 14,
        "labelColor": INK,
        "titleColor": FAINT,
        "symbolType": "square",
        "labelLimit": 260,
    },
    "text": {"fontSize": 14, "color": INK},
}


def colour(method: str, methods: Sequence[str]) -> str:
    """A method's colour, the same in every figure of a panel.

    What is made of a known method (``plan_b_r8``) has shades of its colour, dark to light in the order
    of the methods, so that a family is seen and its members differ. Methods that are not known
    take the spare colours; once these are used up, darker shades of them.
    """
    if method in COLOURS:
        return COLOURS[method]
    known = known_method(method)
    if known in COLOURS:
        family = [m for m in methods if m not in COLOURS and known_method(m) == known]
        own = known in methods and len(family) % 2  # the middle shade is the known method's
        return shade(COLOURS[known], family.index(method), len(family) + own)
    others = [m for m in methods if known_method(m) not in COLOURS]
    rounds = math.ceil(len(others) / len(_OTHERS))
    darker, place = divmod(others.index(method), len(_OTHERS))
    return shade(_OTHERS[place], rounds - 1 - darker, 2 * rounds - 1)


def line_colours(lines: Sequence[Sequence[str]]) -> list[str]:
    """A colour for each of several lines of methods, no two the same while the spare ones last.

    A line of what is made of one known method has its colour, unless a line before has it.
    """
    found: list[str] = []
    for methods in lines:
        own = family_colour(methods)
        spare = [c for c in (*_OTHERS, *COLOURS.values()) if c not in found]
        found.append(own if own and own not in found else spare[0] if spare else FAINT)
    return found


def family_colour(methods: Sequence[str]) -> str:
    """The colour of the one known method that all of these are made of; "" if there is none."""
    trained = [m for m in methods if m not in ("base", "organism")] or methods
    known = {known_method(method) for method in trained}
    return COLOURS.get(known.pop(), "") if len(known) == 1 else ""


def shade(paint: str, place: int, count: int) -> str:
    """The ``place``-th of ``count`` shades of a colour (``#rrggbb``), from dark to light."""
    parts = [int(paint[i : i + 2], 16) for i in (1, 3, 5)]
    along = 0.5 if count < 2 else place / (count - 1)
    off = 2 * along - 1
    towards, share = (0, -_DARKER * off) if off < 0 else (255, _LIGHTER * off)
    return "#" + "".join(f"{round(part + share * (towards - part)):02x}" for part in parts)


def wrapped(title: str, width: int) -> alt.TitleParams:
    """A chart's title in as many lines as it needs to stand over ``width`` pixels."""
    return alt.TitleParams(textwrap.wrap(title, max(8, int(width / 8.2))))


Spec: TypeAlias = dict[str, Any]
"""A chart's Vega-Lite specification, with its data in it."""
Chart: TypeAlias = alt.TopLevelMixin | Spec


def svg(chart: Chart) -> str:
    """The chart drawn, as the text of one SVG element."""
    specification = _drawable(_spec(chart))
    specification["config"] = _CONFIG
    drawn: str = vl_convert.vegalite_to_svg(specification)
    return _LINK.sub('<a href="#', drawn)


def layer(*charts: Chart, **fields: Any) -> Spec:
    """Charts over each other. ``fields`` are the whole's: width, height, title.

    Altair's own ``layer`` and ``concat`` copy all that is in them, again at each level and for each
    field that is set later, which took a sixth of a page's time.
    """
    return _composed("layer", charts, fields)


def concat(*charts: Chart, **fields: Any) -> Spec:
    """Charts beside and below each other, in ``columns``."""
    return _composed("concat", charts, fields)


def hconcat(*charts: Chart, **fields: Any) -> Spec:
    return _composed("hconcat", charts, fields)


def vconcat(*charts: Chart, **fields: Any) -> Spec:
    return _composed("vconcat", charts, fields)


def with_data(charts: Sequence[Chart], table: pd.DataFrame) -> list[Spec]:
    """Charts that have no data of their own, with a table's rows, which are converted once."""
    rows = alt.to_values(table)["values"]
    name = f"data-{hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:32]}"
    return [{**_spec(chart), "data": {"name": name}, "datasets": {name: rows}} for chart in charts]


def _composed(how: str, charts: Sequence[Chart], fields: dict[str, Any]) -> Spec:
    """One specification; the data of its parts stand in it by their names, once each."""
    parts = [_spec(chart) for chart in charts]
    datasets = {name: rows for part in parts for name, rows in part.pop("datasets", {}).items()}
    plain = {name: v.to_dict() if isinstance(v, alt.SchemaBase) else v for name, v in fields.items()}
    return {how: parts, "datasets": datasets, **plain}


def _spec(chart: Chart) -> Spec:
    """A specification of one's own, without what only a whole page of Vega-Lite has."""
    made = dict(chart) if isinstance(chart, dict) else chart.to_dict(validate=False)
    return {name: part for name, part in made.items() if name not in ("config", "$schema")}


def png(drawn: str) -> bytes:
    """An SVG as a picture for slides, at twice its size, on white."""
    on_white = re.sub(
        r"^(<svg[^>]*>)", r'\1<rect width="100%" height="100%" fill="#ffffff"/>', drawn.strip(), count=1
    )
    pixels: bytes = vl_convert.svg_to_png(on_white, scale=2)
    return pixels


def unlinked(drawn: str) -> str:
    """An SVG as a file of its own: without links to parts of the page."""
    return re.sub(r"<a [^>]*>|</a>", "", drawn)


def _drawable(value: Any) -> Any:
    """The specification without characters that end the process that draws them."""
    if isinstance(value, str):
        return _UNDRAWABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {_drawable(name): _drawable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_drawable(part) for part in value]
    return value


def inlined(drawing: str, prefix: str, label: str) -> str:
    """An SVG made fit to stand in a page: it scales, is named, and its ids are its own."""
    size = re.search(r'viewBox="0 0 ([\d.]+) ', drawing)
    width = round(_WIDEST * float(size.group(1))) if size else 720
    text = re.sub(r'^<svg[^>]*?(viewBox="[^"]*")[^>]*>', r"<svg \1>", drawing.strip())
    text = re.sub(r'\bid="', f'id="{prefix}-', text).replace("url(#", f"url(#{prefix}-")
    text = re.sub(r'(xlink:)?href="#', f'href="#{prefix}-', text)
    quoted = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    role = "group" if "<a " in text else "img"  # what is in an image is no link to a screen reader
    head = f'<svg role="{role}" aria-label="{quoted}" style="max-width:{width}px" '
    return text.replace("<svg ", head, 1)


_WIDEST = 1.15
"""How much larger than drawn a wide page may show a figure."""


@dataclass(frozen=True)
class Dot:
    """One row of a dot-and-interval chart: its colour is its method's, ``hollow`` makes a ring of it.

    A NaN value has no dot: ``lowest`` to ``highest`` is then a bar, where answers are unscored; without
    numbers the row is left to its text.
    """

    row: str
    method: str
    value: float
    low: float
    high: float
    text: str = ""
    hollow: bool = False
    small: bool = False
    shift: int = 0
    """Pixels below the middle of the row."""
    lowest: float = math.nan
    highest: float = math.nan

    @classmethod
    def of(cls, row: str, method: str, figure: Figure, text: str = "", **look: Any) -> Dot:
        """A figure's: a dot where all answers are scored, else the bar of its bounds."""
        numbers = (figure.value, figure.low, figure.high)
        dot = cls(row, method, *numbers, text, **look)
        if not figure.unscored:
            return dot
        return replace(dot, lowest=figure.lowest, highest=figure.highest)


@dataclass(frozen=True)
class Scale:
    """The horizontal axis of a dot-and-interval chart."""

    title: str
    domain: tuple[float, float]
    values: tuple[float, ...]
    format: str = "d"


def scale_of(measure: Measure, title: str) -> Scale:
    """The axis of a measure: shares in per cent, else its whole range."""
    if measure.kind == "rate":
        return Scale(title, (0, 1), HALVES, "%")
    if measure.top == POINTS[1] and measure.bottom >= 0:
        return Scale(title, POINTS, TENTHS)
    low, high = min(0.0, measure.bottom), measure.top
    return Scale(title, (low, high), tuple(low + (high - low) * i / 4 for i in range(5)), "~g")


POINTS = (0.0, 10.0)
TENTHS = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
HALVES = (0.0, 0.5, 1.0)
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def dots(
    rows: Sequence[Dot],
    scale: Scale,
    methods: Sequence[str],
    title: str | alt.TitleParams = "",
    width: int = 420,
    step: int = 34,
    row_labels: bool = True,
) -> Spec:
    """Dots with intervals, a row each, the numbers written out at the right."""
    order = list(dict.fromkeys(dot.row for dot in rows))
    y = alt.Y(
        "row:N",
        sort=order,
        axis=alt.Axis(title=None, ticks=False, domain=False, labelPadding=14, labels=row_labels),
    )
    x: dict[str, Any] = {
        "scale": alt.Scale(domain=list(scale.domain)),
        "axis": alt.Axis(title=scale.title, values=list(scale.values), format=scale.format),
    }
    layers = list[Spec]()
    for shift in sorted({dot.shift for dot in rows}):
        for small in (True, False):
            own = [dot for dot in rows if dot.shift == shift and dot.small == small]
            if own:
                table = _frame(own, methods)
                layers += with_data(_dot_layers(table, x, y, shift, small, width), table)
    named = {"title": title} if title else {}
    return layer(*layers, width=width, height=alt.Step(step), **named)


def _frame(rows: Sequence[Dot], methods: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame([vars(dot) for dot in rows])
    table["colour"] = [colour(dot.method, methods) for dot in rows]
    table["fill"] = ["#ffffff" if d.hollow else colour(d.method, methods) for d in rows]
    bare = table[["lowest", "highest"]].isna().all(axis=None)
    return table.drop(columns=["lowest", "highest"]) if bare else table


def _dot_layers(
    table: pd.DataFrame, x: dict[str, Any], y: alt.Y, shift: int, small: bool, width: int
) -> list[alt.Chart]:
    base = alt.Chart().encode(y=y)
    paint = alt.Color("colour:N", scale=None)
    thick, size = (1.5, 36) if small else (3, 110)
    interval = base.mark_rule(strokeWidth=thick, yOffset=shift, opacity=0.75).encode(
        x=alt.X("low:Q", **x), x2=alt.X2("high:Q"), color=paint
    )
    point = base.mark_point(filled=True, size=size, strokeWidth=2, yOffset=shift, opacity=1).encode(
        x=alt.X("value:Q", **x), stroke=paint, fill=alt.Fill("fill:N", scale=None)
    )
    drawn = [interval, point]
    if "lowest" in table:
        band = base.mark_rule(strokeWidth=3 * thick, yOffset=shift, opacity=0.5).encode(
            x=alt.X("lowest:Q", **x), x2=alt.X2("highest:Q"), color=paint
        )
        drawn.insert(1, band)
    if not table["text"].any():
        return drawn
    words = base.mark_text(align="left", baseline="middle", fontSize=13, yOffset=shift).encode(
        x=alt.XValue(width + 14), text=alt.Text("text:N")
    )
    return [*drawn, words]
