"""What a sample run is asked to be like, and everything measured of its candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sample_evidence import candidate_evidence, contributions_of, incumbent_evidence
from sample_records import (
    baseline,
    contract,
    cross_engine,
    external,
    loader,
    manifest,
    runtime,
    storage,
)
from sample_suites import sample_suite

from benchmarks.scoring.compare import compare
from benchmarks.suite import Suite
from gates.exceptions import ExceptionSet
from gates.inputs import JudgeInputs
from gates.policy import load_policy

LABEL = "Candidate of the tests"
HOSTILE_LABEL = "<script>window.hacked=1</script> <b>bold</b> & 'quoted' candidate"
_FAILING_RATIO, _WAIVED_RATIO, _USUAL_RATIO = 2.4, 1.6, 0.97


@dataclass(frozen=True)
class Recipe:
    """What a sample run is like; `failing`, `waived` and `errors` are ids of gates.

    `absent` are records that were not had, so that their gates are unmeasured. `verdicts` is how
    often it was judged. `publishable` passes the gate of publication and rollback, which no run can
    be judged on yet, so that a run can be ready.
    """

    name: str = "sample"
    product: str = "mp-national"
    targets: int = 60
    seed: int = 1
    failing: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    incumbent: str = "psl-cps-2024"
    release_eligible: bool | None = None
    hostile: bool = False
    publishable: bool = False
    sealed: bool = True
    judged: bool = True
    stage: str = "default"
    judged_at: str = "2026-11-25T12:00:00+00:00"
    signed_off_by: str | None = None
    verdicts: int = 1

    @property
    def local(self) -> bool:
        """Return whether the run is of a local product."""
        return self.product != "mp-national"


def suite_of(recipe: Recipe) -> Suite:
    """Return the suite that the run was measured with."""
    return sample_suite(recipe.targets, recipe.seed, recipe.local, recipe.hostile)


def inputs_of(recipe: Recipe, identity: Mapping[str, Any]) -> JudgeInputs:
    """Return everything measured of a candidate, and the exception records it is judged with."""
    suite = suite_of(recipe)
    failing = {*recipe.failing, *recipe.waived}
    pinned = baseline(recipe.incumbent, recipe.release_eligible, failing)
    theirs = incumbent_evidence(suite, _incumbent_subject(identity, pinned))
    ours = candidate_evidence(suite, theirs, identity, failing, recipe.seed)
    drawn = (contributions_of(ours, recipe.seed), contributions_of(theirs, 0))
    label = HOSTILE_LABEL if recipe.hostile else LABEL
    records = {
        "baseline": pinned,
        "evidence": ours,
        "incumbent_evidence": theirs,
        "contract": contract(identity, failing, recipe.errors),
        "loader": loader(identity, failing),
        "loss": compare(ours, theirs, suite, contributions=drawn),
        "runtime": runtime(identity["sha256"], pinned, _ratio(recipe), recipe.seed),
        "storage": storage(identity),
        "suite": suite.record,
        "candidate_manifest": manifest(suite, identity, recipe.product, label),
        "external": external(ours),
        "cross_engine": cross_engine(ours),
    }
    kept = {name: record for name, record in records.items() if name not in recipe.absent}
    names = ("label", "sha256", "logical_sha256", "size_bytes")
    return JudgeInputs(
        {name: identity[name] for name in names},
        kept,
        {name: _why(name) for name in recipe.absent},
        ExceptionSet(_exceptions(recipe, identity["sha256"]), judged_on=recipe.judged_at[:10]),
    )


def _incumbent_subject(identity: Mapping[str, Any], pinned: Mapping[str, Any]) -> dict[str, Any]:
    pins = pinned["pins"]
    return {
        **identity,
        "label": f"{pinned['id']}.h5",
        "sha256": pins["h5_sha256"],
        "logical_sha256": pins["h5_logical_sha256"],
        "size_bytes": pins["h5_size_bytes"],
    }


def _why(name: str) -> dict[str, str]:
    message = f"no {name} record was measured for this file"
    return {"status": "unmeasured", "message": message, "remedy": f"measure {name}, judge again"}


def _ratio(recipe: Recipe) -> float:
    if "runtime.median" in recipe.waived:
        return _WAIVED_RATIO
    return _FAILING_RATIO if "runtime.median" in recipe.failing else _USUAL_RATIO


def _exceptions(recipe: Recipe, candidate_sha256: str) -> tuple[dict[str, Any], ...]:
    gates = {gate.id: gate for gate in load_policy().gates}
    return tuple(
        {
            "schema": "exception",
            "schema_version": 1,
            "id": f"{name.replace('_', '-')}-1",
            "kind": gates[name].exceptions[0],
            "gate": name,
            "subject": gates[name].title,
            "candidate_sha256": candidate_sha256,
            "reason": "emergency allotments ended",
            "owner": "the benefits team",
            "approved_by": "the release owner",
            "approved_on": "2026-11-01",
            "expires_on": "2026-12-31",
            "bound": {"value": gates[name].exceptions_up_to or 1e12, "unit": gates[name].unit},
        }
        for name in recipe.waived
    )
