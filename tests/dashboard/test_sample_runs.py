"""The sample runs are what they claim: valid, sealed, varied, and broken in the ways they say."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from sample_reading import gates_frame, read_sample, runs_frame, targets_frame
from sample_runs import (
    DAMAGES,
    HOSTILE_LABEL,
    ODD_TARGET,
    SCRIPT_TARGET,
    VARIED,
    break_run,
    sample_run,
    write_pointer,
    write_run,
)

from dashboard.run_data import RECORDS, RunData
from gates.release.verify import problems, verify
from schemas.bundle import read_bundle
from schemas.dataset import open_dataset
from schemas.errors import MpgateError
from schemas.pointer import read_pointer
from schemas.records import validate


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed run with two verdicts; tests change copies of it only."""
    root = tmp_path_factory.mktemp("runs")
    return write_run(root, "plain", verdicts=2, failing=("family.snap",))


@pytest.fixture(scope="module")
def varied() -> RunData:
    return sample_run(name="varied", seed=2, **VARIED)


def statuses(run: RunData) -> Counter[str]:
    return Counter(gate["status"] for gate in run.records["gate_results"]["gates"])


def test_a_sealed_run_verifies_and_its_candidate_is_a_data_set(sealed: Path) -> None:
    assert problems(verify(sealed)) == []
    assert open_dataset(sealed / "candidate.h5").size_of("household") == 102


def test_every_record_of_a_run_in_memory_is_valid(varied: RunData) -> None:
    assert set(varied.records) == set(RECORDS)
    for name, record in varied.records.items():
        validate(record, RECORDS[name])


def test_a_plain_run_lacks_only_what_no_run_has_yet() -> None:
    run = sample_run(name="plain")
    assert statuses(run) == {"pass": 92, "not_applicable": 5, "fail": 1, "unmeasured": 1}
    assert run.row["verdict_default"] == "incomplete"
    assert sample_run(name="ready", publishable=True).row["verdict_default"] == "ready"


def test_a_varied_run_has_every_status_and_both_kinds_of_noise(varied: RunData) -> None:
    assert set(statuses(varied)) == {
        "pass", "fail", "error", "unmeasured", "waived", "not_applicable",
    }  # fmt: skip
    gates = {gate["id"]: gate for gate in varied.records["gate_results"]["gates"]}
    assert {gates[name]["status"] for name in VARIED["failing"]} == {"fail"}
    assert gates["aggregate.snap_value"]["status"] == "waived"
    assert gates["contract.values.finite"]["status"] == "error"
    assert {gate["within_noise"] for gate in gates.values()} == {True, False, None}


def test_hostile_names_reach_the_contributors_of_a_failing_gate(varied: RunData) -> None:
    targets = {each["target_id"] for each in varied.records["loss"]["targets"]}
    assert {SCRIPT_TARGET, ODD_TARGET} <= targets
    snap = next(
        each for each in varied.records["gate_results"]["gates"] if each["id"] == "family.snap"
    )
    assert SCRIPT_TARGET in {each["name"] for each in snap["contributors"]}
    assert varied.row["candidate_label"] == HOSTILE_LABEL


def test_a_local_run_has_districts_states_and_the_local_objective() -> None:
    run = sample_run(name="local", product="mp-local-rich")
    levels = {each["geography_level"] for each in run.records["loss"]["targets"]}
    assert levels == {"national", "state", "congressional_district"}
    assert run.row["pe_local_candidate"] < run.row["pe_local_incumbent"]
    assert run.product == run.records["gate_results"]["product"] == "mp-local-rich"


def test_an_unsealed_run_has_records_and_results_only() -> None:
    run = sample_run(name="loose", sealed=False, absent=("runtime",))
    assert run.state == "unsealed"
    assert "bundle" not in run.records
    assert run.why_absent("runtime").startswith("no runtime record was measured")


def test_each_call_gives_records_of_its_own() -> None:
    sample_run(name="plain").records["loss"]["targets"].clear()
    assert sample_run(name="plain").records["loss"]["targets"]


def test_two_runs_differ_in_every_identity(sealed: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path, "other", seed=3, judged=False)
    first, second = read_bundle(sealed), read_bundle(other)
    assert first["candidate"] != second["candidate"]
    assert first["digest"] != second["digest"]


def test_tables_hold_the_rows_of_the_runs(varied: RunData) -> None:
    runs = [varied, sample_run(name="plain")]
    frame = runs_frame(runs)
    assert set(frame["key"]) == {run.key for run in runs}
    assert len(gates_frame(runs)) == 198
    assert list(gates_frame(runs, "loss.broad")["run"]) == [run.key for run in runs]


def test_pointers_form_a_chain(sealed: Path, tmp_path: Path) -> None:
    runs = [Path(shutil.copytree(sealed, tmp_path / name)) for name in ("a", "b")]
    write_pointer(tmp_path, *runs)
    record = read_pointer(tmp_path, "mp-national")
    assert record is not None
    assert [entry["run"] for entry in record["entries"]] == ["a", "b"]


@pytest.mark.parametrize("how", DAMAGES)
def test_damage_is_seen(tmp_path: Path, sealed: Path, how: str) -> None:
    run = Path(shutil.copytree(sealed, tmp_path / "run"))
    break_run(run, how)
    try:
        found = problems(verify(run))
    except MpgateError as error:
        found = [error.message]
    assert found


def test_a_folder_is_read_as_it_was_written(sealed: Path) -> None:
    run = read_sample(sealed.parent, sealed.name)
    assert run.records["seal"]["number"] == 2
    assert run.records["bundle"] == json.loads((sealed / "bundle.json").read_text())
    assert len(targets_frame(run)) == run.records["loss"]["kept"]["count"]
