"""Judge a run folder: measure, seal what was measured, judge the records, seal the verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gates.exceptions import EXCEPTIONS_DIR, ExceptionSet
from gates.gathering import Gathering, add_bundle
from gates.inputs import JudgeInputs, read_inputs, write_inputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.policy import Policy
from gates.release.check import require_intact
from gates.release.contents import CANDIDATE, RECORDS_DIR
from gates.release.layer_one import collect_inputs, is_wholly_sealed, seal_layer_one
from gates.release.verdict import seal_verdict
from gates.results import assemble, write_results
from gates.session import exceptions_today, gather_with_progress
from schemas.errors import UsageError

RESULTS_DIR = "results"


def judge_run(
    run: Path,
    incumbent: str,
    policy: Policy,
    stage: str = "default",
    exceptions: ExceptionSet | None = None,
    *,
    measure: str = "auto",
    runtime: str = "measure",
    external: Path | None = None,
    quiet: bool = False,
    signed_off_by: str | None = None,
) -> dict[str, Any]:
    """Return the gate results of a run folder, sealed as its next verdict; also in `run/results`.

    A folder that is not sealed yet is measured against `incumbent` and sealed first. A sealed one
    is judged on its own records: nothing is measured again. `exceptions` default to the committed
    ones, today. Raises BundleError where a sealed folder was changed, UsageError where it was
    sealed against another incumbent, and whatever `gates.measuring.gather` raises.
    """
    if not is_wholly_sealed(run):
        inputs = gather_with_progress(
            run / CANDIDATE,
            incumbent,
            policy,
            measure,
            runtime=runtime,
            external=external,
            quiet=quiet,
        )
        collect_inputs(run, inputs)
        seal_layer_one(run)
    _require_incumbent(run, incumbent)
    given = exceptions_today(EXCEPTIONS_DIR) if exceptions is None else exceptions
    inputs = replace(sealed_inputs(run), exceptions=given)
    return _judge(run, inputs, policy, stage, signed_off_by)


def _judge(
    run: Path, inputs: JudgeInputs, policy: Policy, stage: str, signed_off_by: str | None
) -> dict[str, Any]:
    judged = {gate.id: judge_gate(gate, inputs, JUDGES) for gate in policy.gates}
    results = assemble(policy, inputs, judged, stage=stage)
    write_inputs(run / RESULTS_DIR / RECORDS_DIR, inputs)
    write_results(run / RESULTS_DIR, results)
    seal_verdict(run, run / RESULTS_DIR, signed_off_by)
    return results


def sealed_inputs(run: Path) -> JudgeInputs:
    """Return the sealed records of a run with the check of its bundle, ready to be judged."""
    return with_bundle_check(read_inputs(run / RECORDS_DIR), run)


def with_bundle_check(inputs: JudgeInputs, run: Path) -> JudgeInputs:
    """Return inputs with the check of the bundle in `run` in place of any earlier one."""
    found = Gathering(dict(inputs.records), dict(inputs.absent))
    for held in (found.records, found.absent):
        held.pop("bundle", None)
    add_bundle(found, run, inputs.candidate["sha256"])
    return replace(inputs, records=found.records, absent=found.absent)


def _require_incumbent(run: Path, incumbent: str) -> None:
    sealed = (require_intact(run)["incumbent"] or {"id": "none"})["id"]
    if sealed != incumbent:
        raise UsageError(
            f"{run.name} was measured against {sealed} and is sealed, not against {incumbent}",
            reason="usage.incumbent",
            remedy=f"judge it against {sealed}, or build into another folder",
        )
