"""Export: the H5 in the asked layout, its manifest, and the records of how it was made."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suite import Suite
from builder.national.config import RECORD, NationalConfig
from builder.national.manifest import candidate_manifest
from builder.national.steps import (
    CALIBRATION_REPORT,
    RESIDUAL_REPORT,
    SOURCE_REPORT,
    weighted_frame,
)
from builder.stages.stage import StageContext
from schemas.canonical import atomic_write
from schemas.dataset import GROUP_ENTITIES
from schemas.engine_metadata import rejected_on_load, variable_table
from schemas.errors import BuildError
from schemas.manifests import candidate_manifest_path
from schemas.records import read_record, write_record
from schemas.writers import WRITERS

CANDIDATE = "candidate.h5"


def export(context: StageContext, config: NationalConfig, suite: Suite) -> dict[str, Any]:
    """Write everything of layer one that the build knows into the stage's folder.

    Raises BuildError for a column that the engine computes, refuses or does not know.
    """
    frame = weighted_frame(context.inputs)
    require_leaf_inputs(frame.columns)
    out = context.folder
    file = out / CANDIDATE
    WRITERS[config.record["export"]["layout"]](file, dict(frame.columns), frame.period)
    extensions = context.facts["relational"]["extensions"]
    for entry in extensions:
        shutil.copyfile(context.inputs["relational"] / entry["file"], out / entry["file"])
    calibration = read_record(
        context.inputs["calibrate"] / CALIBRATION_REPORT, "calibration_report"
    )
    sources = read_record(context.inputs["sources"] / SOURCE_REPORT, "source_report")
    write_record(out / "config.json", config.record, RECORD)
    write_record(out / "sources.json", sources, "source_report")
    _write_calibration(out / "calibration", calibration, context.inputs["calibrate"])
    _copy_donor_reports(context.inputs["donors"], out / "donors")
    manifest = candidate_manifest(
        file,
        config,
        suite,
        source_report=sources,
        calibration=calibration,
        applied=context.facts["donors"],
        donor_groups=_donor_groups(out / "donors"),
        extensions=extensions,
    )
    write_record(candidate_manifest_path(file), manifest, "candidate_manifest")
    return {"sha256": manifest["h5"]["sha256"], "size_bytes": manifest["h5"]["size_bytes"]}


def require_leaf_inputs(columns: Mapping[str, np.ndarray]) -> None:
    """Refuse columns that are no inputs of the engine: it would overwrite, refuse or ignore them.

    Incidents 1 and 2: files that carried sums instead of their parts, or names that had gone.
    """
    table, groups = variable_table(), {"person", *GROUP_ENTITIES}
    wrong = sorted(
        name
        for name in columns
        if name not in table or table[name].computed or name in rejected_on_load()
        if not _is_key(name, groups)
    )
    if wrong:
        raise BuildError(
            f"no inputs of the engine: {', '.join(wrong)}",
            reason="export.not_an_input",
            remedy="export the variables that they are made of (`mpgate engine list`)",
        )


def _is_key(name: str, entities: set[str]) -> bool:
    return name.endswith("_id") and name.removesuffix("_id").removeprefix("person_") in entities


def _write_calibration(folder: Path, report: Mapping[str, Any], made: Path) -> None:
    folder.mkdir()
    write_record(folder / "report.json", report, "calibration_report")
    shutil.copyfile(made / RESIDUAL_REPORT, folder / RESIDUAL_REPORT)
    atomic_write(folder / "curves.csv", curves_csv(report))


def curves_csv(report: Mapping[str, Any]) -> bytes:
    """Return the curves of a calibration as a table: loss, held-out loss and ESS per check."""
    rows = report["curves"]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _copy_donor_reports(made: Path, folder: Path) -> None:
    for report in sorted(made.glob("*.donor.json")):
        folder.mkdir(exist_ok=True)
        shutil.copyfile(report, folder / report.name.replace(".donor", ""))


def _donor_groups(folder: Path) -> list[str]:
    """Return the target groups that donors were fitted to, from their reports."""
    reports = (json.loads(path.read_text()) for path in sorted(folder.glob("*.json")))
    return sorted({group for report in reports for group in report.get("groups", ())})
