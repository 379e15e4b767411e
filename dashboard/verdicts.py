"""The latest sealed verdict of a run: unbroken, at the end of its chain, over this very bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dashboard.run_files import RunFiles, broken
from schemas.bundle import BUNDLE, VERDICTS, entries, read_sealed
from schemas.canonical import sha256_bytes
from schemas.records import parse_record

SEAL = "seal.json"
# records of a verdict that a page may show, and their files
VERDICT_RECORDS: Mapping[str, str] = {
    "gate_results": "gate_results.json",
    "policy": "policy.json",
    "bundle_check": "bundle_check.json",
}


def verdict_numbers(files: RunFiles) -> list[int]:
    """Return the numbers of a run's verdicts; raises DashboardError where one is missing.

    Other names are passed over: a verdict has no number until it is complete.
    """
    names = files.names(VERDICTS)
    numbers = sorted(int(name) for name in names if name.isascii() and name.isdigit())
    if numbers != list(range(1, len(numbers) + 1)):
        raise broken(f"a verdict is missing: there are {', '.join(map(str, numbers))}")
    return numbers


def latest_verdict(
    files: RunFiles, bundle: Mapping[str, Any], numbers: list[int]
) -> dict[str, Mapping[str, Any]]:
    """Return the records of the highest numbered verdict, its seal among them.

    An earlier one never stands in for it. Raises DashboardError if it was changed, does not follow
    the verdict before it, or is on another bundle or candidate.
    """
    seals = [_seal(files, number) for number in numbers]
    for before, seal in zip([None, *seals], seals, strict=False):
        if seal["previous"] != (before["digest"] if before else None):
            raise broken(f"verdict {seal['number']} does not follow the verdict before it")
    seal, folder = seals[-1], f"{VERDICTS}/{numbers[-1]}"
    data = {path: files.read(f"{folder}/{path}", sha) for path, sha in seal["files"].items()}
    there = {path for path, _ in entries(files.place.path / folder)}
    if extra := there - set(data) - {SEAL}:
        raise broken(f"{folder} holds what its seal does not name: {', '.join(sorted(extra))}")
    if missing := set(VERDICT_RECORDS.values()) - set(data):
        raise broken(f"{folder} lacks {', '.join(sorted(missing))}")
    records = {
        name: parse_record(data[path], name, f"{folder}/{path}")
        for name, path in VERDICT_RECORDS.items()
    }
    if wrong := "; ".join(_contradictions(files, bundle, seal, records)):
        raise broken(f"{folder} is not on this run: {wrong}")
    return {**records, "seal": seal}


def _seal(files: RunFiles, number: int) -> dict[str, Any]:
    path = f"{VERDICTS}/{number}/{SEAL}"
    files.read(path)  # refuses links and what is too large
    seal = read_sealed(files.place.path / path, "verdict_seal")
    if seal["number"] != number:
        raise broken(f"{path} is the seal of verdict {seal['number']}")
    return seal


def _contradictions(
    files: RunFiles,
    bundle: Mapping[str, Any],
    seal: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    results, check = records["gate_results"], records["bundle_check"]
    layer_one = {"digest": bundle["digest"], "sha256": sha256_bytes(files.read(BUNDLE))}
    candidate = bundle["candidate"]["sha256"]
    if seal["bundle"] != layer_one or check["digest"] != bundle["digest"]:
        yield "it is over another bundle"
    if {seal["candidate_sha256"], results["candidate"]["sha256"]} != {candidate}:
        yield "another candidate was judged"
    if results["incumbent"]["id"] != (bundle["incumbent"] or {"id": "none"})["id"]:
        yield "it was judged against another incumbent"
    stage = results["stage"]
    if (seal["stage"], seal["verdict"]) != (stage, results["verdicts"][stage]["verdict"]):
        yield "its seal states another verdict than its results"
    if {results["product"], check["product"]} != {bundle["product"]}:
        yield "it is about another product"
