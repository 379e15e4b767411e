"""The runtime gate on made-up pairs: what passes, fails, is undecided, waived or contradictory."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.gates.losses import OTHER, OURS, THEIRS, inputs, judged
from tests.gates.runtimes import runtime_of
from tests.gates.test_exceptions import exception, given

GATE = "runtime.median"


def runtime(ratios: tuple[float, ...] = (1.0, 1.02, 0.98), spread: float = 0.05) -> dict[str, Any]:
    return runtime_of(OURS, THEIRS, ratios, spread)


def stages(record: dict[str, Any], **more: Any) -> dict[str, str]:
    result = judged(GATE, inputs(runtime=record, **more))
    return {stage: each["status"] for stage, each in result["stages"].items()}


def decision(bound: float, unit: str = "ratio", **changes: Any) -> dict[str, Any]:
    kind = {"kind": "product_decision", "gate": GATE, **changes}
    return exception(bound={"value": bound, "unit": unit}, **kind)


def test_a_file_against_itself_passes_and_shows_interval_memory_and_machine() -> None:
    result = judged(GATE, inputs(runtime=runtime()))
    assert (result["status"], result["value"]) == ("pass", 1.0)
    assert "median ratio 1.000 over 3 pairs, interval 0.950 to 1.050 at 95.0%" in result["message"]
    assert "peak RSS 2.50 GB against 2.25 GB" in result["details"]
    assert any("expected to take 360 s" in line for line in result["details"])


@pytest.mark.parametrize(
    ("middle", "beta", "default"),
    [
        (1.2, "pass", "pass"),  # the whole interval is at most 1.25
        (1.21, "pass", "unmeasured"),
        (1.29, "pass", "unmeasured"),
        (1.31, "pass", "fail"),
        (1.94, "pass", "fail"),
        (1.96, "unmeasured", "fail"),
        (2.06, "fail", "fail"),
    ],
)
def test_a_limit_inside_the_interval_leaves_its_stage_unmeasured(
    middle: float, beta: str, default: str
) -> None:
    assert stages(runtime((middle,) * 3)) == {"beta": beta, "default": default}


def test_an_undecided_stage_says_why_and_keeps_its_limit() -> None:
    at = judged(GATE, inputs(runtime=runtime((1.21,) * 3)))["stages"]["default"]
    assert at["limit"] == 1.25
    assert at["message"].startswith("1.25 lies inside the interval 1.160 to 1.260")


def test_a_median_on_the_other_side_of_the_limit_than_the_interval_is_undecided() -> None:
    for low, high, middle in ((1.1, 1.2, 1.3), (1.3, 1.4, 1.2)):
        record = runtime((middle,) * 3)
        record["interval"].update(low=low, high=high)
        decided = "within" if high <= 1.25 else "beyond"
        record["decisions"][0]["decision"] = decided
        assert stages(record)["default"] == "unmeasured"


def test_too_few_pairs_are_unmeasured() -> None:
    record = runtime()
    record["pairs"] = record["pairs"][:2]
    assert set(stages(record).values()) == {"unmeasured"}


@pytest.mark.parametrize("what", ["decision", "median"])
def test_a_record_that_contradicts_itself_is_an_error(what: str) -> None:
    record = copy.deepcopy(runtime())
    if what == "decision":
        record["decisions"][0]["decision"] = "undecided"
    else:
        record["pairs"][0]["ratio"] = 1.01
        record["pairs"][2]["ratio"] = 1.03
    assert set(stages(record).values()) == {"error"}


@pytest.mark.parametrize("side", ["candidate", "incumbent"])
def test_runtimes_of_another_file_are_an_error(side: str) -> None:
    record = runtime()
    record[side] = {**record[side], "sha256": OTHER}
    result = judged(GATE, inputs(runtime=record))
    assert result["status"] == "error"
    assert f"not on the {'pinned ' if side == 'incumbent' else ''}{side}" in result["message"]


def test_no_record_is_unmeasured_and_blocks_both_stages() -> None:
    result = judged(GATE)
    assert result["status"] == "unmeasured"
    assert all(stage["blocking"] for stage in result["stages"].values())


def test_only_a_product_decision_with_a_sufficient_bound_waives_up_to_twice() -> None:
    slow = runtime((1.5,) * 3)
    waived = {"beta": "pass", "default": "waived"}
    failing = {"beta": "pass", "default": "fail"}
    assert stages(slow, exceptions=given(decision(1.5))) == waived
    for record in (
        decision(1.49),
        decision(1.5, unit="x"),
        decision(1.5, kind="explanation"),
        decision(1.5, kind="waiver"),
        decision(1.5, candidate_sha256=OTHER),
    ):
        assert stages(slow, exceptions=given(record)) == failing


def test_nothing_covers_more_than_twice_the_incumbents_runtime() -> None:
    slow, record = runtime((2.2,) * 3), given(decision(9.0))
    assert stages(slow, exceptions=record) == {"beta": "fail", "default": "fail"}
    problem = judged("exceptions.valid", inputs(runtime=slow, exceptions=record))
    assert problem["status"] == "fail"
    assert "no record covers a value beyond 2 ratio" in problem["message"]


def test_a_decision_about_an_undecided_or_a_fast_file() -> None:
    undecided = inputs(runtime=runtime((1.24,) * 3), exceptions=given(decision(1.5)))
    assert judged(GATE, undecided)["status"] == "unmeasured"
    assert judged("exceptions.valid", undecided)["status"] == "pass"
    fast = inputs(runtime=runtime(), exceptions=given(decision(1.5)))
    assert "stale" in judged("exceptions.valid", fast)["message"]
