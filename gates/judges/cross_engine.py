"""Two engines on the same tax units: how much of their difference nobody can explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate

_BILLION = 1e9


def judge_cross_engine(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure the unexplained difference of the worse tax, as a fraction of the engine's total.

    The contributors are the known differences in scope and the unexplained rest; they sum to the
    delta, the engine's total less the other's. Parts that do not sum to it are an `error`.
    """
    record = inputs.cross_engine()
    worst = max(record["taxes"], key=_unexplained)
    value = _unexplained(worst)
    contributors = _contributors(worst)
    return Measurement(
        value=value,
        reference=worst["engine_total"],
        candidate=worst["engine_total"],
        delta=worst["difference"],
        contributors=contributors,
        message=_in_words(worst, record["other"]),
        details=(
            *(_in_words(tax, record["other"]) for tax in record["taxes"]),
            *(_agreement(tax) for tax in record["taxes"]),
            record["caveat"],
        ),
        remedy="look at the tax units named in the record under `largest`" if value else "",
    )


def _unexplained(tax: Mapping[str, Any]) -> float:
    if not tax["engine_total"]:
        raise NotJudged(
            "unmeasured",
            f"the engine's total of {tax['title']} is 0, so no fraction of it can be formed",
            "check the incomes of the file",
        )
    return float(abs(tax["unexplained"]) / abs(tax["engine_total"]))


def _contributors(tax: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    found = [(part["id"], float(part["value"])) for part in tax["parts"] if part["value"]]
    found.append(("unexplained", float(tax["unexplained"])))
    gap = abs(sum(value for _, value in found) - tax["difference"])
    if gap > 1e-9 * (abs(tax["engine_total"]) + abs(tax["other_total"])):
        raise NotJudged(
            "error",
            f"the parts of {tax['title']} miss its difference by {gap:,.0f} dollars",
            "measure the file again",
        )
    return tuple(sorted(found, key=lambda pair: -abs(pair[1])))


def _in_words(tax: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return (
        f"{tax['title']}: {tax['engine_total'] / _BILLION:,.1f} bn, "
        f"{tax['other_total'] / _BILLION:,.1f} bn by {other['name']} {other['version']}; "
        f"{tax['unexplained'] / _BILLION:+,.3f} bn of {tax['difference'] / _BILLION:+,.1f} bn "
        "unexplained"
    )


def _agreement(tax: Mapping[str, Any]) -> str:
    plain, same = tax["agreement"]["as_calculated"], tax["agreement"]["same_scope"]
    return (
        f"{tax['title']}: {plain['within_10']:.1%} of tax units within 10 dollars, "
        f"{same['within_10']:.1%} with the same scope; "
        f"{tax['unexplained_gross'] / _BILLION:,.3f} bn unexplained whatever its sign"
    )
