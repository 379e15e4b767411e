"""Exception records: what covers a failure, what is refused, and that judging again agrees."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gates.exceptions import EXCEPTIONS_DIR, ExceptionSet, read_exceptions
from gates.inputs import read_inputs, write_inputs
from gates.judges import JUDGES
from gates.judging import Measurement, judge_gate
from gates.policy import Limit
from gates.results import assemble
from schemas.errors import UsageError
from schemas.records import validate
from tests.gates.losses import OTHER, OURS, POLICY, TODAY, inputs, judged

GATE = "aggregate.snap_value"


def exception(**changes: Any) -> dict[str, Any]:
    """Return a valid explanation of the failing SNAP aggregate, changed."""
    record = {
        "schema": "exception",
        "schema_version": 1,
        "id": "snap-2026-1",
        "kind": "explanation",
        "gate": GATE,
        "subject": "SNAP benefits",
        "candidate_sha256": OURS,
        "reason": "emergency allotments ended",
        "owner": "the benefits team",
        "approved_by": "the release owner",
        "approved_on": "2026-11-01",
        "expires_on": "2026-12-31",
        "bound": {"value": 0.03, "unit": "fraction of the target"},
        **changes,
    }
    validate(record, "exception")
    return record


def given(*records: dict[str, Any], day: str | None = TODAY) -> ExceptionSet:
    return ExceptionSet(records, (), day)


def both(exceptions: ExceptionSet, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the results of the aggregate and of the gate that judges the records."""
    found = inputs(exceptions=exceptions, **more)
    return judged(GATE, found), judged("exceptions.valid", found)


def test_without_records_the_failure_stands_and_the_records_are_in_order() -> None:
    aggregate, records = both(given())
    assert (aggregate["status"], records["status"]) == ("fail", "pass")


def test_a_valid_explanation_waives_the_failure_and_is_shown_in_full() -> None:
    aggregate, records = both(given(exception()))
    assert (aggregate["status"], records["status"]) == ("waived", "pass")
    assert {stage["status"] for stage in aggregate["stages"].values()} == {"waived"}
    assert aggregate["exceptions"] == ["snap-2026-1"]
    shown = aggregate["details"][0]
    for words in (
        "explanation snap-2026-1: emergency allotments ended",
        "owner the benefits team",
        "approved by the release owner on 2026-11-01",
        "bound 0.03 fraction of the target",
        "expires 2026-12-31",
    ):
        assert words in shown
    assert "waived by snap-2026-1" in aggregate["stages"]["default"]["message"]


@pytest.mark.parametrize("day", ["2026-11-01", "2026-12-31"])
def test_the_days_of_approval_and_expiry_count(day: str) -> None:
    assert both(given(exception(), day=day))[0]["status"] == "waived"


@pytest.mark.parametrize(
    ("changes", "day", "why"),
    [
        ({}, "2027-01-01", "expired on 2026-12-31, judged on 2027-01-01"),
        ({}, "2026-10-31", "approved on 2026-11-01 only"),
        ({"bound": {"value": 0.0299, "unit": "fraction of the target"}}, TODAY, "over its bound"),
        ({"bound": {"value": 3.0, "unit": "percent"}}, TODAY, "its bound is in percent"),
        ({"kind": "waiver"}, TODAY, "accepts no waiver"),
        ({"kind": "product_decision"}, TODAY, "accepts no product_decision"),
        ({"reason": " "}, TODAY, "reason left blank"),
        ({"owner": " "}, TODAY, "owner left blank"),
        ({"approved_by": "\t"}, TODAY, "approved_by left blank"),
        ({"owner": "A", "approved_by": "A "}, TODAY, "approved by its own owner"),
    ],
)
def test_a_record_that_does_not_cover_fails_and_waives_nothing(
    changes: dict[str, Any], day: str, why: str
) -> None:
    aggregate, records = both(given(exception(**changes), day=day))
    assert aggregate["status"] == "fail"
    assert aggregate["exceptions"] == []
    assert (records["status"], records["value"]) == ("fail", 1)
    assert records["message"].startswith("snap-2026-1: ")
    assert why in records["message"]
    assert all(stage["blocking"] for stage in records["stages"].values())


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ("aggregate.unknown", "there is no gate aggregate.unknown"),
        ("loss.broad", "loss.broad accepts no explanation"),
        ("exceptions.valid", "exceptions.valid accepts no explanation"),
    ],
)
def test_a_record_about_a_gate_that_takes_none_fails(about: str, why: str) -> None:
    records = both(given(exception(gate=about)))[1]
    assert records["status"] == "fail"
    assert why in records["message"]


