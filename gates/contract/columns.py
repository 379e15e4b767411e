"""The column contract per entity: Great Expectations suites as data, one validation a table.

Ranges are held against the column's own minimum and maximum (a value-by-value expectation costs
thirty times as much). NaN is another check's business: Great Expectations leaves it out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gates.contract.lists import contract_lists
from gates.contract.model import Examined, Found
from schemas.dataset import ENTITIES, REQUIRED_IDS, WEIGHT, Dataset
from schemas.errors import DatasetError
from schemas.records import read_record

SUITES = Path(__file__).parent / "expectations"
REQUIRED, RANGE = "columns.required", "columns.range"
Expectation = Mapping[str, Any]


def columns_required(file: Examined) -> Found:
    """The columns without which a national model is meaningless are stored."""
    return _found(file, REQUIRED)


def columns_range(file: Examined) -> Found:
    """Every column's smallest and largest value lies in its plausible range (incident 20).

    An amount without a range of its own has the largest amount of the contract as its bound.
    Raises DatasetError where an expectation could not be evaluated: that is no pass.
    """
    ranged, others = _found(file, RANGE), _unranged(file)
    return Found(ranged.checked + others.checked, ranged.violations + others.violations)


def _unranged(file: Examined) -> Found:
    bound = contract_lists().largest_amount
    named = {each["kwargs"]["column"] for suite in suites().values() for each in suite}
    named |= {WEIGHT, *REQUIRED_IDS}  # the engine calls some ids floats
    amounts = {name: file.numbers(name) for name in file.of_type("float") if name not in named}
    lines = tuple(
        f"{name}: an amount is beyond {bound:g} in size"
        for name, values in amounts.items()
        if values is not None and values.dtype.kind != "b" and _largest(values) > bound
    )
    return Found(len(amounts), lines)


def _largest(values: np.ndarray) -> float:
    """Return the largest size of a finite value; others are values.finite's task."""
    sizes = np.abs(values[np.isfinite(values)].astype(np.float64))
    return float(sizes.max(initial=0))


def _found(file: Examined, check: str) -> Found:
    results = file.once("columns", lambda: _validate(file.data))[check]
    broken = [line for line, success in results if success is None]
    if broken:
        raise DatasetError(
            f"{len(broken)} expectations could not be evaluated: {'; '.join(broken[:3])}",
            reason="contract.expectation",
            remedy="store the column as numbers, at its entity",
        )
    return Found(len(results), tuple(line for line, success in results if not success))


@cache
def suites() -> dict[str, list[Expectation]]:
    """Return the expectations of every entity that has a suite."""
    records = (read_record(path, "column_suite") for path in sorted(SUITES.glob("*.json")))
    return {record["entity"]: record["expectations"] for record in records}


def _validate(data: Dataset) -> dict[str, list[tuple[str, bool | None]]]:
    """Return, per check, a line and the outcome of each expectation; None: not evaluated."""
    results: dict[str, list[tuple[str, bool | None]]] = {REQUIRED: [], RANGE: []}
    for entity in ENTITIES:
        expectations = [each for each in suites().get(entity, ()) if _applies(each, data)]
        if expectations:
            frame = _frame(data, expectations)
            for each, outcome in zip(expectations, _outcomes(frame, expectations), strict=True):
                results[each["meta"]["check"]].append(outcome)
    return results


def _applies(expectation: Expectation, data: Dataset) -> bool:
    return not expectation["meta"]["optional"] or data.has(expectation["kwargs"]["column"])


def _frame(data: Dataset, expectations: Sequence[Expectation]) -> pd.DataFrame:
    """Return the stored columns that the suite names; lengths may differ in a broken file."""
    names = dict.fromkeys(each["kwargs"]["column"] for each in expectations)
    stored = {name: pd.Series(data.read(name)) for name in names if data.has(name)}
    return pd.DataFrame(stored)


def _outcomes(
    frame: pd.DataFrame, expectations: Sequence[Expectation]
) -> list[tuple[str, bool | None]]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx  # 2 s: only a file that passed the preflight is worth it

    # Great Expectations reorders results: each expectation carries its place.
    placed = [
        {**each, "meta": {**each["meta"], "place": place}}
        for place, each in enumerate(expectations)
    ]
    suite = gx.ExpectationSuite(name="columns", expectations=placed)
    report = _batch(gx, frame).validate(suite, result_format="SUMMARY")
    outcomes: list[tuple[str, bool | None]] = [("", None)] * len(placed)
    for result in report.results:
        outcomes[result.expectation_config.meta["place"]] = _outcome(result)
    return outcomes


def _batch(gx: Any, frame: pd.DataFrame) -> Any:
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # The default store makes a temporary folder for a docs site and leaves it behind.
    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    config = DataContextConfig(store_backend_defaults=stores)
    context = gx.get_context(mode="ephemeral", project_config=config)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("file").add_dataframe_asset("columns")
    definition = asset.add_batch_definition_whole_dataframe("all")
    return definition.get_batch(batch_parameters={"dataframe": frame})


def _outcome(result: Any) -> tuple[str, bool | None]:
    settings = result.expectation_config
    column, bounds = settings.kwargs["column"], settings.kwargs
    raised = _raised(result.exception_info)
    if raised:
        return f"{column}: {raised}", None
    if settings.type == "expect_column_to_exist":
        return f"{column} is not stored", bool(result.success)
    value = result.result.get("observed_value")
    end = "smallest" if "_min_" in settings.type else "largest"
    low, high = bounds.get("min_value"), bounds.get("max_value")
    words = f"{column}: the {end} value {value} is not within {low} to {high}"
    return words, bool(result.success)


def _raised(info: Mapping[str, Any]) -> str:
    """Return the message of an exception inside an expectation, or nothing."""
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = [str(each["exception_message"]) for each in entries if each["raised_exception"]]
    return " ".join(messages[0].split())[:160] if messages else ""
