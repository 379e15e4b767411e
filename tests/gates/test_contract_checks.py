"""Running the contract checks: sound files, broken checks, rules that do not apply.

That each check catches its faults is shown by the fault corpus in tests/faults/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.profiles import load_profile, profile_of
from gates.contract.checks import CHECKS
from gates.contract.model import Check, Examined, Found
from gates.contract.run import contract_findings
from gates.policy import load_policy
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes
from schemas.records import validate
from schemas.writers import write_entity_tables, write_period_arrays
from tests.gates.fakes import small_file
from tests.small import PERIOD, small_columns


def findings(
    path: Path, incumbent: Mapping[str, Any] | str | None = None
) -> dict[str, dict[str, Any]]:
    dataset = open_dataset(path)
    record = contract_findings(dataset, dataset_hashes(dataset), incumbent=incumbent)
    validate(record, "contract_findings")
    return {check["id"]: check for check in record["checks"]}


@pytest.mark.parametrize("writer", [write_period_arrays, write_entity_tables])
def test_a_sound_file_breaks_no_check(tmp_path: Path, writer: Callable[..., None]) -> None:
    writer(tmp_path / "f.h5", small_columns(), PERIOD)
    found = findings(tmp_path / "f.h5")
    assert {name: c["message"] for name, c in found.items() if c["count"] or "error" in c} == {}
    idle = {name for name, check in found.items() if not check["checked"]}
    assert idle == {name for name, check in found.items() if "not_applicable" in check}


def test_every_check_has_its_own_gate() -> None:
    gates = [gate for gate in load_policy().gates if gate.judge == "contract"]
    assert [gate.parameters["check"] for gate in gates] == [check.id for check in CHECKS]
    assert all(gate.id == f"contract.{gate.parameters['check']}" for gate in gates)
    assert all(gate.blocking["beta"] and gate.blocking["default"] for gate in gates)


def test_a_check_that_breaks_down_is_an_error(tmp_path: Path) -> None:
    def broken(file: Examined) -> Found:
        raise ZeroDivisionError("boom")

    dataset = open_dataset(small_file(tmp_path / "f.h5"))
    check = Check("joins.resolve", "critical", "mend it", broken)
    record = contract_findings(dataset, dataset_hashes(dataset), [check])
    validate(record, "contract_findings")
    assert "boom" in record["checks"][0]["error"]


def test_parity_needs_an_incumbent_with_a_profile(tmp_path: Path) -> None:
    path = small_file(tmp_path / "f.h5")
    assert "not_applicable" in findings(path)["inputs.parity"]
    assert findings(path, "no profile of x")["inputs.parity"]["unmeasured"] == "no profile of x"
    profile = profile_of(open_dataset(path), "x", "0" * 64)
    validate(profile, "input_profile")
    assert findings(path, profile)["inputs.parity"]["count"] == 0


def test_parity_sees_an_emptied_and_a_thinned_input(tmp_path: Path) -> None:
    columns = small_columns()
    profile = profile_of(open_dataset(small_file(tmp_path / "a.h5")), "x", "0" * 64)
    rare = np.where(np.arange(len(columns["person_id"])) < 60, 900.0, 0).astype(np.float32)
    thinned = columns | {"employment_income_before_lsr": rare}
    emptied = columns | {"social_security_retirement": np.zeros_like(rare)}
    for name, changed in (("thinned", thinned), ("emptied", emptied)):
        found = findings(small_file(tmp_path / f"{name}.h5", changed), profile)["inputs.parity"]
        assert found["count"] == 1, name


def test_real_incumbents_have_a_frozen_profile() -> None:
    for incumbent, inputs in (("psl-cps-2024", 44), ("ecps-2024-1.115.5", 154)):
        profile = load_profile(incumbent)
        assert profile is not None
        assert len(profile["inputs"]) == inputs
    assert load_profile("ecps-2024-frozen-20260606") is None
