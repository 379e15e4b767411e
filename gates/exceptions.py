"""Exception records: a person's bounded and dated decision about one gate of one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gates.policy import Gate
from schemas.canonical import sha256_json
from schemas.errors import RecordError, UsageError
from schemas.records import read_record, write_record

EXCEPTIONS_DIR = Path(__file__).parent / "exceptions"
_SIGNATURES = ("reason", "owner", "approved_by", "subject")


@dataclass(frozen=True)
class ExceptionSet:
    """The records at hand, the files that are none, and the ISO date they are judged on."""

    records: tuple[Mapping[str, Any], ...] = ()
    malformed: tuple[str, ...] = ()
    judged_on: str | None = None

    def of(self, candidate_sha256: str | None) -> Iterator[Mapping[str, Any]]:
        """Yield the records about one file; those about other files say nothing of it."""
        for record in self.records:
            if record["candidate_sha256"] == candidate_sha256:
                yield record

    def sha256(self) -> str | None:
        """Return the hash of everything but the date; None where no file was found."""
        if not self.records and not self.malformed:
            return None
        return sha256_json([self.records, self.malformed])


def read_exceptions(directory: Path, judged_on: str) -> ExceptionSet:
    """Return all `*.json` records of a folder, in order of their names.

    A file that is no valid record is listed as malformed. Raises UsageError for an absent folder.
    """
    if not directory.is_dir():
        raise UsageError(
            f"{directory} is not a folder of exception records",
            reason="exceptions.folder",
            remedy="name an existing folder, or leave `--exceptions` out",
        )
    return read_files(sorted(directory.glob("*.json")), judged_on)


def read_files(files: list[Path], judged_on: str | None) -> ExceptionSet:
    """Return the records in these files, and a line about each one that holds none."""
    records, malformed = [], []
    for file in files:
        try:
            records.append(read_record(file, "exception"))
        except RecordError as error:
            malformed.append(f"{file.name}: {error.message}")
    return ExceptionSet(tuple(records), tuple(malformed), judged_on)


def write_exceptions(directory: Path, exceptions: ExceptionSet) -> list[str]:
    """Write the records as files of `directory` and return their names; older ones are removed."""
    for old in directory.glob("*.json"):
        old.unlink()
    names = [f"{number:04d}.json" for number in range(len(exceptions.records))]
    for name, record in zip(names, exceptions.records, strict=True):
        write_record(directory / name, record, "exception")
    return names


def refusal(
    record: Mapping[str, Any], gate: Gate, value: float, judged_on: str | None
) -> str | None:
    """Return why a record cannot cover `value` at a gate, in words; None where it does.

    It covers where the gate accepts its kind, someone answers for it and someone else approved it,
    the day lies between approval and expiry, and the value is no larger than the bound, which is in
    the gate's unit, nor than what the policy lets any record cover.
    """
    bound, blank = record["bound"], [n for n in _SIGNATURES if not record[n].strip()]
    if record["kind"] not in gate.exceptions:
        return f"{gate.id} accepts no {record['kind']}"
    if blank:
        return f"{', '.join(blank)} left blank"
    if record["approved_by"].strip() == record["owner"].strip():
        return "approved by its own owner"
    if judged_on is None:
        return "nobody knows on which day it is judged"
    if judged_on < record["approved_on"]:
        return f"approved on {record['approved_on']} only, judged on {judged_on}"
    if judged_on > record["expires_on"]:
        return f"expired on {record['expires_on']}, judged on {judged_on}"
    if bound["unit"] != gate.unit:
        return f"its bound is in {bound['unit']}, the gate's unit is {gate.unit}"
    if value > bound["value"]:
        return f"the value {value:.6g} is over its bound of {bound['value']:.6g} {gate.unit}"
    if gate.exceptions_up_to is not None and value > gate.exceptions_up_to:
        return f"no record covers a value beyond {gate.exceptions_up_to:.6g} {gate.unit}"
    return None


def covering(
    exceptions: ExceptionSet, sha256: str | None, gate: Gate, value: float
) -> list[Mapping[str, Any]]:
    """Return the records that turn a failure of `gate` at `value` into `waived`."""
    return [
        record
        for record in exceptions.of(sha256)
        if record["gate"] == gate.id and refusal(record, gate, value, exceptions.judged_on) is None
    ]


def in_words(record: Mapping[str, Any]) -> str:
    """Return reason, owner, approver, bound and expiry of a record in one line."""
    bound = record["bound"]
    return (
        f"{record['kind']} {record['id']}: {record['reason']} (owner {record['owner']}, approved "
        f"by {record['approved_by']} on {record['approved_on']}, bound {bound['value']:.6g} "
        f"{bound['unit']}, expires {record['expires_on']})"
    )
