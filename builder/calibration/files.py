"""Calibrate a file: simulate it, fit its weights, and write file, manifest and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import target_db_identity
from benchmarks.engine.session import simulate
from benchmarks.measure import Simulator
from benchmarks.scoring.kernel import contribution_matrix
from benchmarks.scoring.scheme import HELD_OUT
from benchmarks.suite import Suite, load_suite, required_baseline_outputs
from benchmarks.weights import household_weights, record_counts, weight_diagnostics
from builder.calibration.problem import problem_of
from builder.calibration.report import calibrated_groups, calibration_report
from builder.calibration.run import Progress, calibrate
from builder.calibration.settings import CalibrationSettings
from builder.calibration.subset import columns_of, kept_records
from schemas.canonical import sha256_file
from schemas.dataset import WEIGHT, Dataset, open_dataset
from schemas.errors import BuildError
from schemas.manifests import candidate_manifest_path, h5_entry
from schemas.records import read_record, write_record
from schemas.writers import WRITERS

_WEIGHT_DECIMALS = 2


@dataclass(frozen=True)
class _Calibrated:
    """What was read, fitted and found: the new weights are those of every household of the file."""

    dataset: Dataset
    manifest: dict[str, Any] | None
    suite: Suite
    weights: np.ndarray
    report: dict[str, Any]
    groups: list[str]


def report_path(h5: Path) -> Path:
    """Return where the calibration report of a file lies: `<stem>.calibration.json` beside it."""
    return h5.with_name(f"{h5.stem}.calibration.json")


def checkpoint_path(h5: Path) -> Path:
    """Return where the checkpoint lies while a file is calibrated."""
    return h5.with_name(f"{h5.stem}.calibration.npz")


def calibrate_file(
    file: Path,
    out: Path,
    settings: CalibrationSettings,
    *,
    fixed: np.ndarray | None = None,
    values: np.ndarray | None = None,
    simulator: Simulator = simulate,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write `file` with calibrated weights to `out`; return a summary of what was written.

    The layout is kept; weights are rounded to hundredths. A candidate manifest beside `file` is
    renewed beside `out`, and the calibration report written there. Households of `fixed` (booleans
    in file order) keep their weight, and `values` (in the order of the suite's targets) are then
    the residual targets; households of weight 0 stay as they are. A local product leaves out
    households of weight 0, with all their records.

    A killed run goes on from its checkpoint beside `out`, which a finished one removes. Raises
    BuildError, DatasetError, RecordError, and MeasureError where the engine fails.
    """
    _refuse_same(file, out)
    found = _calibrated(file, checkpoint_path(out), settings, fixed, values, simulator, progress)
    columns = columns_of(found.dataset, {WEIGHT: found.weights}, _kept(found, settings))
    _write(found.dataset, out, columns)
    written = open_dataset(out)
    if found.manifest is not None:
        record = _renewed(found, written, file, settings)
        write_record(candidate_manifest_path(out), record, "candidate_manifest")
    write_record(report_path(out), found.report, "calibration_report")
    checkpoint_path(out).unlink(missing_ok=True)
    return _summary(found, written, file)


def _calibrated(
    file: Path,
    checkpoint: Path,
    settings: CalibrationSettings,
    fixed: np.ndarray | None,
    values: np.ndarray | None,
    simulator: Simulator,
    progress: Progress | None,
) -> _Calibrated:
    dataset = open_dataset(file)
    manifest = _manifest_of(file)
    suite = load_suite(settings.suite)
    _check_period(dataset, suite)
    weights = household_weights(dataset)
    still = weights == 0
    held = still if fixed is None else fixed | still
    simulated = simulator(file, required_baseline_outputs(suite), progress=progress)
    matrix = contribution_matrix(simulated, suite.targets)
    # Without weight a household adds nothing, so that whole targets are the residual ones.
    if values is None and not (held & ~still).any():
        values = np.array([each.value for each in suite.targets])
    problem = problem_of(matrix, suite.targets, suite, settings, weights, values, held)
    result = calibrate(problem, settings, checkpoint=checkpoint, progress=progress)
    weights[~held] = np.round(result.weights, _WEIGHT_DECIMALS)
    report = calibration_report(problem, settings, result)
    kept = int(held.sum())
    if kept:
        report["notes"].append(f"{kept} households kept their weight, {int(still.sum())} of them 0")
    return _Calibrated(dataset, manifest, suite, weights, report, calibrated_groups(problem))


