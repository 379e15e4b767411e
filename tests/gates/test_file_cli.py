"""`mpgate contract` and `mpgate hash` as a user types them, and the same verdicts in pytest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import pytest
from typer.testing import CliRunner

from gates import measuring
from gates.cli import app
from gates.policy import load_policy
from schemas.errors import MeasureError
from schemas.records import validate
from schemas.writers import write_entity_tables
from tests.gates.fakes import small_file
from tests.small import PERIOD, small_columns

runner = CliRunner()
CONTRACT = [gate.id for gate in load_policy().gates if gate.group == "contract"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the evidence cache inside the test."""
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))


def contract(*args: str | Path) -> tuple[int, str]:
    command = ["contract", *map(str, args), "--measure", "never"]
    done = runner.invoke(app, command)
    return done.exit_code, done.output


def as_record(*args: str | Path) -> tuple[int, dict[str, Any]]:
    code, said = contract(*args, "--json")
    record = json.loads(said[said.index("{") : said.rindex("}") + 1])
    validate(record, "gate_results")
    return code, record


def statuses(record: dict[str, Any]) -> dict[str, str]:
    return {gate["id"]: gate["status"] for gate in record["gates"]}


def without_states(tmp_path: Path) -> Path:
    broken = {n: v for n, v in small_columns().items() if n != "state_fips"}
    return small_file(tmp_path / "broken.h5", broken)


def test_a_clean_file_exits_0_and_says_what_was_not_measured(tmp_path: Path) -> None:
    code, record = as_record(small_file(tmp_path / "run.h5"))
    found = statuses(record)
    assert code == 0
    assert list(found) == CONTRACT
    assert found.pop("contract.loader") == "unmeasured"
    assert found.pop("contract.inputs.parity") == "not_applicable"
    assert set(found.values()) <= {"pass", "not_applicable"}
    assert record["verdicts"]["default"]["verdict"] == "partial"
    assert record["incumbent"]["id"] == "none"


def test_a_breach_exits_1_and_names_gate_and_remedy(tmp_path: Path) -> None:
    code, record = as_record(without_states(tmp_path))
    assert code == 1
    assert statuses(record)["contract.geography.states"] == "fail"
    severities = {gate["id"]: gate["severity"] for gate in record["gates"]}
    assert severities["contract.geography.states"] == "critical"
    assert severities["contract.values.constant"] == "warning"
    loader = next(gate for gate in record["gates"] if gate["id"] == "contract.loader")
    assert "the engine was not run" not in loader["message"]
    code, said = contract(without_states(tmp_path))
    assert code == 1
    assert "refused by" in said
    assert "contract.geography.states (critical): 1 of 1 checked: state_fips is absent" in said
    assert "  next: give every household one of the 51 states" in said


def test_a_machine_too_small_is_unmeasured_and_not_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_small(*args: Any, **options: Any) -> None:
        raise MeasureError("6 GB were not enough", reason="engine.memory", remedy="allow 12")

    monkeypatch.setattr(measuring, "smoke_loader", too_small)
    done = runner.invoke(app, ["contract", str(small_file(tmp_path / "run.h5"))])
    assert done.exit_code == 1
    assert "contract.loader (unmeasured): 6 GB were not enough" in done.output
    assert "next: allow 12" in done.output


def test_parity_with_an_incumbent_without_a_profile_is_not_clean(tmp_path: Path) -> None:
    incumbent = "ecps-2024-frozen-20260606"
    code, record = as_record(small_file(tmp_path / "run.h5"), "--incumbent", incumbent)
    assert statuses(record)["contract.inputs.parity"] == "unmeasured"
    assert code == 1


def test_a_named_incumbent_makes_parity_a_verdict(tmp_path: Path) -> None:
    code, record = as_record(small_file(tmp_path / "run.h5"), "--incumbent", "ecps-2024-1.115.5")
    assert code == 1
    assert statuses(record)["contract.inputs.parity"] == "fail"
    assert record["incumbent"]["id"] == "ecps-2024-1.115.5"


@pytest.mark.parametrize(
    ("content", "reason"), [(b"no", "h5.signature"), (b"", "file.empty"), (None, "file.missing")]
)
def test_what_is_no_h5_exits_2_with_its_reason(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "run.h5"
    if content is not None:
        file.write_bytes(content)
    code, record = as_record(file)
    assert code == 2
    assert record["error"]["reason"] == reason
    assert set(statuses(record).values()) == {"error"}
    assert contract(file)[0] == 2


def test_an_unknown_incumbent_or_option_is_an_error(tmp_path: Path) -> None:
    file = small_file(tmp_path / "run.h5")
    code, said = contract(file, "--incumbent", "nobody")
    assert code == 2
    assert "Next:" in said
    assert runner.invoke(app, ["contract", str(file), "--measure", "always"]).exit_code == 2


def test_hash_is_equal_for_equal_content_in_both_layouts(tmp_path: Path) -> None:
    first = small_file(tmp_path / "a.h5")
    write_entity_tables(tmp_path / "b.h5", small_columns(), PERIOD)
    found = []
    for file in (first, tmp_path / "b.h5"):
        done = runner.invoke(app, ["hash", str(file), "--json"])
        assert done.exit_code == 0
        found.append(json.loads(done.output))
    assert found[0]["logical_sha256"] == found[1]["logical_sha256"]
    assert [each["layout"] for each in found] == ["period_arrays", "entity_tables"]
    assert found[0]["sha256"] != found[1]["sha256"]
    said = runner.invoke(app, ["hash", str(first)]).output
    assert found[0]["logical_sha256"] in said.replace("\n", "")


def test_hash_refuses_a_hostile_file(tmp_path: Path) -> None:
    file = small_file(tmp_path / "a.h5")
    with h5py.File(file, "a") as h5:
        h5["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
    done = runner.invoke(app, ["hash", str(file)])
    assert done.exit_code == 2
    assert "link to another file" in done.output


def test_a_check_leaves_the_file_and_its_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    file = small_file(folder / "run.h5")
    kept = shutil.copy(file, tmp_path / "kept.h5")
    contract(file)
    assert file.read_bytes() == Path(kept).read_bytes()
    assert [each.name for each in folder.iterdir()] == ["run.h5"]
