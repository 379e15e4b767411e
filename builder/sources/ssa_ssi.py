"""SSI recipients by state, eligibility category and age: SSA's published table, as a CSV file.

The SSA publishes SSI Monthly Statistics as pages whose bytes change with every request, so that a
download cannot be pinned: the user saves the table titled "Number of recipients, by state or other
area, eligibility category, and age" as CSV. Format: UTF-8, comma-separated, the header of the page
(State or area, Total, Aged, Blind and disabled, Under 18, 18–64, 65 or older), one row per area,
"All areas" among them, thousands separated by commas, "(X)" where the SSA suppressed a figure.
"""

from __future__ import annotations

import pandas as pd

from builder.sources.errors import format_error
from builder.sources.raw import RawSource
from builder.sources.states import STATE_FIPS

_AREA = "State or area"
_COLUMNS = {
    "Total": "ssi_recipients",
    "Aged": "ssi_recipients_aged",
    "Blind and disabled": "ssi_recipients_blind_and_disabled",
    "Under 18": "ssi_recipients_under_18",
    "18–64": "ssi_recipients_18_to_64",
    "65 or older": "ssi_recipients_65_or_older",
}
_SUPPRESSED = "(X)"
_ALL = "All areas"
_OTHER = ("Northern Mariana Islands", "Other", "Unknown")
_PARTS = (
    ["ssi_recipients_aged", "ssi_recipients_blind_and_disabled"],
    ["ssi_recipients_under_18", "ssi_recipients_18_to_64", "ssi_recipients_65_or_older"],
)


def read(source: RawSource) -> dict[str, pd.DataFrame]:
    """Return the state table and the table of all areas; suppressed figures are missing, not zero.

    Raises BuildError for a figure that is no count, an unknown area, or parts that do not add up
    to their total.
    """
    label = source.label("state")
    raw = source.read("state", text=(_AREA, *_COLUMNS))
    table = pd.DataFrame({name: _counts(raw[each], label) for each, name in _COLUMNS.items()})
    table.insert(0, "area", raw[_AREA].str.strip())
    _check_areas(table["area"], label)
    for parts in _PARTS:
        _check_sum(table, parts, label)
    table.insert(1, "state_fips", table["area"].map(STATE_FIPS))
    states = table.dropna(subset="state_fips").astype({"state_fips": "int64"})
    return {
        "state": states.reset_index(drop=True),
        "country": table[table["area"] == _ALL].drop(columns="state_fips").reset_index(drop=True),
    }


def _counts(column: pd.Series, label: str) -> pd.Series[float]:
    shown = column.where(column != _SUPPRESSED)
    counts = pd.to_numeric(shown.str.replace(",", ""), errors="coerce")
    wrong = column.isna() | (shown.notna() & ~(counts >= 0))
    if wrong.any():
        raise format_error(
            f"{label}: {column.name} is {column[wrong].iloc[0]!r} somewhere, which is no count",
            "not_numeric",
        )
    return counts


def _check_areas(areas: pd.Series, label: str) -> None:
    unknown = sorted(set(areas) - set(STATE_FIPS) - {_ALL, *_OTHER})
    if unknown or areas.duplicated().any() or _ALL not in set(areas):
        raise format_error(
            f"{label}: an area is unknown ({', '.join(unknown) or 'none'}), twice there, or "
            f"{_ALL!r} is missing",
            "unknown_area",
        )


def _check_sum(table: pd.DataFrame, parts: list[str], label: str) -> None:
    total = table[parts].sum(axis=1, skipna=False)
    wrong = total.notna() & (total != table["ssi_recipients"])
    if wrong.any():
        raise format_error(
            f"{label}: {' + '.join(parts)} is not Total in {table.loc[wrong, 'area'].iloc[0]}",
            "not_additive",
        )
