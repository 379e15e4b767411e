"""The facts behind the distribution donor: bands, lines, and what it must not be fitted to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.scoring.scheme import HELD_OUT
from benchmarks.suite import load_suite
from builder.donors.soi_facts import load_size_donor
from schemas.errors import BuildError, RecordError
from tests.builder.soi_sample import GAINS, LINES, LOW, RETURNS, donor, fact, facts, record, written


def test_bands_and_lines_are_those_of_the_facts(tmp_path: Path) -> None:
    made = donor(tmp_path)
    assert made.bands.low.tolist() == list(LOW)
    assert made.bands.high().tolist() == [*LOW[1:], np.inf]
    assert made.bands.returns.tolist() == list(RETURNS)
    assert made.groups == tuple(sorted([*LINES, "agi", "returns"]))
    lines = {each.id: each for each in made.lines}
    assert lines["gains"].returns.tolist() == list(LINES["gains"][0])
    assert lines["losses"].amounts.tolist() == [-each for each in LINES["losses"][1]]
    assert lines["losses"].variable == lines["gains"].variable == GAINS
    assert lines["wages"].applies.tolist() == [False] * 3 + [True] * 2
    assert (lines["wages"].to_earners, lines["gains"].to_earners) == (True, False)
    split = lines["dividends"].split
    assert split is not None
    assert split.amounts.tolist() == list(LINES["qualified"][1])


def test_one_line_can_be_what_another_leaves_of_a_third(tmp_path: Path) -> None:
    lines = record()["lines"]
    lines[3] |= {"less_group": "losses"}
    gains = donor(tmp_path, lines=lines).lines[3]
    assert gains.returns.tolist() == [0, 4_000, 2_000, 10_000, 4_000]
    assert gains.amounts.tolist() == pytest.approx([0, 2e7, 2e7, 1.73e9, 3.463e9])
    lines[4] |= {"less_group": "gains"}
    assert donor(tmp_path, lines=lines).lines[4].returns.tolist() == [0] * 5


def test_a_line_without_dollars_has_so_much_for_each_return(tmp_path: Path) -> None:
    lines = record()["lines"]
    lines[4] |= {"each": -3000}
    losses = donor(tmp_path, lines=lines).lines[4]
    assert losses.amounts.tolist() == [3000 * each for each in LINES["losses"][0]]
    assert losses.sign == -1


@pytest.mark.parametrize("group", ["returns", "agi", "wages", "qualified"])
def test_a_group_that_is_held_out_is_refused(tmp_path: Path, group: str) -> None:
    with pytest.raises(BuildError, match=f"holds out {group}") as caught:
        load_size_donor(facts(), {group}, written(tmp_path))
    assert caught.value.reason == "donor.held_out_group"


def test_the_group_that_is_taken_off_may_not_be_held_out_either(tmp_path: Path) -> None:
    lines = record()["lines"]
    lines[3] |= {"less_group": "kept-back"}
    known = [*facts(), fact("kept-back", "count", 1, 1), fact("kept-back", "sum", 1, 1)]
    with pytest.raises(BuildError, match="holds out kept-back"):
        load_size_donor(known, {"kept-back"}, written(tmp_path, lines=lines))


def test_bands_that_the_returns_have_not_are_refused(tmp_path: Path) -> None:
    known = [*facts(), fact("interest", "sum", 75_000, 1.0)]
    with pytest.raises(BuildError, match=r"interest has AGI bands from \[75000") as caught:
        load_size_donor(known, set(), written(tmp_path))
    assert caught.value.reason == "donor.bands"


@pytest.mark.parametrize(("group", "kind"), [("interest", "sum"), ("returns", "count")])
def test_a_group_without_facts_is_refused(tmp_path: Path, group: str, kind: str) -> None:
    known = [t for t in facts() if (t.holdout_group, t.aggregation) != (group, kind)]
    with pytest.raises(BuildError, match=f"no {kind} facts of group {group}") as caught:
        load_size_donor(known, set(), written(tmp_path))
    assert caught.value.reason == "donor.no_facts"


def test_a_band_without_a_fact_has_none_of_the_line(tmp_path: Path) -> None:
    known = [t for t in facts() if t.target_id not in ("gains.count.1", "gains.sum.1")]
    gains = load_size_donor(known, set(), written(tmp_path)).lines[3]
    assert (gains.returns[1], gains.amounts[1]) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["color", "weights"])
def test_unknown_keys_are_refused(tmp_path: Path, name: str) -> None:
    lines = record()["lines"]
    lines[0] |= {name: 1}
    with pytest.raises(RecordError, match=name):
        load_size_donor(facts(), set(), written(tmp_path, lines=lines))


def test_the_committed_donor_is_fitted_to_no_group_that_the_suite_holds_out() -> None:
    suite = load_suite()
    held_out = suite.groups_of(HELD_OUT)
    made = load_size_donor(suite.targets, held_out)
    assert made.groups
    assert not set(made.groups) & held_out
    assert set(made.groups) <= {each.holdout_group for each in suite.targets}
    assert "not from microdata" in made.label
    assert (made.bands.returns > 0).all()
    first = np.searchsorted(made.bands.low, made.ranked_above)
    means = (made.bands.agi / made.bands.returns)[first:]
    assert (means > made.bands.low[first:]).all()
    assert (means < made.bands.high()[first:]).all()
    assert all(line.applies[first:].all() for line in made.lines)
    assert all((line.returns >= 0).all() and (line.amounts >= 0).all() for line in made.lines)
