"""What decides an arm's entry, and arms whose formulas read the weights of two files at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.engine import child, fast_worker
from benchmarks.engine.arms import Arm

OUTPUTS = ("income_tax", "ssi")
GAINS = "long_term_capital_gains_before_response"
CTC = {"gov.irs.credits.ctc.amount.base[0].amount": {"2024-01-01.2024-12-31": 3000}}


def test_what_decides_an_arm_is_in_its_settings() -> None:
    plain = Arm("a", 2024, OUTPUTS)
    values = np.arange(4.0)
    assert plain.settings(2024) == {}
    assert plain.settings(2023) == {"period": 2024}
    assert plain.is_baseline
    given = {
        str(replace(plain, inputs=inputs).settings(2024))
        for inputs in (
            {GAINS: values},
            {GAINS: values[::-1]},
            {GAINS: values.astype("f4")},
            {GAINS: values.reshape(2, 2)},
            {"age": values},
        )
    }
    assert len(given) == 5
    assert not replace(plain, inputs={GAINS: values}).is_baseline
    assert not replace(plain, reform=CTC).is_baseline
    backwards = values[::-1]
    assert replace(plain, inputs={GAINS: backwards}).settings(2024) == replace(
        plain, inputs={GAINS: backwards.copy()}
    ).settings(2024)


def test_no_figure_that_weights_of_another_file_changed_is_told_as_done(tmp_path: Path) -> None:
    told: list[tuple[str, dict[str, Any]]] = []

    class Counter:
        total, runs, weights_read = 3, frozenset(), True

    arm = {"id": "ranks", "steps": [], "outputs": [], "period": 2024}
    arm |= {"arrays_out": str(tmp_path / "arrays.npz")}
    for stacked in (False, True):
        job = {"stacked": stacked}
        worker = fast_worker._Run(job, lambda stage, *_, **kw: told.append((stage, kw)), None, {})
        if stacked:
            with pytest.raises(SystemExit):
                worker._calculate(arm, None, Counter(), "full")
        else:
            worker._calculate(arm, None, Counter(), "full")
    assert [stage for stage, _ in told if stage != "output"] == ["arm", "error"]
    assert told[-1][1]["reason"] == "engine.weights_read"


def test_the_refusal_over_weights_is_known_to_the_parent() -> None:
    error = child._refused({"path": "/data/stacked.h5"}, {"reason": "engine.weights_read"})
    assert error.reason == "engine.weights_read"
