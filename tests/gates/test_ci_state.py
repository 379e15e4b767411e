"""The state of the check: what passes, what never does, and the reason that is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gates.ci import app
from gates.ci_state import State, state
from gates.judging import stage_verdict
from gates.policy import load_policy
from gates.results import error_record, write_results
from schemas.errors import DatasetError
from tests.gates.ci_results import ELIGIBLE, EMBEDDED, results_of

runner = CliRunner()
DEMO = {"incumbent": EMBEDDED}
ONLY = "demonstration only, no release decision"


def found(
    results: Path,
    file: Path | str,
    *,
    incumbent: str = ELIGIBLE,
    stage: str = "default",
    demonstration: str = "fail",
) -> State:
    asked = {"incumbent": incumbent, "stage": stage, "demonstration": demonstration}
    return state(results, str(file), **asked)


def exit_code(results: Path, file: Path, incumbent: str, *more: str) -> int:
    asked = ["verdict", str(results), "--candidate", str(file), "--incumbent", incumbent, *more]
    return runner.invoke(app, asked).exit_code


CASES: dict[str, tuple[dict[str, Any], str, bool, str]] = {
    "ready": ({}, "fail", True, "ready"),
    "ready, report-only": ({}, "report-only", True, "ready"),
    "blocked": ({"statuses": {"loss.broad": "fail"}}, "fail", False, "; 1 blocking: loss.broad"),
    "blocked, report-only": (
        {"statuses": {"loss.broad": "fail"}},
        "report-only",
        False,
        "; 1 blocking: loss.broad",
    ),
    "error": ({"statuses": {"loss.broad": "error"}}, "fail", False, "blocked; 1 blocking"),
    "unmeasured": ({"statuses": {"loss.broad": "unmeasured"}}, "fail", False, "incomplete; 1"),
    "waived": ({"statuses": {"loss.broad": "waived"}}, "fail", True, "ready; 1 waived: loss.broad"),
    "nothing to judge": ({"statuses": {"loss.broad": "not_applicable"}}, "fail", True, "ready"),
    "an advisory gate fails": (
        {"statuses": {"benchmark.tara-watson.external": "fail"}},
        "fail",
        True,
        "ready",
    ),
    "left out": ({"deselected": ("loss.broad",)}, "fail", False, "gates were left out"),
    "demonstration": (DEMO, "fail", False, "No release can follow from a demonstration; where"),
    "demonstration, report-only": (DEMO, "report-only", True, ONLY),
    "demonstration, left out": (
        {**DEMO, "deselected": ("loss.broad",)},
        "report-only",
        False,
        "gates were left out",
    ),
    "demonstration, blocked": (
        {**DEMO, "statuses": {"loss.broad": "fail"}},
        "report-only",
        True,
        f"{ONLY}: run.h5 against psl-cps-2024, stage default: blocked",
    ),
    "demonstration, error": (
        {**DEMO, "statuses": {"loss.broad": "error"}},
        "report-only",
        False,
        "; 1 not judged: loss.broad",
    ),
    "demonstration, not measured": (
        {**DEMO, "statuses": {"runtime.median": "unmeasured"}},
        "report-only",
        False,
        "; 1 not judged: runtime.median",
    ),
    "demonstration, measured but undecided": (
        {**DEMO, "statuses": {"runtime.median": "unmeasured"}, "value": 1.0},
        "report-only",
        True,
        ONLY,
    ),
    "demonstration, a file without its bundle": (
        {**DEMO, "statuses": dict.fromkeys(("artifacts.bundle", "release.contract"), "unmeasured")},
        "report-only",
        True,
        ONLY,
    ),
    "demonstration, a bundle that can't be believed": (
        {**DEMO, "statuses": {"artifacts.bundle": "error"}},
        "report-only",
        False,
        "; 1 not judged: artifacts.bundle",
    ),
    "demonstration, an advisory gate in error": (
        {**DEMO, "statuses": {"benchmark.tara-watson.external": "error"}},
        "report-only",
        True,
        ONLY,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_state_follows_from_the_verdict(tmp_path: Path, case: str) -> None:
    made, demonstration, passes, words = CASES[case]
    incumbent = made.get("incumbent", ELIGIBLE)
    results, file = results_of(tmp_path, **made)
    given = found(results, file, incumbent=incumbent, demonstration=demonstration)
    assert given.passes is passes
    assert words in given.command()
    assert given.command().startswith("::notice" if passes else "::error")
    if incumbent == EMBEDDED:
        assert "title=Release gate::ready" not in given.command()
    code = exit_code(results, file, incumbent, "--demonstration", demonstration)
    assert code == (0 if passes else 1)


def test_the_default_for_a_demonstration_is_that_it_fails(tmp_path: Path) -> None:
    results, file = results_of(tmp_path, **DEMO)
    assert exit_code(results, file, EMBEDDED) == 1
    assert "would be ready (demonstration" in found(results, file, incumbent=EMBEDDED).reason


def test_many_gates_are_counted_and_the_first_named(tmp_path: Path) -> None:
    failing = [gate.id for gate in load_policy().gates if gate.blocking["default"]][:8]
    results, file = results_of(tmp_path, dict.fromkeys(failing, "fail"))
    said = found(results, file).reason
    assert f"; 8 blocking: {', '.join(failing[:5])} and 3 more" in said


def test_results_of_something_else_never_pass(tmp_path: Path) -> None:
    results, file = results_of(tmp_path)
    assert "for the stage default, not for beta" in found(results, file, stage="beta").reason
    assert "no gate results" in found(tmp_path / "absent", file).reason
    against = found(results, file, incumbent="populace-us-2024-spm-20260909").reason
    assert against == f"it was judged against {ELIGIBLE}, not populace-us-2024-spm-20260909"
    for other in ("", str(tmp_path), str(tmp_path / "absent.h5")):
        assert "of another file" in found(results, other).reason
    file.write_bytes(b"another")
    assert "of another file" in found(results, file).reason
    assert exit_code(results, file, ELIGIBLE) == 1


Change = Callable[[dict[str, Any]], object]


def passed(record: dict[str, Any], *, verdict: bool) -> None:
    """Turn the failed gate into one that passed, and the verdict with it if asked for."""
    gate = next(each for each in record["gates"] if each["id"] == "loss.broad")
    gate["status"] = gate["stages"]["default"]["status"] = "pass" if not verdict else "fail"
    if verdict:
        record["verdicts"]["default"] = {"verdict": "ready", "blocking": []}


def without(record: dict[str, Any]) -> None:
    """Drop the failed gate and let the verdict follow from the others."""
    record["gates"] = [each for each in record["gates"] if each["id"] != "loss.broad"]
    record["verdicts"]["default"] = stage_verdict(record["gates"], "default", [])


def advisory(record: dict[str, Any]) -> None:
    """Say that the failed gate does not block, and let the verdict follow."""
    gate = next(each for each in record["gates"] if each["id"] == "loss.broad")
    gate["stages"]["default"]["blocking"] = False
    record["verdicts"]["default"] = stage_verdict(record["gates"], "default", [])


def twice(record: dict[str, Any]) -> None:
    """Name another gate twice in place of the failed one."""
    record["gates"] = [each for each in record["gates"] if each["id"] != "loss.broad"]
    record["gates"].append(record["gates"][0])
    record["verdicts"]["default"] = stage_verdict(record["gates"], "default", [])


EDITS: dict[str, tuple[Change, str]] = {
    "the verdict": (lambda record: passed(record, verdict=True), "does not follow"),
    "a gate": (lambda record: passed(record, verdict=False), "does not follow"),
    "a gate left out in silence": (without, "other gates than those of the policy"),
    "a gate that no longer blocks": (advisory, "other gates than those of the policy"),
    "a gate twice": (twice, "other gates than those of the policy"),
    "the policy": (lambda record: record["policy"].update(sha256="0" * 64), "other gates"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_results_that_were_changed_never_pass(tmp_path: Path, edit: str) -> None:
    change, words = EDITS[edit]
    results, file = results_of(tmp_path, {"loss.broad": "fail"})
    record = json.loads(results.read_text())
    change(record)
    results.write_text(json.dumps(record))
    given = found(results, file)
    assert not given.passes
    assert words in given.reason


def test_a_demonstration_can_not_be_relabelled(tmp_path: Path) -> None:
    results, file = results_of(tmp_path, **DEMO)
    record = json.loads(results.read_text())
    record["demonstration"] = record["decision"]["demonstration"] = False
    record["incumbent"]["release_eligible"] = True
    results.write_text(json.dumps(record))
    given = found(results, file, incumbent=EMBEDDED)
    assert not given.passes
    assert "they say of psl-cps-2024 what its manifest denies" in given.reason


@pytest.mark.parametrize("content", ["", "{}", "[]", "{", "null"])
def test_half_written_results_are_none(tmp_path: Path, content: str) -> None:
    results, file = results_of(tmp_path)
    results.write_text(content)
    given = found(results, file)
    assert not given.passes
    assert given.reason.startswith("there are no gate results: ")


def test_a_file_that_was_not_judged_fails_with_the_reason(tmp_path: Path) -> None:
    error = DatasetError("the file\n::error::x 100%", reason="h5.bad", remedy="write it again")
    file = tmp_path / "run.h5"
    record = error_record(load_policy(), file, EMBEDDED, error, "default")
    write_results(tmp_path, record)
    results = tmp_path / "gate_results.json"
    given = found(results, file, incumbent=EMBEDDED, demonstration="report-only")
    assert not given.passes
    said = given.command()
    assert "write it again" in said
    assert said.count("\n") == 0
    assert "100%25" in said


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    results, file = results_of(tmp_path)
    assert exit_code(results, file, ELIGIBLE, "--demonstration", "pass") == 3
    assert exit_code(results, file, ELIGIBLE, "--stage", "alpha") == 3
