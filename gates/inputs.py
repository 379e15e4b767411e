"""What a judge may look at: records only, each bound to the file it speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.canonical import content_sha256
from schemas.errors import RecordError
from schemas.records import read_record, write_record

RECORDS = {
    "baseline": "baseline_manifest",
    "evidence": "evidence",
    "incumbent_evidence": "evidence",
    "contract": "contract_findings",
    "loader": "loader_smoke",
    "loss": "loss_record",
    "suite": "benchmark_manifest",
}
_INDEX = "judge_inputs"


class NotJudged(Exception):  # noqa: N818 - an outcome of a gate, not a fault of the program
    """A gate that cannot be judged: `status` is `unmeasured`, `not_applicable` or `error`."""

    def __init__(self, status: str, message: str, remedy: str) -> None:
        """Keep the status, one clear sentence and the next step."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class JudgeInputs:
    """The candidate's identity, the records at hand, and why each absent record is absent."""

    candidate: Mapping[str, Any]
    records: Mapping[str, Mapping[str, Any]]
    absent: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def record(self, name: str) -> Mapping[str, Any]:
        """Return a record; raises NotJudged with the stated reason when it is absent."""
        if name in self.records:
            return self.records[name]
        why = self.absent.get(name)
        if why is None:
            raise NotJudged(
                "unmeasured", f"no {RECORDS[name]} was given", "run `mpgate measure` first"
            )
        raise NotJudged(why["status"], why["message"], why["remedy"])

    def evidence(self) -> Mapping[str, Any]:
        """Return the candidate's evidence; evidence of another file is an error."""
        return self._of(self.record("evidence"), self.candidate["sha256"], "the candidate")

    def contract(self) -> Mapping[str, Any]:
        """Return the contract findings of the candidate; those of another file are an error."""
        return self._of(self.record("contract"), self.candidate["sha256"], "the candidate")

    def loader(self) -> Mapping[str, Any]:
        """Return the loader smoke run of the candidate; that of another file is an error."""
        return self._of(self.record("loader"), self.candidate["sha256"], "the candidate")

    def incumbent_evidence(self) -> Mapping[str, Any]:
        """Return the incumbent's evidence; it must be of the pinned file, engine and suite."""
        pinned = self.record("baseline")["pins"]["h5_sha256"]
        return self._of(self.record("incumbent_evidence"), pinned, "the pinned incumbent")

    def loss(self) -> Mapping[str, Any]:
        """Return the loss record; it must compare exactly these two files."""
        record = self.record("loss")
        pairs = (
            (record["candidate"]["sha256"], self.evidence()["subject"]["sha256"]),
            (record["incumbent"]["sha256"], self.incumbent_evidence()["subject"]["sha256"]),
        )
        if any(have != want for have, want in pairs):
            raise NotJudged(
                "error",
                "the loss record compares other files than the ones judged",
                "delete it and measure again",
            )
        return record

    def _of(self, record: Mapping[str, Any], sha: str | None, whose: str) -> Mapping[str, Any]:
        found = record["subject"]["sha256"]
        if found != sha:
            raise NotJudged(
                "error",
                f"this {record['schema']} was measured on {found[:12]}, "
                f"not on {whose} ({(sha or 'unpinned')[:12]})",
                "delete it and measure the right file",
            )
        return record

    def hashes(self) -> dict[str, str | None]:
        """Return the content hash of every record at hand; null for an absent one."""
        return {
            name: content_sha256(self.records[name]) if name in self.records else None
            for name in RECORDS
        }


def write_inputs(directory: Path, inputs: JudgeInputs) -> None:
    """Write every record and an index, so that the same evidence can be judged again."""
    for name, record in inputs.records.items():
        write_record(directory / f"{name}.json", record, RECORDS[name])
    for name in set(RECORDS) - set(inputs.records):
        (directory / f"{name}.json").unlink(missing_ok=True)
    index = {
        "schema": _INDEX,
        "schema_version": 1,
        "candidate": dict(inputs.candidate),
        "records": sorted(inputs.records),
        "absent": {name: dict(why) for name, why in inputs.absent.items()},
    }
    write_record(directory / f"{_INDEX}.json", index, _INDEX)


def read_inputs(directory: Path) -> JudgeInputs:
    """Return the inputs in `directory`; an unreadable record is absent with status `error`."""
    index = read_record(directory / f"{_INDEX}.json", _INDEX)
    records: dict[str, Mapping[str, Any]] = {}
    absent: dict[str, Mapping[str, str]] = dict(index["absent"])
    for name in index["records"]:
        try:
            records[name] = read_record(directory / f"{name}.json", RECORDS[name])
        except RecordError as error:
            absent[name] = {"status": "error", "message": error.message, "remedy": error.remedy}
    return JudgeInputs(index["candidate"], records, absent)
