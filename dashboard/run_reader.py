"""A run folder as the dashboard sees it: its records if they can be believed, else why not.

Of a sealed run every record file must have the sha256 that the seal names. The H5 is not hashed,
as that takes seconds for each file: only its size is held against the seal, where it lies there.
`mpgate bundle verify` holds every file against the seal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dashboard.discovery import CANDIDATE, JUDGED, MEASURED_AT, RECORDS, RESULTS, Place, is_run
from dashboard.errors import DashboardError
from dashboard.run_data import RECORDS as SCHEMAS
from dashboard.run_data import RunData, resolve
from dashboard.run_files import RunFiles, broken
from dashboard.verdicts import latest_verdict, verdict_numbers
from schemas.bundle import BUNDLE, SUMS, read_bundle, sums_of
from schemas.canonical import content_sha256, sha256_bytes, sha256_json
from schemas.errors import MpgateError
from schemas.pointer import POINTERS
from schemas.records import parse_record

MANIFEST = "candidate.manifest.json"
# what a build leaves, and what measuring adds; the list is gates/release/contents.json
BUILT: Mapping[str, str] = {
    "sources": "sources.json",
    "stages": "stages.json",
    "environment": "environment.json",
    "calibration": "calibration/report.json",
}
MEASURED = (
    "candidate_manifest",
    "judge_inputs",
    "baseline",
    "suite",
    "evidence",
    "incumbent_evidence",
    "loss",
    "runtime",
    "storage",
    "contract",
    "loader",
    "external",
    "cross_engine",
)
LAYER_ONE: Mapping[str, str] = {**BUILT, **{name: f"records/{name}.json" for name in MEASURED}}
# records of the incumbent, which runs share byte by byte
_SHARED = ("baseline", "suite", "incumbent_evidence")
# where a record says which file it is about
_CANDIDATE: Mapping[str, str] = {
    **dict.fromkeys(
        ("evidence", "contract", "loader", "storage", "external", "cross_engine", "bundle_check"),
        "/subject/sha256",
    ),
    **dict.fromkeys(("gate_results", "loss", "runtime", "judge_inputs"), "/candidate/sha256"),
    "candidate_manifest": "/h5/sha256",
}
_INCUMBENT: Mapping[str, str] = {
    "incumbent_evidence": "/subject/sha256",
    **dict.fromkeys(("gate_results", "loss", "runtime"), "/incumbent/sha256"),
}


@dataclass(frozen=True)
class Reading:
    """What became of one run folder.

    `state` is `sealed`, `unsealed`, `unjudged` or `broken`, with the `reason` of the last two.
    `content` is a sha256 over every record file that was read: it changes when any of them does.
    """

    place: Place
    state: str
    run_id: str
    reason: str = ""
    product: str | None = None
    data: RunData | None = None
    content: str = ""


def read_run(root: Path, folder: str) -> RunData:
    """Return the records of the run in a folder below a root, each valid and as it was sealed.

    Raises DashboardError: `run.broken` with what is wrong, `run.unjudged` where nothing was judged.
    """
    reading = read_folder(Place(root.resolve(), folder))
    if reading.data is None:
        raise unreadable(reading)
    return reading.data


def unreadable(reading: Reading) -> DashboardError:
    """Return the error of a run folder without records to show."""
    if reading.state == "unjudged":
        return DashboardError(
            f"{reading.run_id} was not judged yet",
            reason="run.unjudged",
            remedy="judge it with `mpgate bundle judge RUN`",
        )
    return broken(f"{reading.run_id} can't be shown: {reading.reason}")


def read_folder(place: Place) -> Reading:
    """Return what became of a run folder; raises nothing for whatever lies in it."""
    files = RunFiles(place)
    try:
        if not _is_below(place):
            raise broken("its name is not text, or leads out of the root")
        if place.folder.split("/")[0] == POINTERS and is_run(place.path):
            raise broken(f"it lies in {POINTERS}/, which is for pointer records: move it elsewhere")
        return _read(files)
    except (MpgateError, OSError, RecursionError, UnicodeError) as error:
        why = getattr(error, "message", f"it can't be read: {error}")
        # a name in it may be no text, which no column holds
        text = why.encode(errors="backslashreplace").decode()
        return Reading(place, "broken", files.run_id, text, files.product)


def _is_below(place: Place) -> bool:
    folder = place.folder
    text = folder.isprintable() and not folder.startswith("/") and "\\" not in folder
    return text and (folder == "." or not {"", ".", ".."} & set(folder.split("/")))


def _read(files: RunFiles) -> Reading:
    if files.has(BUNDLE) or files.has(SUMS):
        return _sealed(files)
    if files.has(RESULTS):
        return _unsealed(files, "results/")
    if files.has(CANDIDATE) or files.has(MEASURED_AT):
        if files.has(MANIFEST):
            files.product = _record(files, "candidate_manifest", MANIFEST)["product"]
        return _unjudged(files, "it holds a candidate, or what was measured, and no gate results")
    if files.has(JUDGED) and files.has(RECORDS):
        return _unsealed(files, "")
    raise broken("the folder can't be listed")


def _unjudged(files: RunFiles, why: str) -> Reading:
    reason = f"{why}; run `mpgate bundle judge RUN`"
    return Reading(files.place, "unjudged", files.run_id, reason, files.product)


def _sealed(files: RunFiles) -> Reading:
    """Read a run with a seal; without a verdict over it, it is unjudged."""
    for each in (BUNDLE, SUMS):
        if files.has(each):
            files.read(each)  # refuses links and what is too large
    bundle = read_bundle(files.place.path)
    files.run_id, files.product = bundle["run_id"], bundle["product"]
    if not files.has(SUMS) or files.read(SUMS) != sums_of(bundle):
        raise broken(f"{SUMS} does not say what {BUNDLE} says")
    _same_size(files, bundle)
    records = {"bundle": bundle, **_layer_one(files, bundle)}
    numbers = verdict_numbers(files)
    if numbers:
        records.update(latest_verdict(files, bundle, numbers))
    _require_agreement(records, bundle["candidate"]["sha256"], bundle["product"])
    if not numbers:
        return _unjudged(files, "it is sealed without a verdict")
    return _shown(files, "sealed", bundle["product"], records)


def _same_size(files: RunFiles, bundle: Mapping[str, Any]) -> None:
    path = bundle["candidate"]["path"]
    sizes = [each["size_bytes"] for each in bundle["files"] if each["path"] == path]
    if files.has(path) and sizes != [(files.place.path / path).lstat().st_size]:
        raise broken(f"{path} does not have the size that was sealed")


def _layer_one(files: RunFiles, bundle: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    sealed = {each["path"]: each["sha256"] for each in bundle["files"]}
    found: dict[str, Mapping[str, Any]] = {}
    for name, path in LAYER_ONE.items():
        if path in sealed:
            parse = _parsed_once if name in _SHARED else parse_record
            found[name] = parse(files.read(path, sealed[path]), SCHEMAS[name], path)
        elif files.has(path):
            raise broken(f"{path} was added after the run was sealed")
    return found


@lru_cache(maxsize=8)
def _parsed_once(data: bytes, name: str, label: str) -> Mapping[str, Any]:
    """Do as `parse_record`, once for the same bytes; the record must not be changed."""
    return parse_record(data, name, label)


def _unsealed(files: RunFiles, below: str) -> Reading:
    """Read gate results without a seal, with exactly the records that they were judged on."""
    results = _record(files, "gate_results", f"{below}{JUDGED}")
    files.product = results["product"]
    records: dict[str, Mapping[str, Any]] = {"gate_results": results}
    for judged, sha256 in results["inputs"].items():
        kind = "bundle_check" if judged == "bundle" else judged
        if sha256 is not None and kind in SCHEMAS:
            path = f"{below}{RECORDS}/{judged}.json"
            records[kind] = _record(files, kind, path)
            if not _has_content(records[kind], sha256):
                raise broken(f"{path} is not the record that was judged")
    optional = {"judge_inputs": f"{below}{RECORDS}/judge_inputs.json", **BUILT}
    for kind, path in optional.items():
        if results["status"] == "judged" and files.has(path):
            records[kind] = _record(files, kind, path)
    _require_agreement(records, results["candidate"]["sha256"], results["product"])
    if files.has(MANIFEST) and results["candidate"]["sha256"] is not None:
        built = _record(files, "candidate_manifest", MANIFEST)
        if built["h5"]["sha256"] != results["candidate"]["sha256"]:
            raise broken("the candidate was built again after it was judged", "judge it again")
    return _shown(files, "unsealed", results["product"], records)


def _record(files: RunFiles, name: str, path: str) -> dict[str, Any]:
    return parse_record(files.read(path), SCHEMAS[name], path)


def _has_content(record: Mapping[str, Any], sha256: str) -> bool:
    """Decide whether a record has a content hash; what a file holds is plain already."""
    content = {key: value for key, value in record.items() if key != "run"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256_bytes(text.encode()) == sha256 or content_sha256(record) == sha256


def _require_agreement(
    records: Mapping[str, Mapping[str, Any]], candidate: str | None, product: str
) -> None:
    """Raise DashboardError where the records are not all of one candidate, incumbent, product."""
    if wrong := "; ".join(_disagreements(records, candidate, product)):
        raise broken(wrong)


def _disagreements(
    records: Mapping[str, Mapping[str, Any]], candidate: str | None, product: str
) -> Iterator[str]:
    for name, at in _CANDIDATE.items():
        if name in records and resolve(records[name], at) != candidate:
            yield f"the {name} record is about another file than the candidate"
    pins = records.get("baseline", {}).get("pins", {})
    pinned = pins.get("h5_sha256")
    for name, at in _INCUMBENT.items():
        if pinned and name in records and resolve(records[name], at) != pinned:
            yield f"the {name} record is about another file than the incumbent"
    manifest = records.get("candidate_manifest")
    if manifest and manifest["product"] != product:
        yield f"its manifest is of {manifest['product']}, the run is of {product}"


def _shown(
    files: RunFiles, state: str, product: str, records: Mapping[str, Mapping[str, Any]]
) -> Reading:
    why = records.get("judge_inputs", {}).get("absent", {})
    absent = {
        "bundle_check" if name == "bundle" else name: f"{each['message']}. Next: {each['remedy']}"
        for name, each in why.items()
    }
    place, run_id = files.place, files.run_id
    data = RunData(place.key, run_id, product, state, records, absent)
    return Reading(place, state, run_id, "", product, data, sha256_json(files.hashes))
