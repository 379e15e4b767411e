"""Run folders with made-up records, for sealing and judging without an engine."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from gates.exceptions import ExceptionSet
from gates.inputs import JudgeInputs, write_inputs
from gates.policy import load_policy
from gates.release.layer_one import collect_layer_one
from gates.release.run import judge_run
from schemas.canonical import sha256_file
from schemas.records import load_schema, write_record
from tests.gates.fakes import evidence_of, inputs_of, manifest_beside, small_file
from tests.small import small_columns

INCUMBENT = "incumbent-under-test"
TODAY = ExceptionSet(judged_on="2026-11-25")


class MadeRun(NamedTuple):
    """A run folder with a complete national bundle, unsealed, and the inputs it was made from."""

    path: Path
    inputs: JudgeInputs

    def copy(self, place: Path) -> Path:
        """Return a copy of the folder below `place`."""
        return copied(self.path, place)


def copied(run: Path, place: Path) -> Path:
    """Return a copy of a run folder below `place`, with the same modes."""
    return Path(shutil.copytree(run, place / run.name, symlinks=True))


def made_run(run: Path) -> MadeRun:
    """Fill a run folder as a build and the measuring step do."""
    run.mkdir(parents=True)
    candidate = small_file(run / "candidate.h5", small_columns(1))
    incumbent = small_file(run.parent / "incumbent.h5", small_columns(2))
    ours = evidence_of(candidate, error=0.05)
    inputs = inputs_of(candidate, ours, evidence_of(incumbent, error=0.1))
    with closing(sqlite3.connect(run / "lots.sqlite")) as connection:
        connection.executescript("CREATE TABLE lots(b); INSERT INTO lots VALUES (1)")
    lots = run / "lots.sqlite"
    extension: dict[str, Any] = {"id": "lots", "file": lots.name, "format": "sqlite"}
    extension |= {"sha256": sha256_file(lots), "size_bytes": lots.stat().st_size}
    manifest = manifest_beside(
        candidate,
        sources=[{"id": "taxcalc-cps", "sha256": "0" * 64}],
        relational_extensions=[extension],
    )
    inputs = replace(inputs, records={**inputs.records, "candidate_manifest": manifest})
    built(run)
    write_inputs(run.parent / "measured", inputs)
    collect_layer_one(run, run.parent / "measured")
    return MadeRun(run, inputs)


def built(run: Path) -> None:
    """Write what a build leaves beside candidate and manifest."""
    write_record(run / "config.json", smallest("national_build"), "national_build")
    write_record(run / "sources.json", smallest("source_report"), "source_report")
    write_record(run / "stages.json", smallest("build_stages"), "build_stages")
    report = run / "calibration" / "report.json"
    write_record(report, smallest("calibration_report"), "calibration_report")
    (run / "calibration" / "curves.csv").write_text("epoch,loss\n0,1\n")
    (run / "donors").mkdir()
    (run / "donors" / "soi.json").write_text("{}\n")
    (run / "stages" / "export").mkdir(parents=True)
    (run / "stages" / "export" / "frame.npz").write_bytes(b"0")


def smallest(name: str) -> dict[str, Any]:
    """Return a record with no more in it than its schema asks for."""
    root = load_schema(name)
    found: dict[str, Any] = _smallest(root, root)
    return found


def _smallest(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    if not schema:
        return "anything"
    if "$ref" in schema:
        where, _, key = schema["$ref"].partition("#/$defs/")
        root = load_schema("common") if where else root
        return _smallest(root["$defs"][key], root)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _smallest(schema[key][0], root)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "object":
        parts = schema.get("properties", {})
        rest = schema.get("additionalProperties", {})
        return {key: _smallest(parts.get(key, rest), root) for key in schema.get("required", ())}
    if kind == "array":
        return [_smallest(schema["items"], root)] * schema.get("minItems", 0)
    return _scalar(kind, schema)


def _scalar(kind: str, schema: Mapping[str, Any]) -> Any:
    if kind == "string":
        if schema.get("format") == "date-time":
            return "2026-11-25T12:00:00+00:00"
        return "0" * 64
    return {"boolean": False, "null": None}.get(kind, max(1, schema.get("minimum", 1)))


def judged_run(run: Path, place: Path) -> Path:
    """Return a copy of a sealed run folder, judged on its own records, with its verdict sealed."""
    run = copied(run, place)
    judge_run(run, INCUMBENT, load_policy(), exceptions=TODAY)
    return run
