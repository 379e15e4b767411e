"""Published tables replayed: the four losses by hand, blocks, families, roles and drops."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.targets import load_targets
from benchmarks.scoring import table
from benchmarks.scoring.compare import compare
from benchmarks.scoring.losses import loss_definitions
from benchmarks.scoring.table import NO_HOUSEHOLDS, table_record
from benchmarks.suite import load_suite
from schemas.errors import MeasureError
from schemas.records import validate
from tests.benchmarks.score_tables import NEEDED, Cells, write
from tests.benchmarks.scoring_fakes import evidence

SSI_VALUE = "us.ssa.ssi.federal_payments.amount.total"
FIGURES = ("target_id", "target", "candidate", "incumbent")
BY_HAND: tuple[Cells, ...] = (
    ("nation/a", 99, 109, 99),
    ("nation/b", -51, -41, -61),
    ("state/CA/c", 199, 699, 219),
)


SUITE, FACTS = load_suite(), load_targets()


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read suite and registry once for all tests."""
    monkeypatch.setattr(table, "load_suite", lambda: SUITE)
    monkeypatch.setattr(table, "load_targets", lambda: FACTS)


def replayed(folder: Path, rows: Sequence[Cells], *more: str) -> dict[str, Any]:
    """Return the valid loss record of a table with the needed and `more` columns."""
    record = table_record(write(folder / "table.csv", rows, (*NEEDED, *more)))
    validate(record, "loss_record")
    return record


def sides(record: Mapping[str, Any], loss: str) -> tuple[float, float]:
    found = record["losses"][loss]
    assert found["delta"] == pytest.approx(found["candidate"] - found["incumbent"], abs=1e-12)
    return found["candidate"], found["incumbent"]


def own(folder: Path, name: str, *cells: Any, columns: Sequence[str] = ()) -> dict[str, Any]:
    return replayed(folder, [(name, *cells)], *columns)["targets"][0]


def test_native_is_half_national_half_other_with_the_published_shift(tmp_path: Path) -> None:
    ours = 0.5 * ((11 / 100) ** 2 + (11 / -50) ** 2) / 2 + 0.5 * (501 / 200) ** 2
    theirs = 0.5 * ((1 / 100) ** 2 + (-9 / -50) ** 2) / 2 + 0.5 * (21 / 200) ** 2
    found = sides(replayed(tmp_path, BY_HAND), "native_ecps_v1")
    assert found == pytest.approx((ours, theirs), rel=1e-14)


def test_broad_is_capped_and_its_groups_are_family_and_level(tmp_path: Path) -> None:
    ours = 0.5 * ((10 / 99) ** 2 + (10 / 51) ** 2) / 2 + 0.5 * 1
    theirs = 0.5 * (0 + (10 / 51) ** 2) / 2 + 0.5 * (20 / 199) ** 2
    found = sides(replayed(tmp_path, BY_HAND), "broad_relative_v1")
    assert found == pytest.approx((ours, theirs), rel=1e-14)


def test_huber_weighs_by_size_within_block_and_unit(tmp_path: Path) -> None:
    big, small = 99 + 0.02 * 75, 51 + 0.02 * 75
    ours = 0.5 * 0.5 * ((10 / big) ** 2 * big + (10 / small) ** 2 * small) / (big + small)
    theirs = 0.5 * 0.5 * (10 / small) ** 2 * small / (big + small)
    scale = 199 * 1.02
    ours += 0.5 * (500 / scale - 0.5)
    theirs += 0.5 * 0.5 * (20 / scale) ** 2
    found = sides(replayed(tmp_path, BY_HAND), "robust_huber_v1")
    assert found == pytest.approx((ours, theirs), rel=1e-14)


def test_local_sums_the_group_means(tmp_path: Path) -> None:
    ours = (0.1**2 + 0.2**2) / 2 + 2.5**2
    theirs = (0 + 0.2**2) / 2 + 0.1**2
    found = sides(replayed(tmp_path, BY_HAND), "pe_local_relative_v1")
    assert found == pytest.approx((ours, theirs), rel=1e-14)


def test_record_says_what_a_table_is(tmp_path: Path) -> None:
    record = replayed(tmp_path, BY_HAND)
    assert (record["wins"], record["losses_count"], record["ties"]) == (0, 2, 1)
    assert record["median_error"]["incumbent"] == pytest.approx(20 / 199)
    assert record["share_within_10pct"] == {"candidate": 0, "incumbent": pytest.approx(1 / 3)}
    assert record["source"]["kind"] == "table"
    assert record["suite"] is None
    assert record["noise"]["method"] is None
    assert record["noise"]["reason"] == NO_HOUSEHOLDS
    assert record["held_out"] is None
    assert {each["role"] for each in record["targets"]} == {"none"}
    assert {each["basis"] for each in record["aggregates"].values()} == {"none"}


