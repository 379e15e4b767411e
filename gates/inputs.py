"""What a judge may look at: records only, each bound to the file it speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gates.exceptions import ExceptionSet, read_files, write_exceptions
from gates.integrity import check_bands
from schemas.bundle import read_known
from schemas.canonical import content_sha256, sha256_json
from schemas.errors import RecordError
from schemas.records import read_record, write_record

RECORDS = {
    "baseline": "baseline_manifest",
    "evidence": "evidence",
    "incumbent_evidence": "evidence",
    "contract": "contract_findings",
    "loader": "loader_smoke",
    "loss": "loss_record",
    "runtime": "runtime",
    "storage": "storage",
    "external": "external_comparison",
    "suite": "benchmark_manifest",
    "candidate_manifest": "candidate_manifest",
    "cross_engine": "cross_engine",
    "bundle": "bundle_check",
}
_INDEX = "judge_inputs"
_EXCEPTIONS = "exceptions"
_TABLE = "a published table was judged: it holds estimates only"


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
    exceptions: ExceptionSet = field(default_factory=ExceptionSet)

    @classmethod
    def from_table(cls, label: str, record: Mapping[str, Any]) -> JudgeInputs:
        """Return the inputs of a published table: its loss record and nothing else.

        No file is behind it, so nothing that needs one can be judged.
        """
        identity = dict.fromkeys(("sha256", "logical_sha256", "size_bytes"))
        why = {"status": "unmeasured", "message": _TABLE, "remedy": "judge the H5 itself"}
        absent = {name: why for name in RECORDS if name != "loss"}
        return cls({"label": label, **identity}, {"loss": record}, absent)

    @property
    def is_table(self) -> bool:
        """Whether a published table is judged: a table's losses, and no file at all."""
        return (
            self.candidate["sha256"] is None
            and set(self.records) == {"loss"}
            and self.records["loss"]["source"]["kind"] == "table"
        )

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

    def storage(self) -> Mapping[str, Any]:
        """Return the storage record of the candidate; that of another file is an error."""
        return self._of(self.record("storage"), self.candidate["sha256"], "the candidate")

    def external(self) -> Mapping[str, Any]:
        """Return the external comparison of the candidate; that of another file is an error."""
        return self._of(self.record("external"), self.candidate["sha256"], "the candidate")

    def cross_engine(self) -> Mapping[str, Any]:
        """Return the cross-engine record of the candidate; that of another file is an error."""
        return self._of(self.record("cross_engine"), self.candidate["sha256"], "the candidate")

    def bundle(self) -> Mapping[str, Any]:
        """Return the check of the candidate's bundle; that of another file's is an error."""
        return self._of(self.record("bundle"), self.candidate["sha256"], "the candidate")

    def runtime(self) -> Mapping[str, Any]:
        """Return the runtimes of candidate and pinned incumbent; those of others are an error."""
        record = self.record("runtime")
        pinned = self.record("baseline")["pins"]["h5_sha256"]
        self._same(record, record["candidate"], self.candidate["sha256"], "the candidate")
        self._same(record, record["incumbent"], pinned, "the pinned incumbent")
        return record

    def incumbent_record(self) -> Mapping[str, Any]:
        """Return the incumbent's evidence as measured on the pinned file, sound or not.

        For the gates of the baseline itself; a comparison takes `incumbent_evidence`.
        """
        pinned = self.record("baseline")["pins"]["h5_sha256"]
        return self._of(self.record("incumbent_evidence"), pinned, "the pinned incumbent")

    def incumbent_evidence(self) -> Mapping[str, Any]:
        """Return the incumbent's evidence for a comparison; raises NotJudged if it is unsound."""
        self.require_sound_incumbent()
        return self.incumbent_record()

    def loss(self) -> Mapping[str, Any]:
        """Return the loss record for a comparison; raises NotJudged if the incumbent is unsound.

        A published table has no incumbent manifest, so its incumbent goes unchecked.
        """
        record = self.loss_record()
        if not self.is_table:
            self.require_sound_incumbent()
            self._require_complete(record)
        return record

    def require_sound_incumbent(self) -> None:
        """Raise NotJudged (`unmeasured`) unless the incumbent is inside all its own bands."""
        bands = check_bands(self.record("baseline"), self.incumbent_record())
        if bands.broken:
            raise NotJudged(
                "unmeasured",
                f"the incumbent fails its own bands: {'; '.join(map(str, bands.broken))}; "
                "a broken baseline can't be beaten",
                "compare with a sound incumbent",
            )
        if bands.unchecked:
            raise NotJudged(
                "unmeasured",
                f"nobody knows if the incumbent is sound: {'; '.join(bands.unchecked)}",
                "state the sanity_bands in the incumbent's manifest, and measure it again",
            )

    def loss_record(self) -> Mapping[str, Any]:
        """Return the loss record, sound incumbent or not; it must compare exactly these files."""
        record = self.record("loss")
        if self.is_table:
            return record
        pairs = (
            (record["source"]["kind"], "evidence"),
            (record["candidate"]["sha256"], self.evidence()["subject"]["sha256"]),
            (record["incumbent"]["sha256"], self.incumbent_record()["subject"]["sha256"]),
        )
        if any(have != want for have, want in pairs):
            raise NotJudged(
                "error",
                "the loss record compares other files than the ones judged",
                "delete it and measure again",
            )
        ours = self.evidence()
        stated = sha256_json(self.record("suite"))
        if record["suite"] != ours["suite"] or stated != ours["suite"]["sha256"]:
            raise NotJudged(
                "error",
                "loss record, suite and evidence are not of one suite",
                "measure again with the suite that is judged by",
            )
        if record["target_db"] != ours["target_db"]:
            raise NotJudged(
                "error", "the loss record was formed on other target facts", "measure again"
            )
        return record

    def _require_complete(self, record: Mapping[str, Any]) -> None:
        """A target that the candidate has no estimate of is no target it did well on."""
        lacking = [
            each["target_id"]
            for each in record["dropped"]
            if each["reason"].startswith("no estimate of the candidate")
        ]
        if lacking:
            raise NotJudged(
                "unmeasured",
                f"the candidate has no estimate of {len(lacking)} targets, {lacking[0]} first",
                "measure the candidate again with the whole suite",
            )

    def _of(self, record: Mapping[str, Any], sha: str | None, whose: str) -> Mapping[str, Any]:
        self._same(record, record["subject"], sha, whose)
        return record

    def _same(
        self, record: Mapping[str, Any], measured: Mapping[str, Any], sha: str | None, whose: str
    ) -> None:
        found = measured["sha256"]
        if found != sha:
            raise NotJudged(
                "error",
                f"this {record['schema']} was measured on {found[:12]}, "
                f"not on {whose} ({(sha or 'unpinned')[:12]})",
                "delete it and measure the right file",
            )

    def hashes(self) -> dict[str, str | None]:
        """Return the content hash of every record at hand; null for an absent one."""
        found = {
            name: content_sha256(self.records[name]) if name in self.records else None
            for name in RECORDS
        }
        return {**found, _EXCEPTIONS: self.exceptions.sha256()}


