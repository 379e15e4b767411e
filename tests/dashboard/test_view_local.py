"""The local page says what is measured, and which file an analyst may use."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import Any

import pandas as pd
import pytest
from local_runs import BIG, FAST, FAST_SMALL, RICH, RICH_BIG, SMALL, page_of, without_runs
from sample_reading import runs_frame
from sample_runs import sample_run
from shown_pages import column, links, tables, texts
from view_checks import charts, data_of, require_sourced, rows_of

from dashboard.blocks import Page
from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.local import local_page
from dashboard.views.local_pairs import incumbent_of, local_sides, pairs_of, wanted

LOSSES = {
    "Broad loss": "broad_relative_v1",
    "PE's objective": "pe_local_relative_v1",
}


@pytest.fixture
def fast() -> RunData:
    return sample_run(name="fast", product=FAST)


@pytest.fixture
def rich() -> RunData:
    return sample_run(name="rich", product=RICH, incumbent=BIG, absent=["loss", "runtime"])


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


def ready(run: RunData, incumbent: str = SMALL) -> RunData:
    """Return a run as it would be with a verdict that lets it replace this incumbent."""
    results = run.records["gate_results"]
    results["verdicts"]["default"]["verdict"], results["demonstration"] = "ready", False
    run.records["baseline"]["id"] = incumbent
    return run


def test_only_a_file_that_is_ready_against_both_incumbents_is_to_be_used(fast: RunData) -> None:
    small, big = ready(fast), ready(sample_run(name="fast", product=FAST), BIG)
    none = "no file of this project is calibrated to it today"
    assert none in texts(page_of(small))
    page = page_of(small, big)
    assert "use its shard of mp-local-fast once run fast is published" in texts(page)
    assert "has targets of that district" in texts(page)
    assert none in texts(page_of(small, replace(big, state="unsealed")))
    for each in (*small.records["loss"]["targets"], *big.records["loss"]["targets"]):
        if each["geography_id"] == "3903":
            each["geography_level"] = "national"
    assert "has no target of it" in texts(page_of(small, big))
    big.records["gate_results"]["demonstration"] = True
    assert none in texts(page_of(small, big))
    ready(big, BIG).records["gate_results"]["verdicts"]["default"]["verdict"] = "blocked"
    assert none in texts(page_of(small, big))
    ready(big, BIG).records["gate_results"]["candidate"]["sha256"] = "f" * 64
    assert none in texts(page_of(small, big))


def test_a_released_rich_run_is_still_for_research_only(fast: RunData) -> None:
    both = [ready(fast), ready(sample_run(name="fast", product=FAST), BIG)]
    assert "no file of this project" in texts(page_of(*(replace(r, product=RICH) for r in both)))


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
    verdict = fast.records["gate_results"]["verdicts"]["default"]["verdict"]
    assert rows[FAST_SMALL]["Verdict"].text == f"demonstration: {verdict}"
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


def test_a_demonstration_is_never_called_ready(fast: RunData) -> None:
    ready(fast).records["gate_results"]["demonstration"] = True
    verdict = rows_of(tables(page_of(fast))["Comparisons"])[FAST_SMALL]["Verdict"]
    assert verdict.text == "demonstration: every blocking gate passes"


def test_size_weights_and_cost_stand_beside_the_losses(fast: RunData) -> None:
    fast.records["runtime"]["pairs"][0]["candidate"]["total_s"] = 99.0
    page = page_of(fast)
    require_sourced(page, fast)
    rows = rows_of(tables(page)["Both sides"])
    for record, side in (("evidence", "Candidate"), ("incumbent_evidence", "Incumbent")):
        measured = fast.records[record]
        assert rows["Households"][side].raw == measured["counts"]["household"]
        assert (
            rows["Households with a positive weight"][side].raw == measured["weights"]["positive"]
        )
        ess = rows["Effective sample size (Kish), households"][side].raw
        assert ess == measured["weights"]["kish_ess"]
        heaviest = rows["Weight of the heaviest 1 % of households"][side].raw
        assert heaviest == measured["weights"]["top_1pct_share"]
        seconds = [pair[side.lower()]["total_s"] for pair in fast.records["runtime"]["pairs"]]
        assert rows["Median seconds of the benchmark run"][side].raw == median(seconds)
        peaks = [pair[side.lower()]["peak_rss_gb"] for pair in fast.records["runtime"]["pairs"]]
        assert rows["Median peak memory of the benchmark run"][side].raw == median(peaks)


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


def test_places_are_counted_by_who_is_closer_under_each_loss(fast: RunData) -> None:
    losses = fast.records["loss"]["losses"]
    for name in LOSSES.values():
        found = losses[name]["by_geography"]
        for place in list(found):
            del found[place]
        row = {"incumbent": 0.5, "delta": 0.0, "targets": 1}
        found.update({"39": {"candidate": 0.4, **row}, "3903": {"candidate": 0.5, **row}})
        found["0612"] = {"candidate": 0.6, **row}
    losses["pe_local_relative_v1"]["by_geography"]["39"]["candidate"] = 0.7
    page = page_of(fast)
    require_sourced(page, fast)
    table = tables(page)["Number of places where each file is closer"]
    counts = {(r[0].text, r[1].text): [cell.raw for cell in r[2:]] for r in table.rows}
    assert counts == {
        ("states", "broad loss"): [1, 0, 0],
        ("congressional districts", "broad loss"): [0, 1, 1],
        ("states", "PE's objective"): [0, 1, 0],
        ("congressional districts", "PE's objective"): [0, 1, 1],
    }
    ohio = next(row for row in tables(page)["Places"].rows if row[0].note == "39")
    assert (ohio[6].raw, ohio[7].raw) == (0.7, 0.5)


def test_the_runs_to_load_are_the_newest_of_every_comparison_first() -> None:
    def row(key: str, product: str, incumbent: str, state: str = "sealed") -> dict[str, str]:
        return {"key": key, "product": product, "incumbent_id": incumbent, "state": state}

    runs = pd.DataFrame(
        [
            row("a", FAST, SMALL, "broken"),
            row("b", FAST, SMALL),
            row("c", FAST, SMALL),
            row("d", "mp-national", SMALL),
            row("e", RICH, "psl-cps-2024"),
            row("f", RICH, BIG, "unsealed"),
        ]
    )
    assert wanted(runs) == ["b", "f", "c", "e"]
    assert wanted(pd.DataFrame()) == []


def test_runs_that_were_not_loaded_are_counted(fast: RunData) -> None:
    older = runs_frame([fast]).assign(key="another")
    page = local_page([fast], pd.concat([runs_frame([fast]), older]))
    assert tables(page)["Local runs"].note.startswith("1 more are on the page of all runs.")


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


def test_a_run_too_broken_to_tell_its_product_may_be_a_local_one(fast: RunData) -> None:
    lost = runs_frame([fast]).assign(state="broken", folder="lost", product=None, reason=None)
    page = local_page([], lost)
    (row,) = tables(page)["Local runs that cannot be read"].rows
    assert [cell.text for cell in row] == ["lost", "not known", "no reason is known"]
    assert "There is no run of mp-local-rich" in texts(page)
    half = lost.assign(product=RICH)
    assert "No run of mp-local-rich or mp-local-fast can be read" in texts(local_page([], half))


def test_links_lead_into_the_run(fast: RunData) -> None:
    found = {(link.page, link.params.get("run")) for link in links(page_of(fast))}
    assert found >= {(page, fast.key) for page in ("targets", "microsim", "artifacts")}


def test_a_hostile_name_stays_text() -> None:
    run = sample_run(name="hostile", product=FAST, hostile=True)
    require_sourced(page_of(run), run)
