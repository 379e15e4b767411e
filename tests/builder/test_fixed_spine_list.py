"""The wealth list: its facts agree with each other and with the published totals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.targets import load_targets
from builder.fixed_spine.wealth import FACTS, load_wealth_list
from gates.contract.lists import contract_lists
from schemas.errors import BuildError, RecordError
from schemas.records import read_record


@pytest.fixture
def facts() -> dict[str, Any]:
    return read_record(FACTS, "wealth_list")


def changed(folder: Path, facts: dict[str, Any]) -> Path:
    path = folder / "list.json"
    path.write_text(json.dumps(facts))
    return path


def test_stored_units_are_within_the_published_list(facts: dict[str, Any]) -> None:
    wealth, coverage = load_wealth_list(), facts["coverage"]
    assert len(wealth.rank) == 393
    assert wealth.rank[-1] == coverage["listed"] == 400
    assert wealth.net_worth.min() >= coverage["published_cutoff"]
    assert wealth.net_worth.sum() == pytest.approx(coverage["published_net_worth"], rel=0.02)
    assert set(wealth.state_fips) <= {0, *contract_lists().state_fips}
    assert (wealth.state_fips == 0).sum() == 12


def test_nothing_of_a_person_but_rank_worth_and_state_is_kept(facts: dict[str, Any]) -> None:
    assert {frozenset(unit) for unit in facts["units"]} == {
        frozenset({"rank", "net_worth", "state_fips"})
    }


def test_income_is_the_stated_share_of_net_worth(facts: dict[str, Any]) -> None:
    wealth = load_wealth_list()
    level = facts["reported_income"]["per_net_worth"]
    assert sum(wealth.income.values()) == pytest.approx(level, rel=1e-12)
    assert level == pytest.approx(0.006 / 0.11 / 2, abs=5e-5)
    gains, wages = (
        wealth.income[name]
        for name in ("long_term_capital_gains_before_response", "employment_income_before_lsr")
    )
    assert gains / wages == pytest.approx(51.7 / 6.5)


def test_dividends_are_split_as_the_target_facts_say(facts: dict[str, Any]) -> None:
    value = {target.target_id: target.value for target in load_targets()}
    table = "us.irs_soi.table_1_4.{}.amount.agi_10000k_plus.all"
    ratio = value[table.format("qualified_dividends")] / value[table.format("ordinary_dividends")]
    percent = {each["variable"]: each["percent"] for each in facts["composition"]}
    assert percent["qualified_dividend_income"] == pytest.approx(10.8 * ratio, abs=0.005)
    dividends = percent["qualified_dividend_income"] + percent["non_qualified_dividend_income"]
    assert dividends == pytest.approx(10.8)


def test_every_figure_says_what_it_rests_on(facts: dict[str, Any]) -> None:
    rows = [*facts["composition"], *facts["per_net_worth"], *facts["values"]]
    assert all(each["source"] and each["basis"] for each in rows)
    assert facts["reported_income"]["basis"] == "assumption"


def test_net_worth_is_found_by_rank() -> None:
    wealth = load_wealth_list()
    assert wealth.net_worth_of(np.array([400, 1])).tolist() == [3.3e9, 243.7e9]
    with pytest.raises(BuildError, match="no rank 31") as caught:
        wealth.net_worth_of(np.array([1, 31]))
    assert caught.value.reason == "fixed_spine.unknown_rank"
    with pytest.raises(BuildError, match="no rank 999"):
        wealth.net_worth_of(np.array([999]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f["units"].reverse(), "order of rank"),
        (lambda f: f["units"][3].update(net_worth=1e12), "order of rank"),
        (lambda f: f["units"].pop(), "another number of units"),
        (lambda f: f["coverage"].update(stored_net_worth=5.4e12), "another total"),
        (lambda f: f["coverage"].update(listed=399), "beyond the 399"),
        (lambda f: f["composition"].append(f["composition"][0]), "given twice"),
        (lambda f: f["values"][0].update(variable="net_worth"), "given twice"),
        (lambda f: f["values"][0].update(variable="income_tax"), "no yearly input"),
        (lambda f: f["values"][0].update(variable="no_such_thing"), "no yearly input"),
    ],
)
def test_a_list_that_contradicts_itself_is_refused(
    change: Any, said: str, facts: dict[str, Any], tmp_path: Path
) -> None:
    change(facts)
    with pytest.raises(BuildError, match=said) as caught:
        load_wealth_list(changed(tmp_path, facts))
    assert caught.value.reason == "fixed_spine.list"


def test_a_name_in_the_list_is_refused(facts: dict[str, Any], tmp_path: Path) -> None:
    facts["units"][0]["name"] = "somebody"
    with pytest.raises(RecordError, match="name"):
        load_wealth_list(changed(tmp_path, facts))