def test_published_labels_are_left_out_of_the_native_loss_only(tmp_path: Path) -> None:
    dropped = loss_definitions()["native_ecps_v1"].parameters["dropped_targets"]
    labels = [each for each in dropped if each.startswith(("nation/", "state/"))]
    assert len(labels) == 10
    assert labels[-1] == "state/RI/adjusted_gross_income/amount/-inf_1"
    rows = [("nation/a", 99, 109, 99), *((name, 100, 1e6, 100) for name in labels)]
    record = replayed(tmp_path, rows)
    assert sides(record, "native_ecps_v1") == pytest.approx((0.11**2, 0.01**2))
    assert record["losses"]["native_ecps_v1"]["dropped"] == sorted(labels)
    assert record["kept"]["count"] == 11
    assert record["losses"]["broad_relative_v1"]["dropped"] == []


def published_history() -> list[Cells]:
    """Return 3,704 rows of which 2,613 are lost, 1,040 won, and ten carry 65 % of native loss."""
    figures = [(1_150, 1_080)] * 2_613 + [(1_050, 1_100)] * 1_030 + [(1_100, 1_100)] * 51
    rows: list[Cells] = [(f"tail/{i}", 1_000, 1_100, 3_645, "tail", "national") for i in range(10)]
    for i, (ours, theirs) in enumerate(figures):
        rows.append((f"row/{i}", 1_000, ours, theirs, "", "national" if i % 3 else "state"))
    return rows


def test_a_win_by_ten_rows_is_seen_as_one(tmp_path: Path) -> None:
    record = replayed(tmp_path, published_history(), "family", "scope")
    assert (record["wins"], record["losses_count"], record["ties"]) == (1_040, 2_613, 51)
    ours, theirs = sides(record, "native_ecps_v1")
    assert ours < theirs
    national = sum(each["geography_level"] == "national" for each in record["targets"])
    tail = 10 * 0.5 / national * (2_646 / 1_001) ** 2
    assert tail / theirs == pytest.approx(0.65, abs=0.02)
    assert record["losses"]["broad_relative_v1"]["delta"] < 0
    assert record["headline_agrees"] is False
    assert record["top_10_share"]["incumbent"] > 0.65
    assert record["losses"]["native_ecps_v1"]["top_10_share"]["incumbent"] > 0.65
    assert record["median_error"]["candidate"] > record["median_error"]["incumbent"]
    assert {each["name"] for each in record["top_wins"]} == {f"tail/{i}" for i in range(10)}


def suite_comparison() -> dict[str, Any]:
    """Return the loss record of two made-up evidences on the whole default suite."""
    suite, rng = SUITE, np.random.default_rng(5)
    found = []
    for spread in (0.2, 0.3):
        errors = rng.normal(1, spread, len(suite.targets))
        estimates = {
            target.target_id: float(target.value * error)
            for target, error in zip(suite.targets, errors, strict=True)
        }
        record = evidence(estimates)
        found.append({**record, "suite": {"id": suite.id, "sha256": suite.sha256}})
    return compare(found[0], found[1], suite)


@pytest.mark.parametrize("words", [True, False])
def test_our_ids_give_the_losses_of_the_comparison_they_came_from(
    tmp_path: Path, words: bool
) -> None:
    record = suite_comparison()
    rows = [
        (
            *(repr(each[key]) if key != "target_id" else each[key] for key in FIGURES),
            each["geography_level"],
            each["unit"],
            each["family"],
        )
        for each in record["targets"]
    ]
    more = ("scope", "unit", "family") if words else ()
    again = replayed(tmp_path, [row[: 4 + len(more)] for row in rows], *more)
    for name, loss in record["losses"].items():
        for key in ("candidate", "incumbent", "delta"):
            assert again["losses"][name][key] == pytest.approx(loss[key], abs=1e-12)
        assert again["losses"][name]["held_out"] == pytest.approx(loss["held_out"], abs=1e-12)
    assert again["held_out"] == record["held_out"]
    assert again["kept"] == record["kept"]
    for kind in ("families", "aggregates"):
        judged = {k: v for k, v in record[kind].items() if v["basis"] == "targets"}
        assert judged == {name: again[kind][name] for name in judged}
        assert len(judged) == 9
        assert again[kind]["household_net_income"]["basis"] == "none"


@pytest.mark.parametrize(
    ("name", "scope", "level", "place"),
    [
        ("nation/irs/eitc/returns/AL", "", "national", "US"),
        ("nation/irs/eitc/returns/AL", "State", "state", "other"),
        ("state/CA/adjusted_gross_income", "", "state", "CA"),
        ("state/CA/adjusted_gross_income", "NATIONAL", "national", "US"),
        ("state/census/age/AL", "", "other", "other"),
        ("US06/snap-cost", "", "state", "06"),
        ("0400000US36/snap-cost", "", "state", "36"),
        ("a nation/x", "", "other", "other"),
        ("other/x", "congressional_district", "congressional_district", "other"),
    ],
)
def test_block_by_column_or_prefix(
    tmp_path: Path, name: str, scope: str, level: str, place: str
) -> None:
    rows = [(name, 9, 19, 9, scope), ("nation/y", 9, 9, 9, ""), ("z", 9, 9, 9, "x")]
    record = replayed(tmp_path, rows, "scope")
    found = record["targets"][0]
    assert (found["geography_level"], found["geography_id"]) == (level, place)
    # Two of the three rows share the block of the first: its term is a quarter of the loss.
    ours = 0.5 * (1.1**2 + 0.1**2) / 2 + 0.5 * 0.1**2
    assert sides(record, "native_ecps_v1")[0] == pytest.approx(ours)


