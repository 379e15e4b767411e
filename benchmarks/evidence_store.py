"""Evidence kept by content: (file sha256, engine, suite sha256, measuring code sha256)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from baselines.store import cache_dir
from benchmarks.engine.metadata import installed_versions
from schemas.canonical import sha256_file, sha256_json
from schemas.errors import MeasureError
from schemas.records import read_record, write_record

_ROOM = Path(__file__).parent
MEASURING_CODE = (
    "benchmark_outputs.py",
    "engine/reforms.py",
    "engine/worker.py",
    "measure.py",
    "scoring/entities.py",
    "scoring/kernel.py",
    "suite.py",
    "weights.py",
)


@cache
def code_sha256() -> str:
    """Return the sha256 over the source files that determine evidence figures."""
    return sha256_json({name: sha256_file(_ROOM / name) for name in MEASURING_CODE})


def evidence_path(file_sha256: str, suite_sha256: str) -> Path:
    """Return where the evidence of one file for one suite is cached, for this engine and code."""
    rest = sha256_json([installed_versions(), suite_sha256, code_sha256()])
    return cache_dir() / "evidence" / f"{file_sha256[:16]}-{rest[:16]}.json"


def cached_evidence(file_sha256: str, suite_sha256: str) -> dict[str, Any] | None:
    """Return cached evidence or None; raises on a record that is invalid or of another subject."""
    path = evidence_path(file_sha256, suite_sha256)
    if not path.is_file():
        return None
    record = read_record(path, "evidence")
    check_evidence(record, file_sha256, suite_sha256, path.name)
    return record


def store_evidence(record: Mapping[str, Any]) -> Path:
    """Write evidence to the cache and return its path; raises RecordError if it is invalid."""
    path = evidence_path(record["subject"]["sha256"], record["suite"]["sha256"])
    write_record(path, record, "evidence")
    return path


def check_evidence(
    record: Mapping[str, Any], file_sha256: str, suite_sha256: str, name: str
) -> None:
    """Refuse evidence that was measured on another file, suite, engine or code."""
    wanted = {
        "file": (record["subject"]["sha256"], file_sha256),
        "suite": (record["suite"]["sha256"], suite_sha256),
        "engine": (record["engine"], installed_versions()),
        "measuring code": (record["code_sha256"], code_sha256()),
    }
    for what, (found, expected) in wanted.items():
        if found != expected:
            raise MeasureError(
                f"evidence {name} belongs to another {what}",
                reason="evidence.foreign",
                remedy=f"delete {name} from the evidence cache and measure the file again",
            )
