"""Every fault is caught by the gate it names, and no check is dead weight."""

from __future__ import annotations

import pytest

from baselines.profiles import load_profile
from gates.contract.checks import CHECKS
from gates.contract.model import Check
from gates.contract.run import contract_findings
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes
from tests.faults import faults_engine
from tests.faults.incidents import BEYOND_THE_CHECKS, TITLES
from tests.faults.matrix import (
    FAULTS,
    GATES,
    MATRIX,
    PAGE,
    killers,
    lone_kills,
    matrix_text,
    page_text,
    row,
)
from tests.faults.model import LAYOUTS, Fault, Layout, build

BY_ID = {fault.id: fault for fault in FAULTS}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_sound_file_is_clean(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Otherwise every fault would be caught for nothing."""
    sound = Fault("sound", "", "nothing is spoiled")
    assert killers(sound, layout) == []
    dataset = open_dataset(build(sound, layout, tmp_path_factory.mktemp("sound")))
    profile = load_profile(sound.incumbent or "")
    found = contract_findings(dataset, dataset_hashes(dataset), incumbent=profile)["checks"]
    idle = {check["id"] for check in found if not check["checked"]}
    assert idle == ({"layout.tables"} if layout == "period_arrays" else set())


def test_the_catalogue_is_large_and_says_what_it_reproduces() -> None:
    assert len(BY_ID) == len(FAULTS)
    assert sum(fault.layouts == LAYOUTS for fault in FAULTS) >= 90
    assert {fault.gate for fault in FAULTS} == set(GATES)
    assert [fault.id for fault in FAULTS if not fault.incidents and not fault.trap] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_the_named_gate_catches_the_fault(fault: Fault) -> None:
    for layout, gates in row(fault)["killed_by"].items():
        assert fault.gate in gates, f"{layout}: {fault.what} was caught by {gates or 'nobody'}"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_without_a_check_a_fault_survives(check: Check) -> None:
    alone = lone_kills(map(row, FAULTS))[f"contract.{check.id}"]
    assert alone, f"every fault that {check.id} catches is caught by another check as well"
    name, layout = alone[0]
    rest = [each for each in CHECKS if each is not check]
    assert killers(BY_ID[name], layout, rest) == []


def test_every_incident_has_a_fault_or_a_reason() -> None:
    injected = {number for fault in FAULTS + faults_engine.FAULTS for number in fault.incidents}
    assert injected | set(BEYOND_THE_CHECKS) == set(TITLES) == set(range(1, 33))
    assert injected & set(BEYOND_THE_CHECKS) == set()


def test_the_matrix_and_its_page_are_as_measured() -> None:
    rows = [row(fault) for fault in FAULTS]
    renew = "run `python -m tests.faults.matrix`"
    assert MATRIX.read_text() == matrix_text(rows), renew
    assert PAGE.read_text() == page_text(rows), renew
