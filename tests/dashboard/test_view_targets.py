"""The pages of all targets and of one target: what is shown is what the records hold."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from compared_targets import (
    HOSTILE,
    LOSS,
    RUN,
    TARGETS,
    blocks,
    column,
    figure,
    links,
    loss_of,
    notices,
    prove,
    run_of,
    some_targets,
    table,
)

from dashboard.blocks import Chart, Download, Notice, Page, Prose, Section
from dashboard.run_data import GATING_LOSS, RunData
from dashboard.views.target_filters import filtered, target_frame
from dashboard.views.targets import TargetFilters, target_options, target_page, targets_page


@cache
def shown_of_run(filters: TargetFilters) -> Page:
    return targets_page(RUN, filters)


def page(run: RunData | None = None, **filters: Any) -> Page:
    asked = TargetFilters(**filters)
    return shown_of_run(asked) if run is None else targets_page(run, asked)


def listed(shown: Page) -> list[Any]:
    return [cell.raw for cell in column(table(shown, "Targets, those"), "Target")]


def changed(**fields: Any) -> RunData:
    return run_of({**LOSS, **fields})


def test_every_number_has_a_source_that_holds_it_or_a_rule() -> None:
    assert prove(page(), RUN) > 900
    assert prove(page(gate="family.ssi"), RUN) > 300
    for each in (*HOSTILE, "us.t00007", "us.t00020", "us.t00016"):
        assert prove(target_page(RUN, each), RUN) > 20


def test_headline_figures_are_the_records() -> None:
    shown = page()
    assert figure(shown, "Broad loss").raw == LOSS["losses"][GATING_LOSS]["candidate"]
    assert figure(shown, "Targets won").raw == LOSS["wins"]
    assert (
        figure(shown, "Held-out loss").raw == LOSS["losses"][GATING_LOSS]["held_out"]["candidate"]
    )
    difference = column(table(shown, "Candidate against"), "Difference")
    assert difference[0].raw == LOSS["losses"][GATING_LOSS]["delta"]
    median = LOSS["median_error"]
    assert difference[3].raw == 100 * (median["candidate"] - median["incumbent"])
    assert difference[3].text.endswith("percentage points")


def test_a_headline_that_the_win_count_contradicts_is_told() -> None:
    assert not any("disagree" in text for text in notices(page(), "warning"))
    said = notices(page(changed(headline_agrees=False)), "warning")
    assert any("disagree" in text and f"{LOSS['wins']:,} targets" in text for text in said)


def test_ten_rows_that_carry_most_of_the_loss_are_told_by_side() -> None:
    sides = {"candidate": 0.51, "incumbent": 0.5}
    said = notices(page(changed(top_10_share=sides)), "warning")
    assert len(said) == 1
    assert "51 %" in said[0]


def test_worse_on_held_out_but_better_overall_is_told() -> None:
    loss = LOSS["losses"][GATING_LOSS]
    held = {**loss["held_out"], "delta": 0.1}
    better = {**loss, "delta": -0.1, "held_out": held}
    said = notices(page(changed(losses={GATING_LOSS: better})), "bad")
    assert any("worse than the incumbent on the held-out targets" in text for text in said)
    worse = {**better, "delta": 0.05}
    said = notices(page(changed(losses={GATING_LOSS: worse})), "bad")
    assert not any("held-out" in text for text in said)


@pytest.mark.parametrize("key", ["source family", "family"])
def test_parts_add_up_and_name_their_largest_targets(key: str) -> None:
    shown = table(page(), f"Part of the loss difference by {key}")
    *parts, whole = column(shown, "Part of the loss difference")
    assert whole.raw == LOSS["losses"][GATING_LOSS]["delta"]
    assert abs(math.fsum(cell.raw for cell in parts) - whole.raw) < 1e-9
    assert [cell.raw for cell in parts] == sorted((cell.raw for cell in parts), reverse=True)
    totals = {
        "Targets": 230, "Won": LOSS["wins"], "Lost": LOSS["losses_count"], "Tied": LOSS["ties"],
    }  # fmt: skip
    for label, total in totals.items():
        *counts, last = column(shown, label)
        assert sum(cell.raw for cell in counts) == last.raw == total
    assert LOSS["top_losses"][0]["name"] in [cell.raw for cell in column(shown, "Largest loss")]
    assert LOSS["top_wins"][0]["name"] in [cell.raw for cell in column(shown, "Largest win")]


def test_diverging_bars_tell_the_side_in_words_too() -> None:
    chart = next(each for each in blocks(page(), Chart) if "by family" in each.title)
    data = next(iter(chart.chart.to_dict()["datasets"].values()))
    assert len(data) == 7
    for each in data:
        assert each["side"] == ("higher loss" if each["delta"] > 0 else "lower loss")


def test_worst_regressions_come_first_fifty_to_a_page() -> None:
    expected = sorted(LOSS["targets"], key=lambda row: -row["contribution"])
    pages = [listed(page(page=number)) for number in (1, 2, 3, 4, 5)]
    assert [len(each) for each in pages] == [50, 50, 50, 50, 30]
    assert [name for each in pages for name in each] == [row["target_id"] for row in expected]
    assert pages[0][0] == "us.t00020"
    assert listed(page(page=99)) == pages[4]
    assert listed(page(page=-1)) == pages[0]


def test_the_count_and_the_links_to_other_pages_keep_the_filters() -> None:
    shown = page(level="state", page=2)
    assert blocks(shown, Prose)[0].text.startswith(
        "115 of 230 targets with level “state”. Page 2 of 3"
    )
    ways = {link.text: dict(link.params) for link in links(shown) if "page" in link.text}
    expected = {"run": RUN.key, "level": "state"}
    assert ways == {
        "First page (1 of 3)": {**expected, "page": "1"},
        "Previous page (1 of 3)": {**expected, "page": "1"},
        "Next page (3 of 3)": {**expected, "page": "3"},
        "Last page (3 of 3)": {**expected, "page": "3"},
    }


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"family": "family3"}, lambda row: row["family"] == "family3"),
        ({"source": "source2"}, lambda row: row["source"] == "source2"),
        ({"state": "39"}, lambda row: row["geography_id"] == "39"),
        ({"state": "US"}, lambda row: row["geography_id"] == "US"),
        ({"level": "national"}, lambda row: row["geography_level"] == "national"),
        ({"role": "held_out"}, lambda row: row["role"] == "held_out"),
        ({"winner": "incumbent"}, lambda row: row["winner"] == "incumbent"),
        ({"search": " US.T0001 "}, lambda row: "us.t0001" in row["target_id"]),
        ({"gate": "loss.broad"}, lambda row: True),
        ({"gate": "loss.held_out"}, lambda row: row["role"] == "held_out"),
        (
            {"gate": "family.ssi"},
            lambda row: row["target_id"] in LOSS["families"]["ssi"]["targets"],
        ),
        ({"gate": "aggregate.total"}, lambda row: row["target_id"] == "us.t00007"),
        (
            {"family": "family3", "winner": "candidate"},
            lambda row: (row["family"], row["winner"]) == ("family3", "candidate"),
        ),
    ],
)
def test_filters_choose_what_they_say(
    filters: dict[str, str], wanted: Callable[[dict[str, Any]], bool]
) -> None:
    expected = {row["target_id"] for row in LOSS["targets"] if wanted(row)}
    assert expected
    file = blocks(page(**filters), Download)[-1]
    assert set(file.frame["target_id"]) == expected
    assert isinstance(page(**filters).blocks[0], Section)
    assert page(**filters).blocks[0].title == "All targets"


@pytest.mark.parametrize("search", ["(.*)[a-z]+", ".*", "[", "\\", "%", "a|b", "c%20d?"])
def test_a_search_is_plain_text_and_never_a_pattern(search: str) -> None:
    expected = {row["target_id"] for row in LOSS["targets"] if search in row["target_id"]}
    assert set(blocks(page(search=search), Download)[-1].frame["target_id"]) == expected
    assert len(expected) <= 1


def test_parts_of_a_family_gate_add_up_to_that_gate_its_worst_first() -> None:
    turned = [{**row, "contribution": -row["contribution"]} for row in LOSS["targets"]]
    for run in (RUN, changed(targets=turned)):
        shown = table(page(run, gate="family.ssi"), "Targets, those that raise the gate most")
        parts = [cell.raw for cell in column(shown, "Part of the gate's difference")]
        assert len(parts) == 6
        assert parts == sorted(parts, reverse=True)
        assert abs(math.fsum(parts) - LOSS["families"]["ssi"]["delta"]) < 1e-9


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("family.net", "the incumbent's own estimate"),
        ("runtime.median", "judged on no target"),
        ("family.<script>", "judged on no target"),
        ("aggregate.none", "judged on no target"),
    ],
)
def test_a_gate_without_targets_shows_none_and_says_why(gate: str, said: str) -> None:
    shown = page(gate=gate)
    assert listed(shown) == []
    assert any(said in text for text in notices(shown, "info"))
    prove(shown, RUN)


def test_districts_are_found_by_their_state_and_held_out_is_in_words() -> None:
    moved = list(TARGETS)
    moved[5] = replace(moved[5], geography_level="congressional_district", geography_id="3903")
    run = run_of(loss_of(moved))
    shown = page(run, state="39")
    assert moved[5].target_id in listed(shown)
    places = {cell.text for cell in column(table(shown, "Targets, those"), "Geography")}
    assert places == {"Ohio", "Ohio district 03"}
    roles = {
        cell.text for cell in column(table(page(run, role="held_out"), "Targets, those"), "Role")
    }
    assert roles == {"HELD OUT"}


def test_options_are_what_the_record_holds() -> None:
    options = target_options(RUN)
    without = ["family.net"]  # judged on no target: its page says why
    assert options["gate"] == [
        "loss.broad", "targets.provenance", "loss.held_out", *without, "family.ssi",
        "aggregate.total",
    ]  # fmt: skip
    assert options["role"] == ["held_out", "train"]
    assert options["family"] == [f"family{i}" for i in range(7)]
    assert set(options) < set(TargetFilters.__dataclass_fields__)
    frame = target_frame(RUN)
    for field, choices in options.items():
        for choice in choices:
            asked = TargetFilters(**{field: choice})
            assert filtered(RUN, frame, asked).empty == (choice in without), (field, choice)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_ids_survive_links_and_pointers(name: str) -> None:
    cell = next(
        cell
        for cell in column(table(page(search=name), "Targets, those"), "Target")
        if cell.raw == name
    )
    assert cell.link is not None
    assert dict(cell.link.params) == {"run": RUN.key, "target": name}
    assert target_page(RUN, name).title == name


def test_a_run_without_a_loss_record_says_what_to_run() -> None:
    bare = run_of(None)
    for shown in (page(bare), target_page(bare, "x")):
        assert notices(shown, "empty")
        assert any(notice.command for notice in blocks(shown, Notice))
    assert target_options(bare)["gate"] == []


def test_a_page_of_five_thousand_targets_is_quick() -> None:
    run = run_of(loss_of(some_targets(5021)))
    times = []
    for _ in range(5):
        start = time.process_time()
        page(run, family="family3")
        times.append(time.process_time() - start)
    # an idle core takes 0.06 s; twice the promised 0.1 s leaves room for a busy one
    assert min(times) < 0.2
