"""The local page says, clause by clause and record by record, what is there and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from local_runs import BIG, FAST, FAST_SMALL, RICH, RICH_BIG, SMALL, page_of, without_runs
from sample_runs import sample_run
from shown_pages import tables
from view_checks import rows_of

from baselines.registry import load_baseline
from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.local_pairs import pairs_of
from gates.release.contents import load_contents
from schemas.bundle import BundleError

GATES = 8
_ROOT = Path(__file__).resolve().parents[2]
POLICIES = sorted((_ROOT / "gates" / "policy").glob("*.json"))
SUITES = sorted((_ROOT / "benchmarks" / "suites").glob("*.json"))


@pytest.fixture
def fast() -> RunData:
    return sample_run(name="fast", product=FAST)


@pytest.fixture
def rich() -> RunData:
    return sample_run(name="rich", product=RICH, incumbent=BIG, absent=["loss", "runtime"])


def test_what_the_project_itself_lacks_is_named_until_a_local_run_is_judged(
    fast: RunData,
) -> None:
    table = tables(without_runs())["Before any local run"]
    assert {row[1].text for row in table.rows} == {"missing"}
    assert "Before any local run" not in tables(page_of(fast))
    # each row is true of this project, and goes when it is not any more
    for product in (FAST, RICH):
        with pytest.raises(BundleError, match="nothing says what a bundle"):
            load_contents(product)
    policies = [json.loads(file.read_text()) for file in POLICIES]
    assert {policy["product"] for policy in policies} == {"mp-national"}
    suites = [json.loads(file.read_text()) for file in SUITES]
    assert {level for each in suites for level in each["targets"]["geography_levels"]} == {
        "national", "state"
    }  # fmt: skip
    for incumbent in (SMALL, BIG):
        assert not any(load_baseline(incumbent)["pins"].values())
    workloads = json.loads((_ROOT / "benchmarks" / "runtime.json").read_text())["workloads"]
    assert not [each["id"] for each in workloads if "geograph" in each["id"]]
    assert not (_ROOT / "builder" / "local").exists()


def test_without_any_run_every_pin_of_the_plan_is_asked_for() -> None:
    page = without_runs()
    for title in ("Missing records", "Local release gates"):
        said = " ".join(cell.text for row in tables(page)[title].rows for cell in row)
        for pin in ("source commit", "weight files", "target database path and sha256",
                    "objective definition", "exact target subset"):  # fmt: skip
            assert pin in said, (title, pin)


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
    assert rows["2", FAST_SMALL][3].status == "unmeasured"
    assert "objective definition and exact target subset" in rows["2", FAST_SMALL][4].text
    assert rows["3", FAST_SMALL][3].text == "measured, not judged"
    assert "local objective" in rows["1", "PE small-L0"][4].text
    assert rows["5", FAST][4].text == NOTHING
    assert "one geography" in rows["6", FAST_SMALL][4].text
    stages = fast.records["stages"]["stages"]
    assert rows["7", FAST][2].raw == pytest.approx(sum(s["wall_s"] for s in stages) / 3600)
    assert "scoring" in rows["8", FAST][4].text
    assert "export" not in rows["8", FAST][4].text
    assert {cell.status for row in table.rows for cell in row} <= {None, "unmeasured"}


def test_the_objective_counts_only_on_the_incumbents_own_targets(fast: RunData) -> None:
    def missing() -> str:
        table = tables(page_of(fast))["Local release gates"]
        rows = (row for row in table.rows if row[0].text.startswith("2"))
        return next(row[4].text for row in rows if row[1].text == FAST_SMALL)

    pinned = {"objective": "mean squared relative error", "target_subset_sha256": "0" * 64}
    fast.records["baseline"]["local"] = {**pinned, "weight_files": []}
    assert missing().endswith("other targets were kept")
    kept = fast.records["loss"]["kept"]["sha256"]
    fast.records["baseline"]["local"]["target_subset_sha256"] = kept
    assert missing() == NOTHING
    fast.records["baseline"]["local"]["objective"] = None
    assert "objective definition: not pinned" in missing()


def test_a_held_out_split_without_geography_lacks_one(fast: RunData) -> None:
    groups = fast.records["loss"]["held_out"]["groups"]
    for group in groups:
        group["kind"] = "income_program"
    table = tables(page_of(fast))["Local release gates"]
    row = next(row for row in table.rows if row[0].text.startswith("5") and row[1].text == FAST)
    assert row[4].text == "held-out groups of a geography family"


def test_both_kinds_must_be_held_out_in_every_run(fast: RunData) -> None:
    other = sample_run(name="other", product=FAST, incumbent=BIG)
    for run, kind in ((fast, "geography"), (other, "income_program")):
        for group in run.records["loss"]["held_out"]["groups"]:
            group["kind"] = kind
    table = tables(page_of(fast, other))["Local release gates"]
    row = next(row for row in table.rows if row[0].text.startswith("5") and row[1].text == FAST)
    assert row[4].text.startswith("held-out groups of a geography family and")


def test_an_incumbent_is_one_file_in_every_comparison(fast: RunData) -> None:
    other = sample_run(name="other", product=RICH, incumbent=SMALL)

    def missing() -> str:
        table = tables(page_of(fast, other))["Local release gates"]
        return next(row[4].text for row in table.rows if row[1].text == "PE small-L0")

    assert "one identity" not in missing()
    other.records["baseline"]["pins"]["h5_sha256"] = "f" * 64
    assert "one identity: the runs compare with different files" in missing()


def test_a_product_that_was_built_needs_no_builder_but_another_run(fast: RunData) -> None:
    table = tables(page_of(fast))["Missing records"]
    rows = {row[0].text: row for row in reversed(table.rows)}
    against_big = rows["mp-local-fast against PE big-L0"]
    assert against_big[1].text == f"a run of {FAST} against {BIG}"
    assert "no builder" not in against_big[2].text
    assert f"no builder of {RICH} exists yet" in rows[RICH_BIG][2].text


def test_a_lead_within_noise_is_marked(fast: RunData) -> None:
    losses = fast.records["loss"]["losses"]
    losses["pe_local_relative_v1"]["within_noise"] = True
    losses["broad_relative_v1"]["within_noise"] = False
    losses["broad_relative_v1"]["held_out"]["within_noise"] = True
    row = rows_of(tables(page_of(fast))["Comparisons"])[FAST_SMALL]
    notes = {name: row[name].note for name in ("Broad loss", "PE's objective", "Held-out loss")}
    assert notes == {
        "Broad loss": "",
        "PE's objective": "within noise",
        "Held-out loss": "within noise",
    }
    table = tables(page_of(fast))["Local release gates"]
    noisy = [row[0].text[:1] for row in table.rows if row[2].note.endswith("within noise")]
    assert noisy == ["2", "4"]


def test_stages_from_a_checkpoint_prove_no_rebuild(fast: RunData) -> None:
    for stage in fast.records["stages"]["stages"]:
        stage["reused"] = stage["id"] == "donors"
    table = tables(page_of(fast))["Local release gates"]
    row = next(row for row in table.rows if row[0].text.startswith("7"))
    assert row[4].text.endswith("stages taken from checkpoints: donors")
