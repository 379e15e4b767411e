"""Reforms as data: parameter path -> period -> value, the form Reform.from_dict reads.

`{"gov.irs.credits.ctc.amount.base[0].amount": {"2024-01-01.2024-12-31": 3000}}`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas.errors import MeasureError

_DATE = r"\d{4}-\d{2}-\d{2}"
_PERIOD = re.compile(rf"{_DATE}(\.{_DATE})?")

Reform = Mapping[str, Mapping[str, Any]]


def checked_reform(reform: Mapping[str, Any] | None) -> dict[str, dict[str, Any]] | None:
    """Return a plain copy of `reform`, None for no change; raises MeasureError on another shape."""
    if not reform:
        return None
    return {path: _changes(path, changes) for path, changes in reform.items()}


def _changes(path: str, changes: Any) -> dict[str, Any]:
    if not isinstance(changes, Mapping) or not changes:
        raise _malformed(path, "its value is not an object of period -> value")
    for period, value in changes.items():
        if not isinstance(period, str) or not _PERIOD.fullmatch(period):
            raise _malformed(path, f"{period!r} is not a period")
        if not isinstance(value, bool | int | float | str | list):
            raise _malformed(path, f"the value for {period} is a {type(value).__name__}")
    return dict(changes)


def _malformed(path: str, why: str) -> MeasureError:
    return MeasureError(
        f"the reform of {path} cannot be read: {why}",
        reason="engine.malformed_reform",
        remedy='write {"<parameter path>": {"2024-01-01.2024-12-31": <value>}}',
    )


def unknown_parameters(parameters: Any, reform: Reform) -> list[str]:
    """Return the paths of `reform` that name no single parameter of the engine's tree."""
    return [path for path in reform if not _is_parameter(parameters, path)]


def _is_parameter(parameters: Any, path: str) -> bool:
    """Follow `path` as Reform.from_dict does; a node that holds no dated values is no parameter."""
    from policyengine_core.parameters import get_parameter

    try:
        found = get_parameter(parameters, path)
    except ValueError:
        return False
    return hasattr(found, "values_list")
