"""Order, interval and stopping rule of interleaved runtimes, on figures alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean, median

import numpy as np
import pytest
from scipy import stats

from benchmarks.runtime import load_settings, rule_of
from benchmarks.runtime_decision import (
    Interval,
    Rule,
    candidate_first,
    decide,
    finished,
    interval,
    look_confidence,
)

RULE = Rule(confidence=0.95, min_pairs=3, max_pairs=9, limits=(1.25, 2.0))


def sampled(ratios: Iterator[float], rule: Rule = RULE) -> list[float]:
    """Return the ratios that the rule asks for before it stops."""
    taken: list[float] = []
    while not finished(taken, rule):
        taken.append(next(ratios))
    return taken


def outcomes(taken: Sequence[float], rule: Rule = RULE) -> list[str]:
    found = interval(taken, rule)
    return [decide(found, limit) for limit in rule.limits]


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (0.7, ["within", "within"]),
        (1.0, ["within", "within"]),
        (1.5, ["beyond", "within"]),
        (2.5, ["beyond", "beyond"]),
    ],
)
def test_clear_ratios_are_decided_by_three_pairs(ratio: float, expected: list[str]) -> None:
    taken = sampled(iter([ratio * 0.98, ratio, ratio * 1.02]))
    assert outcomes(taken) == expected


def test_the_interval_is_t_on_the_logarithms() -> None:
    ratios = [1.1, 0.95, 1.02]
    reference = stats.ttest_1samp(np.log(ratios), 0).confidence_interval(0.95)
    found = interval(ratios, RULE)
    assert found.low == pytest.approx(math.exp(reference.low), abs=1e-4)
    assert found.high == pytest.approx(math.exp(reference.high), abs=1e-4)
    assert found.confidence == 0.95


def test_a_ratio_and_its_inverse_are_treated_alike() -> None:
    ratios = [1.3, 1.2, 1.26]
    there, back = interval(ratios, RULE), interval([1 / ratio for ratio in ratios], RULE)
    assert there.low == pytest.approx(1 / back.high, abs=2e-4)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.0, 1.25, "within"),
        (1.0, 1.2501, "undecided"),
        (1.25, 1.4, "undecided"),
        (1.2501, 1.4, "beyond"),
    ],
)
def test_only_a_whole_interval_decides(low: float, high: float, expected: str) -> None:
    assert decide(Interval(low, high, 0.95), 1.25) == expected


@pytest.mark.parametrize("cap", [3, 4, 9])
def test_all_looks_together_spend_no_more_than_the_stated_error(cap: int) -> None:
    rule = replace(RULE, max_pairs=cap)
    one_sided = [(1 - look_confidence(n, rule)) / 2 for n in range(3, cap + 1)]
    assert sum(one_sided) == pytest.approx(0.05)
    assert min(one_sided) > 0


def test_the_first_look_is_the_usual_interval_and_later_ones_are_more_careful() -> None:
    assert look_confidence(3, RULE) == pytest.approx(0.95)
    assert {look_confidence(n, RULE) for n in range(4, 10)} == {look_confidence(9, RULE)}
    assert look_confidence(9, RULE) > 0.99


def test_the_median_always_lies_in_the_shipped_interval() -> None:
    """No set of ratios has its median further from the mean than one standard deviation."""
    rule = rule_of(load_settings())
    for pairs in range(rule.min_pairs, rule.max_pairs + 1):
        quantile = stats.t.ppf((1 + look_confidence(pairs, rule)) / 2, pairs - 1)
        assert quantile / math.sqrt(pairs) >= math.sqrt((pairs - 1) / pairs)
    skewed = [1.0, 1.0, 1.0, 1.9]
    found = interval(skewed, rule)
    assert found.low <= median(skewed) <= found.high


def test_nothing_is_decided_before_three_pairs() -> None:
    assert not finished([], RULE)
    assert not finished([1.0, 1.0], RULE)
    assert finished([1.0, 1.0, 1.0], RULE)


def test_a_straddling_interval_asks_for_more_and_ends_undecided_at_the_cap() -> None:
    taken = sampled(iter([1.1, 1.4] * 5))
    assert len(taken) == 9
    assert outcomes(taken) == ["undecided", "within"]


def test_one_wild_pair_costs_more_pairs_and_not_the_answer() -> None:
    taken = sampled(iter([1.0, 1.3, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01]))
    assert 3 < len(taken) < 9
    assert outcomes(taken) == ["within", "within"]


def test_every_limit_must_be_decided_before_the_end() -> None:
    ratios = [1.9, 2.1, 2.0]
    assert finished(ratios, replace(RULE, limits=(1.25,)))
    assert not finished(ratios, RULE)


def test_the_sides_take_turns_to_go_first() -> None:
    runs = ["AB" if candidate_first(pair) else "BA" for pair in range(4)]
    assert "".join(runs) == "ABBAABBA"


def drifting(pairs: int, drift: float) -> list[float]:
    """Return ratios of equal files while the machine slows by `drift` from run to run."""
    seconds = [math.exp(drift * run) for run in range(2 * pairs)]
    ratios = []
    for pair in range(pairs):
        first, second = seconds[2 * pair : 2 * pair + 2]
        ratios.append(first / second if candidate_first(pair) else second / first)
    return ratios


@pytest.mark.parametrize("drift", [0.03, -0.03])
def test_drift_cancels_over_two_pairs_and_never_makes_a_wrong_answer(drift: float) -> None:
    assert fmean(map(math.log, drifting(4, drift))) == pytest.approx(0, abs=1e-12)
    taken = sampled(iter(drifting(9, drift)))
    assert outcomes(taken) == ["within", "within"]
    found = interval(taken, RULE)
    assert found.low < 1 < found.high


def simulated(true_ratio: float, noise: float, repeats: int = 1500) -> list[list[float]]:
    """Return what is sampled in `repeats` comparisons with log-normal noise in every run."""
    rng = np.random.default_rng(20240101)
    runs = rng.normal(0, noise, (repeats, RULE.max_pairs, 2))
    ratios = true_ratio * np.exp(runs[:, :, 0] - runs[:, :, 1])
    return [sampled(iter(row.tolist())) for row in ratios]


def test_equal_files_with_noisy_runs_are_almost_never_called_slower() -> None:
    """Noise of 5 % per run: three pairs normally do, and wrong answers are rare."""
    study = simulated(1.0, noise=0.05)
    answers = [outcomes(taken)[0] for taken in study]
    assert answers.count("beyond") <= 0.001 * len(study)
    assert answers.count("within") >= 0.999 * len(study)
    assert sum(len(taken) == 3 for taken in study) > 0.7 * len(study)
    assert fmean(len(taken) for taken in study) < 3.6


def test_very_noisy_runs_of_equal_files_end_without_an_answer_rather_than_with_a_wrong_one() -> (
    None
):
    """Noise of 10 % per run: the cap leaves one comparison in eight undecided."""
    answers = [outcomes(taken)[0] for taken in simulated(1.0, noise=0.1, repeats=500)]
    assert answers.count("beyond") == 0
    assert answers.count("within") > 0.8 * len(answers)


@pytest.mark.parametrize(("side", "wrong"), [(1.0001, "within"), (0.9999, "beyond")])
def test_on_the_limit_itself_wrong_answers_stay_below_the_stated_error(
    side: float, wrong: str
) -> None:
    answers = [outcomes(taken)[0] for taken in simulated(1.25 * side, noise=0.05)]
    assert 0 < answers.count(wrong) <= 0.05 * len(answers)
    assert answers.count("undecided") > 0.85 * len(answers)
