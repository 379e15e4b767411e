"""Evidence kept by content: file, engine, suite, target facts and measuring code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from baselines.freeze import frozen_contributions_path
from baselines.store import cache_dir
from baselines.targets import target_db_identity
from benchmarks.contributions import Contributions, load_contributions, save_contributions
from benchmarks.engine.metadata import installed_versions
from schemas.canonical import sha256_file, sha256_json
from schemas.errors import MeasureError
from schemas.records import read_record, write_record

_ROOM = Path(__file__).parent
MEASURING_CODE = (
    "benchmark_outputs.py",
    "capital_gains/cash.py",
    "capital_gains/cpi_u.json",
    "capital_gains/lots.py",
    "capital_gains/lots_table.py",
    "capital_gains/own_lots.py",
    "capital_gains/prices.py",
    "capital_gains/shares_v1.json",
    "contributions.py",
    "engine/arms.py",
    "engine/fast_worker.py",
    "engine/graph.py",
    "engine/incremental.py",
    "engine/parameter_watch.py",
    "engine/recording.py",
    "engine/reforms.py",
    "engine/stacking.py",
    "engine/worker.py",
    "measure.py",
    "report.py",
    "report_distribution.py",
    "report_groups.py",
    "scoring/entities.py",
    "scoring/kernel.py",
    "suite.py",
    "suite_arms.py",
    "suite_benchmarks.py",
    "weights.py",
)


@cache
def code_sha256() -> str:
    """Return the sha256 over the source files that determine evidence figures."""
    return sha256_json({name: sha256_file(_ROOM / name) for name in MEASURING_CODE})


def evidence_path(file_sha256: str, suite_sha256: str) -> Path:
    """Return where the evidence of one file for one suite is cached, for this engine and code."""
    parts = [installed_versions(), suite_sha256, code_sha256(), target_db_identity()]
    rest = sha256_json(parts)
    return cache_dir() / "evidence" / f"{file_sha256[:16]}-{rest[:16]}.json"


def cached_evidence(file_sha256: str, suite_sha256: str) -> dict[str, Any] | None:
    """Return cached evidence or None; raises on a record that is invalid or of another subject."""
    path = evidence_path(file_sha256, suite_sha256)
    if not path.is_file():
        return None
    record = read_record(path, "evidence")
    check_evidence(record, file_sha256, suite_sha256, path.name)
    return record


def store_evidence(record: Mapping[str, Any], contributions: Contributions) -> Path:
    """Write evidence and its contributions to the cache and return the evidence's path.

    Raises RecordError if the record is invalid.
    """
    path = evidence_path(record["subject"]["sha256"], record["suite"]["sha256"])
    save_contributions(contributions_path(path), contributions)
    write_record(path, record, "evidence")
    return path


def contributions_path(evidence: Path) -> Path:
    """Return where the contributions of an evidence file lie: beside it, as .npz."""
    return evidence.with_suffix(".npz")


def cached_contributions(evidence: Mapping[str, Any]) -> Contributions | None:
    """Return the cached contributions that `evidence` names; None if absent or other content."""
    path = evidence_path(evidence["subject"]["sha256"], evidence["suite"]["sha256"])
    return read_contributions(contributions_path(path), evidence)


def frozen_contributions(baseline_id: str, evidence: Mapping[str, Any]) -> Contributions | None:
    """Return the contributions frozen with an incumbent's evidence; None if there are none."""
    return read_contributions(frozen_contributions_path(baseline_id, evidence), evidence)


def read_contributions(path: Path, evidence: Mapping[str, Any]) -> Contributions | None:
    """Return the contributions at `path` if they are the ones `evidence` names, else None."""
    if not path.is_file():
        return None
    try:
        found = load_contributions(path)
    except MeasureError:
        return None  # damaged: the caller measures again, or does without and says so
    return found if found.sha256() == evidence["contributions"]["sha256"] else None


def is_current(evidence: Mapping[str, Any]) -> bool:
    """Decide whether evidence was made with the measuring code and target facts of today."""
    made_with = (evidence["code_sha256"], evidence["target_db"])
    return made_with == (code_sha256(), target_db_identity())


def check_evidence(
    record: Mapping[str, Any], file_sha256: str, suite_sha256: str, name: str
) -> None:
    """Refuse evidence that was measured on another file, suite, engine or code."""
    wanted = {
        "file": (record["subject"]["sha256"], file_sha256),
        "suite": (record["suite"]["sha256"], suite_sha256),
        "engine": (record["engine"], installed_versions()),
        "measuring code": (record["code_sha256"], code_sha256()),
        "state of the target facts": (record["target_db"], target_db_identity()),
    }
    for what, (found, expected) in wanted.items():
        if found != expected:
            raise MeasureError(
                f"evidence {name} belongs to another {what}",
                reason="evidence.foreign",
                remedy=f"delete {name} from the evidence cache and measure the file again",
            )
