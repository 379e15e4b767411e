"""Numbers in words a reader knows: billions of dollars, millions of people, per cent, seconds.

`shown` is the one place where a number becomes text; `read_back` undoes it up to rounding, so that
a test can hold what is on the screen against the record.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

NOTHING = "–"
_COUNTS = frozenset({"persons", "households", "returns", "recipients"})
_DOLLARS = frozenset({"usd", "dollars", "usd_over_10_years"})
_SHARES = frozenset({"share", "fraction of the target", "fraction of the expected cost"})
_PLAIN = frozenset({"loss", "ratio", "mean squared relative error", "number"})
_BYTES = frozenset({"bytes"})
_SECONDS = frozenset({"seconds"})
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class _Scale:
    """From `least` on, a number is divided by `by` and written with `sign` around it."""

    least: float
    by: float
    before: str
    after: str


_DOLLAR_SCALES = (
    _Scale(1e12, 1e12, "$", "tn"),
    _Scale(1e9, 1e9, "$", "bn"),
    _Scale(1e6, 1e6, "$", "m"),
    _Scale(1e3, 1e3, "$", "k"),
    _Scale(0.0, 1.0, "$", ""),
)
_COUNT_SCALES = (
    _Scale(1e6, 1e6, "", "m"),
    _Scale(1e3, 1e3, "", "k"),
    _Scale(0.0, 1.0, "", ""),
)
_BYTE_SCALES = (
    _Scale(1e9, 1e9, "", " GB"),
    _Scale(1e6, 1e6, "", " MB"),
    _Scale(1e3, 1e3, "", " kB"),
    _Scale(0.0, 1.0, "", " B"),
)


def shown(value: float | int | None, unit: str, *, signed: bool = False) -> str:
    """Return a number with its unit: $408.1bn, 7.41m persons, 12.3 %, 0.2842, 1.25 s.

    `unit` is as in the records: usd or dollars, persons, households, returns, recipients, share,
    loss, ratio, bytes, seconds, gigabytes; any other is written behind the number. `signed` puts a
    plus before a positive number. None is a dash.
    """
    if value is None:
        return NOTHING
    return _sign(value, signed) + _magnitude(abs(value), unit)


def words(name: str) -> str:
    """Return a name of the records as plain words: `not_applicable` is `not applicable`."""
    return name.replace("_", " ")


def _sign(value: float, signed: bool) -> str:
    if value < 0:
        return _MINUS
    return "+" if signed and value > 0 else ""


def _magnitude(size: float, unit: str) -> str:
    if unit in _DOLLARS:
        return _scaled(size, _DOLLAR_SCALES) + (" over 10 years" if "10" in unit else "")
    if unit in _COUNTS:
        return f"{_scaled(size, _COUNT_SCALES)} {unit}"
    if unit in _BYTES:
        return _scaled(size, _BYTE_SCALES)
    if unit in _SHARES:
        return f"{_digits(size * 100)} %"
    if unit in _PLAIN:
        return _digits(size)
    if unit in _SECONDS:
        return f"{_digits(size)} s"
    if unit == "gigabytes":
        return f"{_digits(size)} GB"
    return f"{_digits(size)} {unit}".strip()


def _scaled(size: float, scales: tuple[_Scale, ...]) -> str:
    scale = next(each for each in scales if size >= each.least)
    return f"{scale.before}{_digits(size / scale.by)}{scale.after}"


def _digits(size: float) -> str:
    """Return four significant digits; whole numbers are written in full."""
    if size == int(size) and size < 1e15:
        return f"{int(size):,}"
    if size >= 1000:
        return f"{size:,.0f}"
    if size < 1e-4:
        return f"{size:.4g}"
    return f"{size:.{max(0, 3 - math.floor(math.log10(size)))}f}"


_SUFFIXES = {
    "tn": 1e12, "bn": 1e9, "m": 1e6, "k": 1e3, "GB": 1e9, "MB": 1e6, "kB": 1e3, "%": 0.01,
}  # fmt: skip
_NUMBER = re.compile(
    r"([+\N{MINUS SIGN}-]?)\$?(\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)\s?(tn|bn|m|k|GB|MB|kB|%)?(?![\w.])"
)


def read_back(text: str, unit: str) -> float | None:
    """Return the number that a text of `shown` stands for; None for the dash and for no number.

    A memory in `gigabytes` is returned in gigabytes.
    """
    found = _NUMBER.match(text)
    if found is None:
        return None
    sign, digits, suffix = found.groups()
    factor = 1.0 if unit == "gigabytes" else _SUFFIXES.get(suffix or "", 1.0)
    return (-1.0 if sign in ("-", _MINUS) else 1.0) * float(digits.replace(",", "")) * factor
