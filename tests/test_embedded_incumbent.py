"""The embedded incumbent: rebuilt, it is the pinned file; against itself, nothing differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from baselines.freeze import frozen_evidence
from baselines.registry import load_baseline
from baselines.targets import target_db_identity
from benchmarks.engine.metadata import installed_versions
from benchmarks.evidence_store import code_sha256, frozen_contributions
from benchmarks.suite import load_suite
from builder.embedded.build import build_incumbent
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.measuring import gather
from gates.policy import load_policy
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes

ID = "psl-cps-2024"
# A file of arrays has no tables, the source has no county, and `never` starts no engine.
NOT_JUDGED = {
    "artifacts.bundle": "unmeasured",  # no bundle lies beside an incumbent
    "benchmark.tara-watson.external": "unmeasured",  # nobody has published its figures
    "contract.layout.tables": "not_applicable",
    "contract.geography.county_format": "not_applicable",
    "contract.geography.county_vintage": "not_applicable",
    "contract.geography.county_state": "not_applicable",
    "contract.loader": "unmeasured",
    "cross.taxcalc": "unmeasured",  # `never` starts no second engine
    "exceptions.valid": "unmeasured",  # gathering alone looks for no records
    "loss.held_out": "unmeasured",  # an incumbent has no candidate manifest
    "runtime.median": "unmeasured",  # `never` times nothing
}


@pytest.fixture(scope="module")
def incumbent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The incumbent, built anew."""
    path = tmp_path_factory.mktemp("incumbent") / "incumbent.h5"
    build_incumbent(path)
    return path


def test_the_builder_makes_the_pinned_file(incumbent: Path) -> None:
    hashes = dataset_hashes(open_dataset(incumbent))
    pins = load_baseline(ID)["pins"]
    assert hashes.logical_sha256 == pins["h5_logical_sha256"]
    assert hashes.file_sha256 == pins["h5_sha256"]


def test_the_frozen_evidence_fits_this_engine_suite_and_code() -> None:
    evidence = frozen_evidence(ID, installed_versions(), load_suite().sha256)
    assert evidence is not None, "measure the incumbent and freeze its evidence (CONTRIBUTING.md)"
    assert evidence["code_sha256"] == code_sha256()
    assert evidence["target_db"] == target_db_identity()
    assert frozen_contributions(ID, evidence) is not None


def test_the_incumbent_against_itself_differs_in_nothing(incumbent: Path) -> None:
    policy = load_policy()
    inputs = gather(incumbent, ID, policy, mode="never")
    for gate in policy.gates:
        result = judge_gate(gate, inputs, JUDGES)
        if gate.judge == "pending":
            assert result["status"] == "unmeasured", gate.id
        elif gate.id in NOT_JUDGED:
            assert result["status"] == NOT_JUDGED[gate.id], gate.id
        elif gate.id == "loss.broad":
            assert result["delta"] == 0
            assert result["status"] == "fail"
            assert result["stages"]["default"]["message"].startswith("tie")
        else:
            assert result["status"] == "pass", result["message"]
            assert result["delta"] in (None, 0), gate.id
