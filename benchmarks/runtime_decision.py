"""When interleaved runtimes say enough: order of the runs, interval of the ratio, stopping rule.

Pure: takes ratios, returns decisions. A ratio is candidate seconds over incumbent seconds of one
pair of runs. Source of the rule: plan, National release gates, Runtime.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

Decision = Literal["within", "beyond", "undecided"]
_DIGITS = 4  # of an interval as it is recorded; decisions follow from the recorded figures


@dataclass(frozen=True)
class Rule:
    """When to look (`min_pairs` to `max_pairs`), what to decide against, with what confidence.

    `confidence` (as 0.95) is that of each answer "within" or "beyond" of one limit, all looks of
    the sequence together.
    """

    confidence: float
    min_pairs: int
    max_pairs: int
    limits: tuple[float, ...]


@dataclass(frozen=True)
class Interval:
    """Bounds of the true ratio at one look, and the two-sided confidence of this look alone."""

    low: float
    high: float
    confidence: float


def candidate_first(pair: int) -> bool:
    """Decide which side starts pair number `pair` (from 0): by turns, so that steady drift cancels.

    The runs then read AB BA AB BA: over every two pairs both sides hold the same mean place in
    time. The candidate starts the first pair and bears what a cold start costs.
    """
    return pair % 2 == 0


def look_confidence(pairs: int, rule: Rule) -> float:
    """Return the two-sided confidence of the interval drawn after `pairs` pairs.

    A look after every pair is one more chance of a wrong answer, so the chance is shared out
    (Bonferroni: valid whatever the dependence between looks): half of 1 - confidence to the first
    look, at which most comparisons end, the rest in equal parts to the later ones. With 0.95 the
    first look is the usual 95 % interval, since each limit can be missed on one side only.
    """
    wrong, later = 1 - rule.confidence, rule.max_pairs - rule.min_pairs
    if later == 0:
        return 1 - 2 * wrong
    share = wrong / 2 if pairs == rule.min_pairs else wrong / 2 / later
    return 1 - 2 * share


def interval(ratios: Sequence[float], rule: Rule) -> Interval:
    """Return Student's t interval of the ratio: on its logarithm, one observation per pair.

    Exact for log-normal ratios from 3 pairs on; logarithms treat 1.25x and 1/1.25x alike.
    """
    logs = [math.log(ratio) for ratio in ratios]
    confidence = look_confidence(len(logs), rule)
    from scipy import stats  # loads array libraries that judging can do without

    quantile = float(stats.t.ppf((1 + confidence) / 2, len(logs) - 1))
    middle, half = fmean(logs), quantile * stdev(logs) / math.sqrt(len(logs))
    low, high = math.exp(middle - half), math.exp(middle + half)
    return Interval(round(low, _DIGITS), round(high, _DIGITS), round(confidence, _DIGITS))


def decide(found: Interval, limit: float) -> Decision:
    """Return `within` if the whole interval is at most `limit`, `beyond` if it is all above."""
    if found.high <= limit:
        return "within"
    return "beyond" if found.low > limit else "undecided"


def finished(ratios: Sequence[float], rule: Rule) -> bool:
    """Decide whether to stop: every limit is decided by the latest interval, or the cap is reached.

    What is undecided at the cap stays so: the gate is then unmeasured.
    """
    if len(ratios) < rule.min_pairs:
        return False
    found = interval(ratios, rule)
    decided = all(decide(found, limit) != "undecided" for limit in rule.limits)
    return decided or len(ratios) >= rule.max_pairs
