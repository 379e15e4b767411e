"""Colours and the look shared by all charts: readable on light and dark, and without colours.

The palette is that of Okabe and Ito (Color Universal Design, 2008); a status is always written too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from altair.utils.schemapi import debug_mode

CANDIDATE = "#0072B2"
INCUMBENT = "#E69F00"
TARGET = "#7F7F7F"
BETTER = "#009E73"
WORSE = "#D55E00"
BAND = "#999999"
STATUS_COLOURS: Mapping[str, str] = {
    "pass": "#009E73",
    "fail": "#D55E00",
    "error": "#B3003B",
    "unmeasured": "#B8860B",
    "waived": "#0072B2",
    "not_applicable": "#7F7F7F",
}
STATUS_MARKS: Mapping[str, str] = {
    "pass": "\N{HEAVY CHECK MARK}",
    "fail": "\N{HEAVY BALLOT X}",
    "error": "!",
    "unmeasured": "?",
    "waived": "\N{LATIN SMALL LETTER W}",
    "not_applicable": "\N{EN DASH}",
}


def styled(chart: Any) -> Any:
    """Return a top-level chart without background and with axes in the reader's text colour."""
    return (
        chart.configure(background="transparent")
        .configure_view(stroke=None)
        .configure_axis(grid=False, labelLimit=260, titleFontWeight="normal")
        .configure_legend(orient="top", title=None)
    )


def unchecked() -> AbstractContextManager[None]:
    """Return a context in which altair makes charts without validating them: in half the time.

    Tests make the same charts with validation on.
    """
    return debug_mode(False)