def _write(dataset: Dataset, out: Path, columns: Mapping[str, np.ndarray]) -> None:
    try:
        WRITERS[dataset.layout](out, columns, dataset.period)
    except OSError as error:
        raise BuildError(
            f"{out.name} can't be written: {error.strerror or error}",
            reason="calibration.unwritable",
            remedy="make room or name another place; the checkpoint beside it spares the fit",
        ) from error


def _kept(found: _Calibrated, settings: CalibrationSettings) -> dict[str, np.ndarray] | None:
    """Return the records to write per entity, or None where all are."""
    keep = found.weights > 0
    if not settings.is_local or keep.all():
        return None
    return kept_records(found.dataset, keep)


def _renewed(
    found: _Calibrated, written: Dataset, file: Path, settings: CalibrationSettings
) -> dict[str, Any]:
    """Return the manifest of the written file: what calibration decides is replaced."""
    old = dict(found.manifest or {})
    return old | {
        "product": settings.product,
        "h5": h5_entry(written),
        "target_db": target_db_identity(),
        "suite": {"id": found.suite.id, "sha256": found.suite.sha256},
        "target_groups": {
            "calibrated": found.groups,
            "held_out": sorted(found.suite.groups_of(HELD_OUT)),
        },
        "record_counts": record_counts(written),
        "relational_extensions": _extensions(found, written, file),
        "calibration": calibration_block(found.report),
    }


def _extensions(found: _Calibrated, written: Dataset, file: Path) -> list[dict[str, Any]]:
    """Return the extensions that still belong to the file: same folder, and no record left out."""
    listed = list((found.manifest or {}).get("relational_extensions", ()))
    same_records = record_counts(written) == record_counts(found.dataset)
    if listed and not (same_records and written.path.parent.resolve() == file.parent.resolve()):
        names = ", ".join(each["id"] for each in listed)
        found.report["notes"].append(f"relational extensions not carried over: {names}")
        return []
    return listed


def calibration_block(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a candidate manifest says of a calibration: the report's main figures, flat."""
    losses, stopping, weights = report["losses"], report["stopping"], report["weights"]
    return {
        "method": "Adam on log weights, bounded squared error, importance of the gating loss",
        "settings_sha256": report["settings_sha256"],
        "l0_lambda": report["settings"]["l0_lambda"],
        "experiment": report["settings"]["experiment"],
        "targets": report["targets"]["train"],
        "validation_targets": report["targets"]["validation"],
        "targets_out_of_reach": report["out_of_reach"]["count"],
        "stopping_by": stopping["by"],
        "stop_reason": stopping["reason"],
        "best_epoch": stopping["best_epoch"],
        "refit_epochs": stopping["refit_epochs"],
        "initial_loss": losses["initial"]["train"],
        "final_loss": losses["final"]["train"],
        "ess_share": weights["ess_share"],
    }


def _summary(found: _Calibrated, written: Dataset, file: Path) -> dict[str, Any]:
    out = written.path
    report = found.report
    return {
        "input": str(file),
        "file": str(out),
        "manifest": None if found.manifest is None else str(candidate_manifest_path(out)),
        "report": str(report_path(out)),
        "product": report["settings"]["product"],
        "sha256": sha256_file(out),
        "counts": record_counts(written),
        "weights": weight_diagnostics(written),
        "max_ratio": report["weights"]["max_ratio"],
        "share_at_bounds": report["weights"]["share_at_bounds"],
        "targets": report["targets"],
        "targets_out_of_reach": report["out_of_reach"]["count"],
        "stopping": report["stopping"],
        "losses": report["losses"],
        "notes": report["notes"],
    }


def _manifest_of(file: Path) -> dict[str, Any] | None:
    path = candidate_manifest_path(file)
    if not path.exists():
        return None
    manifest = read_record(path, "candidate_manifest")
    if manifest["h5"]["sha256"] != sha256_file(file):
        raise BuildError(
            f"{path.name} is the manifest of another file than {file.name}",
            reason="calibration.manifest",
            remedy="build the file again, or move the manifest away",
        )
    return manifest


def _refuse_same(file: Path, out: Path) -> None:
    if out.resolve() == file.resolve():
        raise BuildError(
            f"{file.name} would be written over itself",
            reason="calibration.same_file",
            remedy="name another file with --out: the initial weights are needed to judge the new",
        )


def _check_period(dataset: Dataset, suite: Suite) -> None:
    if dataset.period != suite.record["period"]:
        raise BuildError(
            f"{dataset.path.name} is for {dataset.period}, suite {suite.id} for "
            f"{suite.record['period']}",
            reason="calibration.period",
            remedy="calibrate a file of the suite's year, or name another suite in the config",
        )