def write_inputs(directory: Path, inputs: JudgeInputs) -> None:
    """Write every record and an index, so that the same evidence can be judged again."""
    for name, record in inputs.records.items():
        write_record(directory / f"{name}.json", record, RECORDS[name])
    for name in set(RECORDS) - set(inputs.records):
        (directory / f"{name}.json").unlink(missing_ok=True)
    index = {
        "schema": _INDEX,
        "schema_version": 3,
        "candidate": dict(inputs.candidate),
        "records": sorted(inputs.records),
        "absent": {name: dict(why) for name, why in inputs.absent.items()},
        "exceptions": {
            "judged_on": inputs.exceptions.judged_on,
            "files": write_exceptions(directory / _EXCEPTIONS, inputs.exceptions),
            "malformed": list(inputs.exceptions.malformed),
        },
    }
    write_record(directory / f"{_INDEX}.json", index, _INDEX)


def read_inputs(directory: Path) -> JudgeInputs:
    """Return the inputs in `directory`; an unreadable record is absent with status `error`.

    Exception records are judged on the day of the first judging, so that the verdict stays.
    """
    index = _read_index(directory)
    records: dict[str, Mapping[str, Any]] = {}
    absent: dict[str, Mapping[str, str]] = dict(index["absent"])
    for name in index["records"]:
        try:
            records[name] = read_known(directory / f"{name}.json", RECORDS[name])
        except RecordError as error:
            absent[name] = {"status": "error", "message": error.message, "remedy": error.remedy}
    return JudgeInputs(index["candidate"], records, absent, judged_exceptions(directory))


def _read_index(directory: Path) -> dict[str, Any]:
    return read_record(directory / f"{_INDEX}.json", _INDEX)


def judged_exceptions(directory: Path) -> ExceptionSet:
    """Return the exception records that were judged with the inputs in `directory`."""
    kept = _read_index(directory)["exceptions"]
    files = [directory / _EXCEPTIONS / name for name in kept["files"]]
    found = read_files(files, kept["judged_on"])
    return replace(found, malformed=(*kept["malformed"], *found.malformed))
