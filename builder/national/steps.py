"""What each stage of a national build does, in order; every function reads folders, writes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, load_npz, save_npz

from benchmarks.measure import Simulator
from benchmarks.scoring.kernel import contribution_matrix, estimates
from benchmarks.scoring.scheme import HELD_OUT
from benchmarks.suite import Suite, load_suite, required_baseline_outputs
from builder.calibration import calibrate, calibration_report, problem_of
from builder.donors.imputation import impute
from builder.donors.psl_cps import DONOR as OWN_DONOR
from builder.donors.psl_cps import embedded_donors
from builder.donors.soi import impute_sizes
from builder.donors.soi_facts import load_size_donor
from builder.donors.tables import donor_table
from builder.embedded.build import embedded_source, incumbent_keys, sample_of
from builder.embedded.mapping import load_mapping
from builder.embedded.provider import HOUSEHOLD_KEY
from builder.extensions.write import write_extensions
from builder.fixed_spine.append import append, fixed_mask, refuse_fixed
from builder.fixed_spine.residual import Residual, join_weights, residual, write_residual_report
from builder.fixed_spine.wealth import WealthList, load_wealth_list
from builder.frame import Frame, load_frame
from builder.national.acs import Spine, with_acs
from builder.national.config import NationalConfig
from builder.national.phase_one import phase_one
from builder.national.problem import (
    PhaseOneTotals,
    left_out_ids,
    stressing_aggregates,
    with_phase_one,
    without,
)
from builder.national.spine import choose_households, household_frame
from builder.sources.acquire import SourceSet
from builder.stages.stage import StageContext
from schemas.records import write_record
from schemas.writers import write_period_arrays

SPINE_SOURCE, APPLIED = OWN_DONOR, "applied"
SOURCE_REPORT, RESIDUAL_REPORT = "source_report.json", "residual.json"
CALIBRATION_REPORT, UNCALIBRATED = "calibration.json", "uncalibrated.h5"
_WEIGHTS, _MATRIX, _PHASE_ONE = "weights.npy", "matrix.npz", "phase_one"
_CHECKPOINT = "calibration.npz"
_WEIGHT_DECIMALS = 2

Facts = Mapping[str, Any]
Run = Callable[[StageContext], Facts]


@dataclass(frozen=True)
class Steps:
    """The stage functions of one build: configuration, what is at hand, and the engine."""

    config: NationalConfig
    sources: SourceSet
    simulator: Simulator

    def take_sources(self, context: StageContext) -> Facts:
        """Write which sources are present, with hashes, and which are absent, with the reason."""
        write_record(context.folder / SOURCE_REPORT, self.sources.report, "source_report")
        rows = self.sources.report["sources"]
        return {each["id"]: each["status"] for each in rows}

    def make_spine(self, context: StageContext) -> Facts:
        """Choose households, make their records, and hold the totals of the frame they are from."""
        context.progress("reading the source", 0, 3)
        source = embedded_source()
        frame, barred = household_frame(source), self._incumbent_keys()
        spine = self.config.record["spine"]
        chosen = choose_households(
            frame,
            size=spine["households"] - self._fixed_units(),
            excluded=barred.tolist(),
            oversampling=self.config.oversampling,
            smallest=spine["smallest_state"],
            seed=self.config.record["seed"],
        )
        context.progress("making the spine", 1, 3)
        own = _frame(chosen)
        made = with_acs(own, self.sources, spine.get("acs"), seed=self.config.record["seed"])
        made.frame.save(context.folder)
        context.progress("adding up the whole source", 2, 3)
        whole = _frame(frame[~frame[HOUSEHOLD_KEY].isin(barred)].reset_index(drop=True))
        _save_phase_one(context.folder, own, whole, made)
        sizes = {"households": made.frame, "frame_households": whole}
        return {n: each.size("household") for n, each in sizes.items()} | made.facts

    def _incumbent_keys(self) -> np.ndarray:
        """Return the households that are never used, neither as spine nor as donors."""
        return incumbent_keys(embedded_source(), **self.config.record["incumbent"])

    def _fixed_units(self) -> int:
        return int(self.config.record["fixed_spine"]["most_units"])

    def apply_donors(self, context: StageContext) -> Facts:
        """Impute from every donor at hand; write what each did, and which were absent."""
        frame = load_frame(context.inputs["spine"])
        refuse_fixed(frame, "donor fitting")
        applied: dict[str, str] = {}
        for spec in self.config.forests:
            if not self.sources.has(spec.donor):
                applied[spec.id] = f"absent: {spec.donor} is not at hand"
                continue
            barred = {
                *self._incumbent_keys().tolist(),
                *frame.source_key.tolist(),
            }
            donors = (
                embedded_donors(barred, spec=spec)
                if spec.donor == OWN_DONOR
                else donor_table(self.sources.read(spec.donor), spec, period=frame.period)
            )
            seed = self.config.record["seed"]
            frame, report = impute(
                frame, donors, spec, seed=seed, exclude_keys=barred, progress=context.progress
            )
            write_record(context.folder / f"{spec.id}.donor.json", report, "donor_report")
            applied[spec.id] = APPLIED
        if self.config.record["donors"]["sizes"]:
            frame = self._apply_sizes(frame, context.folder, applied)
        frame.save(context.folder)
        return applied

    def _apply_sizes(self, frame: Frame, folder: Path, applied: dict[str, str]) -> Frame:
        """Draw from published size distributions, unless tax microdata served the same variables.

        The spine's own source is no such donor: it lacks what the distributions are for.
        """
        suite = self.suite()
        donor = load_size_donor(suite.targets, suite.groups_of(HELD_OUT))
        served = {
            name
            for spec in self.config.forests
            if applied[spec.id] == APPLIED and spec.donor != SPINE_SOURCE
            for name in spec.targets
        } & {line.variable for line in donor.lines}
        if served:
            applied[donor.id] = f"absent: microdata donors served {', '.join(sorted(served))}"
            return frame
        frame, report = impute_sizes(frame, donor, load_mapping().constants)
        write_record(folder / f"{donor.id}.donor.json", report, "size_donor_report")
        applied[donor.id] = donor.label
        return frame

    def append_fixed(self, context: StageContext) -> Facts:
        """Append the must-keep records behind everything that was sampled or imputed."""
        frame, units = load_frame(context.inputs["donors"]), self._fixed_units()
        if units:
            frame = append(frame, self.wealth(), seed=self.config.record["seed"])
        frame.save(context.folder)
        return {"fixed_records": units}

    def wealth(self) -> WealthList:
        """Return the wealth list as far as the configuration takes it, richest first."""
        known, units = load_wealth_list(), self._fixed_units()
        first = np.argsort(known.rank, kind="stable")[:units]
        return replace(
            known,
            rank=known.rank[first],
            net_worth=known.net_worth[first],
            state_fips=known.state_fips[first],
        )

    def simulate(self, context: StageContext) -> Facts:
        """Run the engine once on the uncalibrated file: what each household adds to each target."""
        frame, suite = load_frame(context.inputs["fixed_spine"]), self.suite()
        file = context.folder / UNCALIBRATED
        write_period_arrays(file, dict(frame.columns), frame.period)
        arrays = self.simulator(file, required_baseline_outputs(suite), progress=context.progress)
        matrix = contribution_matrix(arrays, suite.targets)
        save_npz(context.folder / _MATRIX, matrix)
        return {"households": int(matrix.shape[0]), "targets": int(matrix.shape[1])}

    def suite(self) -> Suite:
        """Return the suite that the build calibrates to and is scored on."""
        return load_suite(self.config.settings.suite)

    def calibrate(self, context: StageContext) -> Facts:
        """Fit the weights of all but the fixed records to what those leave of the targets."""
        frame, suite = load_frame(context.inputs["fixed_spine"]), self.suite()
        matrix = load_npz(context.inputs["simulate"] / _MATRIX).tocsr()
        left = _residual(matrix, frame, suite)
        write_residual_report(context.folder / RESIDUAL_REPORT, left)
        settings, rules = self.config.settings, self.config.record["targets"]
        problem = problem_of(
            matrix,
            suite.targets,
            suite,
            settings,
            frame.weights,
            values=left.values,
            fixed=~left.rest,
        )
        problem = without(problem, left_out_ids(suite.targets, rules["left_out"]))
        problem = stressing_aggregates(problem, suite, rules["aggregates_share"])
        totals = _load_phase_one(context.inputs["spine"])
        problem = with_phase_one(problem, totals, **self.config.record["phase_one"])
        result = calibrate(
            problem,
            settings,
            checkpoint=context.scratch / _CHECKPOINT,
            progress=context.progress,
        )
        report = calibration_report(problem, settings, result)
        write_record(context.folder / CALIBRATION_REPORT, report, "calibration_report")
        weights = np.round(join_weights(frame.weights, left, result.weights), _WEIGHT_DECIMALS)
        np.save(context.folder / _WEIGHTS, weights)
        return {
            "best_epoch": result.best_epoch,
            "stop_reason": result.stop_reason,
            "final_losses": result.final_losses,
        }

    def write_relational(self, context: StageContext) -> Facts:
        """Write lots, assets, provenance and diagnostics beside the main file."""
        frame = weighted_frame(context.inputs)
        initial = load_frame(context.inputs["fixed_spine"]).weights
        entries = write_extensions(
            frame,
            context.folder,
            seed=self.config.record["seed"],
            wealth=self.wealth(),
            initial_weights=initial,
        )
        return {"extensions": entries}


def weighted_frame(inputs: Mapping[str, Path]) -> Frame:
    """Return the frame with the calibrated weights in place."""
    frame = load_frame(inputs["fixed_spine"])
    return frame.with_columns({"household_weight": np.load(inputs["calibrate"] / _WEIGHTS)})


def _frame(chosen: pd.DataFrame) -> Frame:
    sample = sample_of(chosen, embedded_source())
    origin = np.full(len(sample.household_keys), SPINE_SOURCE)
    return Frame(sample.columns, sample.mapping.period, origin, sample.household_keys)


def _save_phase_one(folder: Path, cps: Frame, whole: Frame, spine: Spine) -> None:
    """Hold the CPS households to their part of the frame's totals; others add nothing to them.

    ACS households lack some of what is added up (unemployment compensation, kinds of interest).
    """
    own, all_of_it = phase_one(cps), phase_one(whole)
    own.matrix.resize(spine.frame.size("household"), own.matrix.shape[1])
    save_npz(folder / f"{_PHASE_ONE}_matrix.npz", own.matrix)
    np.savez(
        folder / f"{_PHASE_ONE}.npz",
        names=np.array(own.names),
        tables=np.array(own.tables),
        values=estimates(all_of_it.matrix, whole.weights) * spine.cps_share,
    )


def _load_phase_one(folder: Path) -> PhaseOneTotals:
    with np.load(folder / f"{_PHASE_ONE}.npz", allow_pickle=False) as file:
        names, tables, values = (file[each] for each in ("names", "tables", "values"))
    matrix = csr_matrix(load_npz(folder / f"{_PHASE_ONE}_matrix.npz"))
    return PhaseOneTotals(matrix, tuple(names.tolist()), tuple(tables.tolist()), values)


def _residual(matrix: csr_matrix, frame: Frame, suite: Suite) -> Residual:
    return residual(
        matrix,
        np.array([each.value for each in suite.targets]),
        frame.weights,
        fixed_mask(frame),
        [each.target_id for each in suite.targets],
        [each.aggregation for each in suite.targets],
    )
