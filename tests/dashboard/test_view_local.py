"""The local page says what is measured, what is missing, and which file an analyst may use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from sample_reading import runs_frame
from sample_runs import sample_run
from shown_pages import column, links, tables, texts
from view_checks import charts, data_of, require_sourced, rows_of

from dashboard.blocks import Page
from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.local import local_page
from dashboard.views.local_pairs import incumbent_of, local_sides, pairs_of

FAST, RICH = "mp-local-fast", "mp-local-rich"
SMALL, BIG = "pe-local-small-l0", "pe-local-big-l0"
FAST_SMALL = "mp-local-fast against PE small-L0"
RICH_BIG = "mp-local-rich against PE big-L0"
LOSSES = {
    "Broad loss": "broad_relative_v1",
    "PE's objective": "pe_local_relative_v1",
}
GATES = 8


@pytest.fixture
def fast() -> RunData:
    return sample_run(name="fast", product=FAST)


@pytest.fixture
def rich() -> RunData:
    return sample_run(name="rich", product=RICH, incumbent=BIG, absent=["loss", "runtime"])


def page_of(*runs: RunData) -> Page:
    return local_page(runs, runs_frame(runs))


def without_runs() -> Page:
    return local_page([], pd.DataFrame())


def test_without_any_run_every_comparison_is_unmeasured() -> None:
    page = without_runs()
    require_nothing_shown_as_number(page)
    matrix = tables(page)["Comparisons"]
    assert len(matrix.rows) == 4
    assert column(matrix, "Newest run") == ["no run"] * 4
    assert column(matrix, "Verdict") == ["unmeasured"] * 4
    assert {(pair.product, pair.incumbent) for pair in pairs_of([])} == {
        (product, incumbent) for product in (FAST, RICH) for incumbent in (SMALL, BIG)
    }
    assert "mpgate bundle judge RUN --incumbent pe-local-small-l0" in texts(page)


def require_nothing_shown_as_number(page: Page) -> None:
    numbers = [
        cell
        for table in tables(page).values()
        for row in table.rows
        for cell in row
        if isinstance(cell.raw, int | float)
    ]
    assert not numbers


def test_without_any_run_each_record_of_each_comparison_is_named() -> None:
    table = tables(without_runs())["Missing records"]
    for pair in pairs_of([]):
        items = " | ".join(row[1].text for row in table.rows if row[0].text == pair.title)
        for part in (
            f"run folder of {pair.product}",
            f"baseline record of {pair.incumbent}",
            "loss record: broad loss, local loss, PE's own objective, held-out loss",
            "runtime record",
            "evidence record",
            "incumbent evidence record",
            "gate results",
        ):
            assert part in items, (pair.title, part)
        wanted = {row[2].text for row in table.rows if row[0].text == pair.title}
        assert any(f"--incumbent {pair.incumbent}" in each for each in wanted)


def test_an_analyst_is_told_not_to_use_the_national_file_for_a_district() -> None:
    page = without_runs()
    assert "Ohio's 3rd congressional district: no file of this project" in texts(page)
    assert "Do not use mp-national for it" in texts(page)
    routes = rows_of(tables(page)["Routing of analyses"])
    state = routes["Analyses calibrated to a state"]["File to use today"].text
    assert state.startswith('mp-national, labelled "not state-calibrated"')
    district = routes["Congressional districts and smaller places"]["File to use today"].text
    assert district.endswith("never mp-national")
    assert routes["Research sweeps, work on targets"]["File to use today"].text.startswith(RICH)


def test_only_a_ready_run_against_a_real_incumbent_is_to_be_used(fast: RunData) -> None:
    results = fast.records["gate_results"]
    results["verdicts"]["default"]["verdict"] = "ready"
    assert results["demonstration"] is True
    assert "no file of this project is calibrated to it today" in texts(page_of(fast))
    results["demonstration"] = False
    page = page_of(fast)
    assert "use its shard of mp-local-fast, run fast" in texts(page)
    assert "has targets of that district" in texts(page)
    for each in fast.records["loss"]["targets"]:
        if each["geography_id"] == "3903":
            each["geography_level"] = "national"
    assert "has no target of it" in texts(page_of(fast))
    results["verdicts"]["default"]["verdict"] = "blocked"
    assert "no file of this project is calibrated to it today" in texts(page_of(fast))


def test_a_released_rich_run_is_still_for_research_only(fast: RunData) -> None:
    fast.records["gate_results"]["demonstration"] = False
    fast.records["gate_results"]["verdicts"]["default"]["verdict"] = "ready"
    assert "no file of this project" in texts(page_of(replace(fast, product=RICH)))


def test_the_matrix_shows_each_lead_as_the_records_give_it(fast: RunData, rich: RunData) -> None:
    page = page_of(fast, rich)
    require_sourced(page, fast, rich)
    rows = rows_of(tables(page)["Comparisons"])
    losses = fast.records["loss"]["losses"]
    for label, name in LOSSES.items():
        lead = losses[name]["candidate"] - losses[name]["incumbent"]
        assert rows[FAST_SMALL][label].raw == pytest.approx(lead)
    held = losses["broad_relative_v1"]["held_out"]
    assert rows[FAST_SMALL]["Held-out loss"].raw == held["candidate"] - held["incumbent"]
    assert rows[FAST_SMALL]["Runtime ratio"].raw == fast.records["runtime"]["median_ratio"]
    assert rows[FAST_SMALL]["Verdict"].note == "demonstration only"
    assert rows[RICH_BIG]["Broad loss"].text == NOTHING
    assert rows[RICH_BIG]["Newest run"].text == "rich"
    assert rows["mp-local-fast against PE big-L0"]["Newest run"].text == "no run"


def test_both_sides_of_every_measure_are_shown(fast: RunData) -> None:
    rows = rows_of(tables(page_of(fast))["Both sides"])
    losses = fast.records["loss"]["losses"]
    for label, name in (
        ("Broad loss", "broad_relative_v1"),
        ("PE's own objective", "pe_local_relative_v1"),
    ):
        for side in ("candidate", "incumbent"):
            assert rows[label][side.title()].raw == losses[name][side]
    assert rows["H5 on disk"]["Candidate"].raw == fast.records["storage"]["h5"]["stored_bytes"]


def parts(fast: RunData) -> dict[str, Any]:
    found: dict[str, Any] = fast.records["loss"]["losses"]["broad_relative_v1"]["by_geography"]
    return found


def test_the_local_loss_weighs_places_by_their_targets(fast: RunData) -> None:
    by_place = parts(fast)
    by_place.clear()
    row = {"incumbent": 1.0, "delta": 0.0}
    by_place["US"] = {"candidate": 0.9, "targets": 100, **row}
    by_place["39"] = {"candidate": 0.1, "targets": 1, **row}
    by_place["3903"] = {"candidate": 0.3, "targets": 3, **row}
    assert local_sides(fast)[0].raw == pytest.approx((0.1 + 3 * 0.3) / 4)
    assert local_sides(fast, "state")[0].raw == pytest.approx(0.1)
    assert local_sides(fast, "congressional_district")[0].raw == pytest.approx(0.3)
    assert local_sides(fast, "local")[0].text == NOTHING


def test_every_place_below_the_nation_has_a_row(fast: RunData) -> None:
    page = page_of(fast)
    by_place = parts(fast)
    table = tables(page)["Places"]
    assert {row[0].note for row in table.rows} == set(by_place) - {"US"}
    found = {row[0].note: row for row in table.rows}
    assert found["3903"][0].text == "Ohio district 03"
    assert found["3903"][1].text == "congressional district"
    assert found["3903"][3].raw == by_place["3903"]["candidate"]
    sizes = [abs(row[5].raw) for row in table.rows]
    assert sizes == sorted(sizes, reverse=True)
    bars = data_of(charts(page)["Places that part the files most"])
    assert len(bars) == min(20, len(table.rows))
    assert all((bar["part"] < 0) == (bar["closer"] == "candidate") for bar in bars)
    assert "Part of the loss difference by state" in charts(page)


def test_the_newest_judged_run_of_a_comparison_counts(fast: RunData) -> None:
    newer = sample_run(name="newer", product=FAST, judged_at="2026-11-27T08:00:00+00:00")
    for order in ((fast, newer), (newer, fast)):
        shown = rows_of(tables(page_of(*order))["Comparisons"])[FAST_SMALL]
        assert shown["Newest run"].text == "newer"
    assert column(tables(page_of(fast, newer))["Local runs"], "Run") == ["newer", "fast"]


def test_a_run_against_another_incumbent_compares_nothing(fast: RunData) -> None:
    fast.records["baseline"]["id"] = "psl-cps-2024"
    assert incumbent_of(fast) == "psl-cps-2024"
    page = page_of(fast)
    assert set(column(tables(page)["Comparisons"], "Newest run")) == {"no run"}
    assert column(tables(page)["Local runs"], "Incumbent") == ["psl-cps-2024"]


def test_partial_records_leave_only_the_rest_missing(fast: RunData, rich: RunData) -> None:
    table = tables(page_of(fast, rich))["Missing records"]
    of_rich = [row[1].text for row in table.rows if row[0].text == RICH_BIG]
    of_fast = [row[1].text for row in table.rows if row[0].text == FAST_SMALL]
    assert any(text.startswith("loss record") for text in of_rich)
    assert any(text.startswith("runtime record") for text in of_rich)
    assert not any(text.startswith("evidence record") for text in of_rich)
    assert not any("loss record:" in text or "runtime" in text for text in of_fast)
    assert any("smaller places" in text for text in of_fast)
    fast.records["baseline"]["pins"]["h5_sha256"] = None
    table = tables(page_of(fast))["Missing records"]
    pins = next(row[1].text for row in table.rows if row[1].text.startswith(f"pins of {SMALL}"))
    assert "h5 sha256" in pins
    assert "local objective" in pins


def test_eight_local_gates_say_what_is_there_and_what_is_missing(fast: RunData) -> None:
    empty = tables(without_runs())["Local release gates"]
    assert len({row[0].text for row in empty.rows}) == GATES
    assert {row[3].status for row in empty.rows} == {"unmeasured"}
    table = tables(page_of(fast))["Local release gates"]
    assert len({row[0].text for row in table.rows}) == GATES
    rows = {(row[0].text[:1], row[1].text): row for row in table.rows}
    objective = fast.records["loss"]["losses"]["pe_local_relative_v1"]
    lead = rows["2", FAST_SMALL][2]
    assert lead.raw == objective["candidate"] - objective["incumbent"]
    assert rows["2", FAST_SMALL][3].text == "measured, not judged"
    assert "local objective" in rows["1", "PE small-L0"][4].text
    assert rows["5", FAST][4].text == NOTHING
    assert "one geography" in rows["6", FAST_SMALL][4].text
    stages = fast.records["stages"]["stages"]
    assert rows["7", FAST][2].raw == pytest.approx(sum(s["wall_s"] for s in stages) / 3600)
    assert "scoring" in rows["8", FAST][4].text
    assert "export" not in rows["8", FAST][4].text
    assert {cell.status for row in table.rows for cell in row} <= {None, "unmeasured"}


def test_a_held_out_split_without_geography_lacks_one(fast: RunData) -> None:
    groups = fast.records["loss"]["held_out"]["groups"]
    for group in groups:
        group["kind"] = "income_program"
    table = tables(page_of(fast))["Local release gates"]
    row = next(row for row in table.rows if row[0].text.startswith("5") and row[1].text == FAST)
    assert row[4].text == "held-out groups of a geography family"


def test_stages_from_a_checkpoint_prove_no_rebuild(fast: RunData) -> None:
    for stage in fast.records["stages"]["stages"]:
        stage["reused"] = stage["id"] == "donors"
    table = tables(page_of(fast))["Local release gates"]
    row = next(row for row in table.rows if row[0].text.startswith("7"))
    assert row[4].text.endswith("stages taken from checkpoints: donors")


def test_broken_local_runs_are_named_with_the_reason(fast: RunData) -> None:
    good = runs_frame([fast])
    broken = good.assign(state="broken", folder="local/half", reason="its seal is missing")
    other = good.assign(state="broken", folder="elsewhere", product="mp-national")
    page = local_page([fast], pd.concat([good, broken, other]))
    table = tables(page)["Local runs that cannot be read"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["local/half", FAST, "its seal is missing"]
    ]
    assert "Local runs that cannot be read" not in tables(page_of(fast))


def test_links_lead_into_the_run(fast: RunData) -> None:
    found = {(link.page, link.params.get("run")) for link in links(page_of(fast))}
    assert found >= {(page, fast.key) for page in ("targets", "microsim", "artifacts")}


def test_a_hostile_name_stays_text() -> None:
    run = sample_run(name="hostile", product=FAST, hostile=True)
    require_sourced(page_of(run), run)