def test_a_record_that_is_no_longer_needed_fails() -> None:
    own = "aggregate.household_net_income"
    stale = exception(gate=own, bound={"value": 9e10, "unit": "dollars"})
    records = both(given(stale))[1]
    assert records["status"] == "fail"
    assert f"stale: {own} passes without it" in records["message"]


def test_two_records_with_one_id_fail() -> None:
    assert "2 records have this id" in both(given(exception(), exception()))[1]["message"]


def test_records_about_other_files_are_ignored() -> None:
    aggregate, records = both(given(exception(candidate_sha256=OTHER, expires_on="2020-01-01")))
    assert (aggregate["status"], records["status"]) == ("fail", "pass")
    assert records["details"] == ["1 records are about other files"]


def test_an_unmeasured_gate_is_not_waived_and_leaves_the_record_open() -> None:
    aggregate, records = both(given(exception()), loss=None)
    assert (aggregate["status"], records["status"]) == ("unmeasured", "pass")


def test_without_a_judging_date_nothing_is_waived() -> None:
    aggregate, records = both(given(exception(), day=None))
    assert (aggregate["status"], records["status"]) == ("fail", "unmeasured")


def test_a_failure_beyond_the_limit_cannot_be_waived() -> None:
    gate = replace(POLICY.gate(GATE), judge="vacuous")
    vacuous = Measurement(value=0.03, message="m", failure="vacuous")
    found = inputs(exceptions=given(exception()))
    result = judge_gate(gate, found, {"vacuous": lambda inputs, gate: vacuous})
    assert result["status"] == "fail"


def test_only_the_stages_that_fail_are_waived() -> None:
    gate = POLICY.gate(GATE)
    wide = replace(gate, limits={**gate.limits, "beta": Limit(None, 1.0, "max", "no_more_than")})
    result = judge_gate(wide, inputs(exceptions=given(exception())), JUDGES)
    stages = {stage: each["status"] for stage, each in result["stages"].items()}
    assert stages == {"beta": "pass", "default": "waived"}


def put(folder: Path, **records: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in records.items():
        (folder / f"{name}.json").write_text(
            content if isinstance(content, str) else json.dumps(content)
        )
    return folder


def test_a_malformed_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    bad = {**exception(), "bound": {"value": "much", "unit": "x"}}
    found = read_exceptions(put(tmp_path, good=exception(), text="{", bad=bad), TODAY)
    assert len(found.records) == 1
    aggregate, records = both(found)
    assert (aggregate["status"], records["status"]) == ("waived", "error")
    assert "text.json: " in records["message"]
    assert "bad.json: exception record: $.bound.value" in records["message"]


def test_a_folder_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_exceptions(tmp_path / "none", TODAY)
    assert caught.value.reason == "exceptions.folder"


def test_the_committed_folder_holds_valid_records_only() -> None:
    assert read_exceptions(EXCEPTIONS_DIR, TODAY).malformed == ()


def test_judging_again_uses_the_same_records_and_the_same_day(tmp_path: Path) -> None:
    bare = inputs(exceptions=replace(given(exception()), malformed=("x.json: no record",)))
    first = replace(bare, records={"loss": bare.records["loss"]})
    write_inputs(tmp_path, first)
    second = read_inputs(tmp_path)
    assert second.exceptions == first.exceptions
    assert second.hashes() == first.hashes()
    (tmp_path / "exceptions" / "0000.json").unlink()
    assert len(read_inputs(tmp_path).exceptions.malformed) == 2
    write_inputs(tmp_path, replace(first, exceptions=given()))
    assert read_inputs(tmp_path).exceptions == given()


def test_the_results_name_the_records_by_hash_and_the_day_outside_the_comparison() -> None:
    found = inputs(exceptions=given(exception()))
    results = {gate.id: judge_gate(gate, found, JUDGES) for gate in POLICY.gates}
    record = assemble(POLICY, replace(found, records={}), results, stage="default")
    validate(record, "gate_results")
    assert record["inputs"]["exceptions"] == given(exception()).sha256()
    assert given().sha256() is None
    assert record["run"]["exceptions_judged_on"] == TODAY
