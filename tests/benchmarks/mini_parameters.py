"""The parameters of the small country: dated values, scales, lists, nodes by region."""

from __future__ import annotations

from typing import Any


def _values(*values: Any) -> dict[str, Any]:
    """Return a parameter that takes each value on 1 January, from 2022 on."""
    return {"values": {f"{2022 + year}-01-01": {"value": v} for year, v in enumerate(values)}}


def _brackets(*rates: tuple[float, float]) -> dict[str, Any]:
    return {
        "brackets": [{"threshold": _values(floor), "rate": _values(rate)} for floor, rate in rates]
    }


PARAMETERS: dict[str, Any] = {
    "gov": {
        "lists": {"income": _values(["earnings", "profit", "pension"])},
        "allowance": {"old_age": _values(65), "old": _values(15_000), "basic": _values(11_000)},
        "gifts": {"share": _values(0.9)},
        "tax": {"scale": _brackets((0, 0.1), (20_000, 0.25), (60_000, 0.4))},
        "index": _values(100, 102, 105, 109),
        "solo_rate": _values(0.3),
        "raw": {
            "copied": {"inner": _values(0.01)},
            "listed": _values(0.02, 0.021, 0.023),
            "grown": _values(50, 51, 52, 54),
            "past": _values(0.03),
            "steps": _brackets((0, 0.001), (100, 0.002)),
        },
        "optional": {"rate": {"values": {"2030-01-01": {"value": 0.05}}}, "other": _values(1)},
        "many": {"first": _values(0.001), "second": _values(0.002)},
        "full_age": _values(66),
        "grant": {
            "by_region": {
                "NORTH": {"most": _values(9_000), "taper": _values(0.05)},
                "SOUTH": {"most": _values(8_000), "taper": _values(0.04)},
                "ISLES": {"most": _values(9_500), "taper": _values(0.03)},
            },
            "closed": _values(False),
            "closed_amount": _values(77),
        },
        "aid": {
            "limit": _values(7_000),
            "amount": {
                "values": {"2024-01-01": {"value": 90}, "2024-07-01": {"value": 95}},
            },
        },
        "lump_sum": _values(120),
        "unread": _values(5),
    }
}