@pytest.mark.parametrize(
    ("word", "unit"),
    [
        ("usd", "usd"),
        ("Dollars", "usd"),
        ("people", "persons"),
        ("recipients", "recipients"),
        ("tax_units", "returns"),
        ("households", "households"),
        ("", "other"),
    ],
)
def test_words_for_units(tmp_path: Path, word: str, unit: str) -> None:
    assert own(tmp_path, "x", 9, 9, 9, word, columns=["unit"])["unit"] == unit


def test_families_are_declared_words_and_never_parts_of_names(tmp_path: Path) -> None:
    rows = [
        ("nation/irs/mortgage interest deductions/total", 1e9, 1.5e9, 1e9, "usd", ""),
        ("nation/irs/rent and royalty net income/total", 1e9, 2e9, 1e9, "usd", "rents"),
        ("nation/irs/assisted", 1e9, 2e9, 1e9, "usd", "ssi_like"),
        ("nation/anything", 1e9, 1.2e9, 1e9, "usd", "Interest"),
        ("nation/net", 1e9, 1.2e9, 1e9, "usd", "household_net_income"),
    ]
    families = replayed(tmp_path, rows, "unit", "family")["families"]
    held = {name: each["targets"] for name, each in families.items() if each["targets"]}
    assert held == {"interest": ["nation/anything"]}
    assert families["interest"]["candidate"] == pytest.approx(0.04)
    assert families["household_net_income"]["basis"] == "none"
    assert len(families) == 10


def test_our_ids_take_everything_but_the_figure_from_the_registry(tmp_path: Path) -> None:
    fact = next(
        t for t in load_targets() if t.target_id == "us.ssa.ssi.federal_payments.amount.total"
    )
    found = own(tmp_path, fact.target_id, 5e10, 5e10, 6e10)
    assert found["target"] == 5e10
    assert (found["unit"], found["family"], found["source"]) == ("usd", "ssi", fact.source_agency)
    record = table_record(tmp_path / "table.csv")
    assert record["aggregates"]["ssi_value"]["incumbent_error"] == pytest.approx(0.2)
    assert record["families"]["ssi"]["targets"] == [fact.target_id]


def test_a_held_out_group_is_held_out_in_a_table(tmp_path: Path) -> None:
    held = next(t for t in SUITE.targets if SUITE.scheme.roles[t.target_id] == "held_out")
    record = replayed(tmp_path, [(held.target_id, held.value, held.value, 2 * held.value)])
    assert record["held_out"]["worst"] == held.holdout_group
    assert record["losses"]["broad_relative_v1"]["held_out"]["incumbent"] > 0


@pytest.mark.parametrize(
    ("column", "word"), [("unit", "persons"), ("family", "wages"), ("scope", "state")]
)
def test_a_word_against_the_registry_is_refused(tmp_path: Path, column: str, word: str) -> None:
    row = (SSI_VALUE, 1, 1, 1, word)
    path = write(tmp_path / "t.csv", [row], (*NEEDED, column))
    with pytest.raises(MeasureError, match=rf"row 2: {column} is {word}, but us.ssa"):
        table_record(path)


def test_zero_targets_and_empty_estimates_are_dropped_with_their_reason(tmp_path: Path) -> None:
    rows = [*BY_HAND, ("z", 0.1, 1, 1), ("c", 5, "", 1), ("i", 5, 1, ""), ("n", 5, "", "")]
    record = replayed(tmp_path, rows)
    assert record["kept"]["target_ids"] == ["nation/a", "nation/b", "state/CA/c"]
    assert {each["target_id"]: each["reason"] for each in record["dropped"]} == {
        "z": "zero: within 0.1 of it, where a relative error is undefined",
        "c": "no estimate of the candidate",
        "i": "no estimate of the incumbent",
        "n": "no estimate of the candidate; no estimate of the incumbent",
    }
    assert record["losses"] == replayed(tmp_path, BY_HAND)["losses"]


def test_the_record_is_finite_at_the_largest_figures(tmp_path: Path) -> None:
    record = replayed(tmp_path, [("nation/x", 0.2, 1e30, -1e30), ("y", -1.0000001, 1e30, 1)])
    json.dumps(record, allow_nan=False)
    assert math.isfinite(record["losses"]["native_ecps_v1"]["candidate"])


def test_rows_counted_in_a_dataset_do_not_gate(tmp_path: Path) -> None:
    """They stay in the native loss, or published figures could not be reproduced."""
    counted = ("nation/source/cps_household_count", 100, 100, 50)
    with_them, without = replayed(tmp_path, [*BY_HAND, counted]), replayed(tmp_path, BY_HAND)
    assert with_them["losses"]["broad_relative_v1"]["dropped"] == [counted[0]]
    assert sides(with_them, "broad_relative_v1") == sides(without, "broad_relative_v1")
    assert sides(with_them, "native_ecps_v1") != sides(without, "native_ecps_v1")
