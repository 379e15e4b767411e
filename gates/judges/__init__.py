"""The judges by name: each is a pure function from the inputs and one gate to a Measurement."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from gates.judges.aggregate import judge_aggregate
from gates.judges.artifacts import judge_artifacts
from gates.judges.baseline import judge_incumbent_evidence, judge_pins
from gates.judges.benchmark import judge_benchmark_delta
from gates.judges.contract import judge_contract
from gates.judges.cross_engine import judge_cross_engine
from gates.judges.exceptions import judge_exceptions
from gates.judges.external import judge_external
from gates.judges.family import judge_family
from gates.judges.held_out import judge_held_out
from gates.judges.identity import judge_identity
from gates.judges.integrity import judge_integrity
from gates.judges.loader import judge_loader
from gates.judges.loss import judge_loss
from gates.judges.own_estimate import judge_own_estimate
from gates.judges.pending import judge_pending
from gates.judges.provenance import judge_provenance
from gates.judges.runtime import judge_runtime
from gates.judges.size import judge_size
from gates.judging import Judge
from gates.policy import EXCEPTIONS_JUDGE

_MEASURING: Mapping[str, Judge] = {
    "aggregate": judge_aggregate,
    "artifacts": judge_artifacts,
    "benchmark_delta": judge_benchmark_delta,
    "contract": judge_contract,
    "cross_engine": judge_cross_engine,
    "external": judge_external,
    "family": judge_family,
    "held_out": judge_held_out,
    "identity": judge_identity,
    "incumbent_evidence": judge_incumbent_evidence,
    "integrity": judge_integrity,
    "loader": judge_loader,
    "loss": judge_loss,
    "own_estimate": judge_own_estimate,
    "pending": judge_pending,
    "pins": judge_pins,
    "provenance": judge_provenance,
    "runtime": judge_runtime,
    "size": judge_size,
}
JUDGES: Mapping[str, Judge] = {
    **_MEASURING,
    EXCEPTIONS_JUDGE: partial(judge_exceptions, judges=_MEASURING),
}
