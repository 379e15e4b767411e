"""Supplied effects: refused unless they fit the suite, compared within their own tolerance."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.external import compare_external, load_external
from benchmarks.suite import Suite, load_suite
from schemas.errors import MeasureError, RecordError

SUITE = load_suite()
TEN, NONE = "ssi-asset-limits-10k-20k-2026", "ssi-no-asset-limit-2026"


def value_of(benchmark: str, measure: str, value: float, unit: str) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "measure": measure,
        "value": value,
        "unit": unit,
        "tolerance": {"relative": 0.1, "absolute": 100},
    }


RECORD = {
    "schema": "external_benchmark",
    "schema_version": 1,
    "id": "tara-watson-ssi-asset-limits",
    "source": "an estimate",
    "supplied_by": "A. Person",
    "supplied_on": "2026-11-25",
    "definition": "federal payments and recipients with limits raised or removed, 2026",
    "values": [
        value_of(TEN, "ssi", 4e9, "usd"),
        value_of(NONE, "ssi_recipients", 500, "persons"),
    ],
}


def load(folder: Path, record: dict[str, Any], suite: Suite = SUITE) -> dict[str, Any]:
    path = folder / "watson.json"
    path.write_text(json.dumps(record))
    return load_external(path, suite)


def evidence(ten: float, none: float) -> dict[str, Any]:
    deltas = {"other": {"ssi": 1.0}, TEN: {"ssi": ten}, NONE: {"ssi_recipients": none}}
    return {"benchmarks": [{"id": each, "delta": delta} for each, delta in deltas.items()]}


def test_a_fitting_record_is_returned_as_it_is(tmp_path: Path) -> None:
    assert load(tmp_path, RECORD) == RECORD


def test_rows_compare_each_value_with_the_measured_effect() -> None:
    assert compare_external(RECORD, evidence(4.5e9, 420)) == [
        {
            "benchmark": TEN,
            "measure": "ssi",
            "expected": 4e9,
            "measured": 4.5e9,
            "difference": 0.5e9,
            "within": False,
        },
        {
            "benchmark": NONE,
            "measure": "ssi_recipients",
            "expected": 500,
            "measured": 420.0,
            "difference": -80.0,
            "within": True,
        },
    ]


@pytest.mark.parametrize(
    ("ten", "none", "within"),
    [
        (4.4e9, 400, [True, True]),
        (3.6e9, 600, [True, True]),
        (3.59e9, 601, [False, False]),
        (-4e9, 399, [False, False]),
    ],
)
def test_the_larger_tolerance_decides_to_both_sides(
    ten: float, none: float, within: list[bool]
) -> None:
    assert [row["within"] for row in compare_external(RECORD, evidence(ten, none))] == within


def test_a_loss_is_compared_by_its_size() -> None:
    record = copy.deepcopy(RECORD)
    record["values"] = [value_of(TEN, "ssi", -4e9, "usd")]
    assert [row["within"] for row in compare_external(record, evidence(-4.3e9, 0))] == [True]


def test_an_effect_that_was_not_measured_is_an_error() -> None:
    for spoilt in ({"benchmarks": []}, evidence(1, 1)):
        if spoilt["benchmarks"]:
            del spoilt["benchmarks"][1]["delta"]["ssi"]
        with pytest.raises(MeasureError, match=f"no ssi of {TEN}") as caught:
            compare_external(RECORD, spoilt)
        assert caught.value.reason == "external.not_measured"


def _unknown_benchmark(record: dict[str, Any]) -> None:
    record["values"][0]["benchmark"] = "ssi-abolition"


def _published_benchmark(record: dict[str, Any]) -> None:
    record["values"][0]["benchmark"] = "ssi-asset-limits-10k-20k"


def _unknown_measure(record: dict[str, Any]) -> None:
    record["values"][0]["measure"] = "happiness"


def _measure_of_another(record: dict[str, Any]) -> None:
    record["values"][0]["measure"] = "ctc"


def _wrong_unit(record: dict[str, Any]) -> None:
    record["values"][0]["unit"] = "persons"


def _twice(record: dict[str, Any]) -> None:
    record["values"].append({**record["values"][0], "value": 5e9})


def _unknown_record(record: dict[str, Any]) -> None:
    record["id"] = "some-estimate"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_unknown_benchmark, "value for ssi-abolition.*use one of: ssi-asset-limits-10k-20k-2026"),
        (_published_benchmark, "does not wait for this record"),
        (_unknown_measure, "happiness, which is no output.*use one of: fiscal"),
        (_measure_of_another, "ctc, which is no output"),
        (_wrong_unit, "gives ssi in persons. Next: give it in usd"),
        (_twice, f"gives ssi of {TEN} 2 times"),
        (_unknown_record, "waits for the record some-estimate.*tara-watson-ssi-asset-limits"),
    ],
)
def test_a_record_that_does_not_fit_the_suite_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], None], said: str
) -> None:
    record = copy.deepcopy(RECORD)
    spoil(record)
    with pytest.raises(RecordError, match=said) as caught:
        load(tmp_path, record)
    assert caught.value.reason == "external.inconsistent"
    assert "watson.json" in caught.value.message


def test_a_suite_that_waits_for_nothing_says_so(tmp_path: Path) -> None:
    plain = [
        {key: each for key, each in benchmark.items() if key != "external_record"}
        for benchmark in SUITE.benchmarks
    ]
    suite = Suite({**SUITE.record, "benchmarks": plain}, SUITE.sha256, SUITE.targets)
    with pytest.raises(RecordError, match=r"these ids: \(none\)"):
        load(tmp_path, RECORD, suite)


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"values": []}, "values"),
        ({"definition": ""}, "definition"),
        ({"supplied_on": "today"}, "supplied_on"),
        ({"source": None}, "source"),
        ({"note": "more"}, "note"),
        ({"schema_version": 2}, "schema_version"),
        (
            {"values": [{**value_of(TEN, "ssi", 1, "usd"), "tolerance": {"absolute": 1}}]},
            "relative",
        ),
        ({"values": [{**value_of(TEN, "ssi", 1, "usd"), "value": "1"}]}, "value"),
        ({"values": [{**value_of(TEN, "ssi", 1, "usd"), "sign": 1}]}, "sign"),
    ],
)
def test_a_record_of_another_shape_is_refused(
    tmp_path: Path, change: dict[str, Any], at: str
) -> None:
    record = {key: each for key, each in {**RECORD, **change}.items() if each is not None}
    with pytest.raises(RecordError, match=at) as caught:
        load(tmp_path, record)
    assert caught.value.reason == "record.schema"


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_figure_that_is_not_finite_is_refused(tmp_path: Path, figure: float) -> None:
    record = copy.deepcopy(RECORD)
    record["values"][1]["tolerance"]["absolute"] = figure
    with pytest.raises(RecordError, match=r"values\[1\].tolerance.absolute"):
        load(tmp_path, record)


def test_a_file_that_is_not_there_or_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for name in ("absent.json", "bad.json"):
        with pytest.raises(RecordError, match=name) as caught:
            load_external(tmp_path / name, SUITE)
        assert caught.value.reason == "record.unreadable"
