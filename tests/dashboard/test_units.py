"""Numbers on the screen: readable, with units, and true to the record up to rounding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.units import NOTHING, read_back, shown

UNITS = (
    "usd", "persons", "share", "loss", "bytes", "seconds", "gigabytes", "violations",
    "usd_over_10_years",
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (408_133_000_000, "usd", "$408.1bn"),
        (1_273_060_235_212, "dollars", "$1.273tn"),
        (-42_993_000_000, "usd", "−$42.99bn"),
        (5_000_000_000, "usd", "$5bn"),
        (-8e9, "usd_over_10_years", "−$8bn over 10 years"),
        (7_412_345, "persons", "7.412m persons"),
        (340, "households", "340 households"),
        (0.0316, "fraction of the target", "3.160 %"),
        (0.284226, "loss", "0.2842"),
        (1.25, "ratio", "1.250"),
        (390_732, "bytes", "390.7 kB"),
        (3.57, "gigabytes", "3.570 GB"),
        (0, "violations", "0 violations"),
        (2, "missing pins", "2 missing pins"),
        (None, "usd", NOTHING),
    ],
)
def test_a_number_is_shown_with_its_unit(value: float | None, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_a_sign_is_written_only_where_it_says_something() -> None:
    assert shown(2.5, "loss", signed=True) == "+2.500"
    assert shown(-2.5, "loss", signed=True) == "−2.500"
    assert shown(0.0, "loss", signed=True) == "0"


@given(
    st.floats(-1e14, 1e14, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-9),
    st.sampled_from(UNITS),
)
def test_what_is_shown_is_the_number_up_to_rounding(value: float, unit: str) -> None:
    back = read_back(shown(value, unit), unit)
    assert back is not None
    assert back == pytest.approx(value, rel=6e-4)


def test_no_number_is_read_from_a_dash_or_from_words() -> None:
    assert read_back(NOTHING, "usd") is None
    assert read_back("unmeasured", "loss") is None
