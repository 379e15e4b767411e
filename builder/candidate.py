"""Build the embedded candidate: sample, simulate once, calibrate, write the H5 and its manifest."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import Target, target_db_identity
from benchmarks.engine.session import simulate
from benchmarks.measure import Simulator
from benchmarks.scoring.kernel import contribution_matrix
from benchmarks.scoring.losses import gating_loss, loss_row, prepare
from benchmarks.scoring.scheme import HELD_OUT, TRAIN
from benchmarks.suite import Suite, load_suite, required_baseline_outputs
from benchmarks.weights import record_counts
from builder.calibrate import (
    CalibrationConfig,
    CalibrationResult,
    Goals,
    Progress,
    calibrate,
)
from builder.embedded.build import Sample, build_sample
from schemas.canonical import sha256_json
from schemas.dataset import open_dataset
from schemas.errors import BuildError
from schemas.logical import dataset_hashes
from schemas.manifests import candidate_manifest_path
from schemas.records import read_record, write_record
from schemas.writers import write_period_arrays

DEFAULT_CONFIG = Path(__file__).parent / "configs" / "embedded_national.json"
_WEIGHT_DECIMALS = 2


def load_config(path: Path | str = DEFAULT_CONFIG) -> dict[str, Any]:
    """Return the validated build configuration; raises RecordError naming what is wrong."""
    return read_record(path, "build_config")


def build_candidate(
    out: Path | str,
    config: dict[str, Any] | None = None,
    progress: Progress | None = None,
    *,
    simulator: Simulator = simulate,
) -> dict[str, Any]:
    """Write the candidate H5 to `out` and its manifest beside it; return the manifest.

    The one simulation is of the uncalibrated file with the suite's baseline outputs: weights enter
    no formula, so measuring the finished file finds it in the cache. Raises BuildError, and
    MeasureError where the engine fails.
    """
    settings = config if config is not None else load_config()
    file = Path(out)
    suite = load_suite(settings["suite"])
    sample = build_sample(
        settings["role"], households=settings["households"], seed=settings["seed"]
    )
    targets = calibration_targets(suite, settings["target_groups"])
    result = _calibrated(sample, suite, targets, settings, progress, simulator)
    columns = sample.columns | {"household_weight": np.round(result.weights, _WEIGHT_DECIMALS)}
    write_period_arrays(file, columns, sample.mapping.period)
    manifest = _manifest(file, settings, sample, suite, _calibration_block(result, settings))
    write_record(candidate_manifest_path(file), manifest, "candidate_manifest")
    return manifest


def calibration_targets(suite: Suite, groups: Sequence[str]) -> list[Target]:
    """Return the suite's targets of the groups a build calibrates to.

    Raises BuildError for a group that the suite holds out, or does not have: fitting to what a
    file is judged on afterwards would make the held-out result worthless.
    """
    held_out, known = suite.groups_of(HELD_OUT), suite.groups_of(TRAIN)
    for reason, wrong in (
        ("builder.held_out_group", set(groups) & held_out),
        ("builder.unknown_group", set(groups) - held_out - known),
    ):
        if wrong:
            what = "held out by" if reason.endswith("held_out_group") else "not a group of"
            raise BuildError(
                f"{', '.join(sorted(wrong))}: {what} suite {suite.id}",
                reason=reason,
                remedy="calibrate to the suite's train groups only",
            )
    chosen = set(groups)
    return [target for target in suite.targets if target.holdout_group in chosen]


def calibration_goals(targets: Sequence[Target]) -> Goals:
    """Return relative errors with the importance that the gating loss gives each target.

    A build that calibrates to the matrix that is scored should want what the score wants.
    """
    values = np.array([target.value for target in targets])
    prepared = prepare(gating_loss(), [loss_row(target, TRAIN) for target in targets])
    if prepared is None or len(prepared.kept) != len(targets):
        raise BuildError(
            "the gating loss does not take every target of this build",
            reason="builder.unscored_target",
            remedy="calibrate to groups of targets that are scored",
        )
    return Goals(values, np.abs(values), prepared.formed.share)


def _calibrated(
    sample: Sample,
    suite: Suite,
    targets: Sequence[Target],
    settings: dict[str, Any],
    progress: Progress | None,
    simulator: Simulator,
) -> CalibrationResult:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "uncalibrated.h5"
        write_period_arrays(path, sample.columns, sample.mapping.period)
        arrays = simulator(path, required_baseline_outputs(suite), progress=progress)
    return calibrate(
        contribution_matrix(arrays, targets),
        calibration_goals(targets),
        sample.columns["household_weight"].astype(np.float64),
        config=CalibrationConfig(**settings["calibration"]),
        progress=progress,
    )


def _calibration_block(result: CalibrationResult, settings: dict[str, Any]) -> dict[str, Any]:
    return asdict(CalibrationConfig(**settings["calibration"])) | {
        "method": "Adam on log weights, bounded squared error, equal weight per family and level",
        "targets": len(result.final_estimates),
        "targets_out_of_reach": int((~result.reachable).sum()),
        "initial_loss": result.initial_loss,
        "final_loss": result.final_loss,
    }


def _manifest(
    file: Path,
    settings: dict[str, Any],
    sample: Sample,
    suite: Suite,
    calibration: dict[str, Any],
) -> dict[str, Any]:
    dataset = open_dataset(file)
    hashes = dataset_hashes(dataset)
    source = sample.source
    return {
        "schema": "candidate_manifest",
        "schema_version": 1,
        "product": settings["product"],
        "label": settings["label"],
        "h5": {
            "file": file.name,
            "sha256": hashes.file_sha256,
            "logical_sha256": hashes.logical_sha256,
            "inputs_sha256": hashes.inputs_sha256,
            "size_bytes": hashes.size_bytes,
            "layout": dataset.layout,
            "period": dataset.period,
        },
        "builder": _builder_identity(settings),
        "sources": [
            {"id": f"taxcalc-{name}", "sha256": sha, "size_bytes": source.size_bytes[name]}
            for name, sha in sorted(source.sha256.items())
        ],
        "source_semantics": ["psl-cps"],
        "donor_specs": [],
        "target_db": target_db_identity(),
        "suite": {"id": suite.id, "sha256": suite.sha256},
        "target_groups": {
            "calibrated": sorted(settings["target_groups"]),
            "held_out": sorted(suite.groups_of(HELD_OUT)),
        },
        "record_counts": record_counts(dataset),
        "relational_extensions": [],
        "calibration": calibration,
    }


def _builder_identity(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": version("microdata-release-gate"),
        "commit": _commit(),
        "config_sha256": sha256_json(settings),
    }


def _commit() -> str | None:
    """Return the commit of the source tree, or None outside a git checkout."""
    git = shutil.which("git")
    root = Path(__file__).parents[1]
    if git is None or not (root / ".git").exists():
        return None
    command = [git, "-C", str(root), "rev-parse", "--verify", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None
