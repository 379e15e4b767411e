"""The judges by name: each is a pure function from the inputs and one gate to a Measurement."""

from __future__ import annotations

from collections.abc import Mapping

from gates.judges.baseline import judge_incumbent_evidence, judge_pins
from gates.judges.benchmark import judge_benchmark_delta
from gates.judges.contract import judge_contract
from gates.judges.loader import judge_loader
from gates.judges.loss import judge_loss
from gates.judges.pending import judge_pending
from gates.judges.size import judge_size
from gates.judging import Judge

JUDGES: Mapping[str, Judge] = {
    "benchmark_delta": judge_benchmark_delta,
    "contract": judge_contract,
    "incumbent_evidence": judge_incumbent_evidence,
    "loader": judge_loader,
    "loss": judge_loss,
    "pending": judge_pending,
    "pins": judge_pins,
    "size": judge_size,
}
