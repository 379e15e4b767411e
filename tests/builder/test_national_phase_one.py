"""Totals of a frame: equal to counts by hand, whatever the order of the records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.scoring.kernel import estimates
from builder.frame import Frame
from builder.national.phase_one import TABLES_FILE, PhaseOne, phase_one
from schemas.dataset import GROUP_ENTITIES, id_name, membership_name
from schemas.errors import RecordError
from schemas.records import read_record

WAGES, OWN = "employment_income_before_lsr", "self_employment_income_before_lsr"
PENSION = "taxable_private_pension_income"
UNITS = (
    # household, its weight, state, then (role, age, wages, self-employment, pension) per member
    (1, 10.0, 6, (("HEAD", 40, 12_000, 0, 0), ("DEPENDENT", 8, 0, 0, 0))),
    (1, 10.0, 6, (("HEAD", 22, 4_000, -9_000, 0),)),
    (2, 20.0, 48, (("HEAD", 35, 30_000, 5_000, 0), ("SPOUSE", 33, 30_000, 0, 700))),
    (3, 30.0, 6, (("HEAD", 70, 0, 0, 9_000), ("DEPENDENT", 30, 0, 0, 0))),
    (4, 40.0, 1, (("HEAD", 50, 49_999, 0, 0), *((("DEPENDENT", 18, 0, 0, 0),) * 4))),
)


def _frame(units: Any = UNITS) -> Frame:
    """Return the frame of units in the given order; households in the order of first sight."""
    rows = [(number, unit, person) for number, unit in enumerate(units) for person in unit[3]]
    homes = list(dict.fromkeys(unit[0] for unit in units))
    first = {home: next(unit for unit in units if unit[0] == home) for home in homes}
    columns: dict[str, np.ndarray] = {"person_id": np.arange(len(rows)) + 1}
    for entity in GROUP_ENTITIES:
        whole = entity == "household"
        group = [homes.index(unit[0]) if whole else number for number, unit, _ in rows]
        columns[id_name(entity)] = np.unique(group) + 1
        columns[membership_name(entity)] = np.array(group) + 1
    for place, name in enumerate(("tax_unit_role_input", "age", WAGES, OWN, PENSION)):
        columns[name] = np.array([person[place] for _, _, person in rows])
    columns["household_weight"] = np.array([first[home][1] for home in homes])
    columns["state_fips"] = np.array([first[home][2] for home in homes])
    return Frame(columns, 2024, np.full(len(homes), "psl-cps"), np.array(homes))


def _tables(folder: Path, **changes: Any) -> Path:
    path = folder / "tables.json"
    path.write_text(json.dumps(read_record(TABLES_FILE, "phase_one") | changes))
    return path


def _totals(found: PhaseOne, frame: Frame) -> dict[str, float]:
    sums = estimates(found.matrix, frame.weights)
    return {n: v for n, v in zip(found.names, sums.tolist(), strict=True) if v}


def test_units_by_earnings_children_and_joint_are_counted_by_hand(tmp_path: Path) -> None:
    frame = _frame()
    tables = [{"id": "t", "by": ["earnings", "children", "joint"], "of": ["units"]}]
    found = _totals(phase_one(frame, _tables(tmp_path, tables=tables)), frame)
    assert found == {
        "units.count.earnings_3.children_1.joint_0": 10.0,  # 12,000 and one child
        "units.count.earnings_1.children_0.joint_0": 10.0,  # 4,000, its loss left aside
        "units.count.earnings_10.children_0.joint_1": 20.0,  # 65,000 is the last bound
        "units.count.earnings_0.children_0.joint_0": 30.0,  # a dependent of 30 is no child
        "units.count.earnings_8.children_3.joint_0": 40.0,  # four children count as three
    }


def test_pensions_by_state_have_recipients_and_dollars(tmp_path: Path) -> None:
    frame = _frame()
    tables = [{"id": "t", "by": ["state"], "of": [PENSION]}]
    found = _totals(phase_one(frame, _tables(tmp_path, tables=tables)), frame)
    assert found == {
        f"{PENSION}.count.state_48": 20.0,
        f"{PENSION}.count.state_6": 30.0,
        f"{PENSION}.usd.state_48": 20 * 700.0,
        f"{PENSION}.usd.state_6": 30 * 9_000.0,
    }


def test_low_earners_have_less_than_the_bound_and_more_than_nothing(tmp_path: Path) -> None:
    frame = _frame()
    tables = [{"id": "t", "by": ["state", "children"], "of": ["low_earners"]}]
    found = _totals(phase_one(frame, _tables(tmp_path, tables=tables)), frame)
    assert found == {
        "low_earners.count.state_6.children_1": 10.0,
        "low_earners.count.state_6.children_0": 10.0,
        "low_earners.count.state_1.children_3": 40.0,
        "low_earners.usd.state_6.children_1": 120_000.0,
        "low_earners.usd.state_6.children_0": 40_000.0,
        "low_earners.usd.state_1.children_3": 40 * 49_999.0,
    }


def test_income_bands_use_the_incomes_of_the_record(tmp_path: Path) -> None:
    frame = _frame()
    tables = [{"id": "t", "by": ["income"], "of": ["units"]}]
    bands = {"earnings": [1], "income": [1, 10_000, 60_000]}
    path = _tables(tmp_path, tables=tables, bands=bands, income={WAGES: 1.0, PENSION: 0.5})
    assert _totals(phase_one(frame, path), frame) == {
        "units.count.income_1": 40.0,  # 4,000 of wages; half of 9,000 of pension
        "units.count.income_2": 50.0,
        "units.count.income_3": 20.0,
    }


def test_the_columns_are_the_same_for_every_frame_and_order() -> None:
    found, other = phase_one(_frame()), phase_one(_frame(UNITS[2:]))
    assert found.names == other.names
    assert found.tables == other.tables
    assert found.matrix.shape == (4, len(found.names))
    assert len(set(found.names)) == len(found.names)
    turned = _frame(UNITS[::-1])
    assert _totals(phase_one(turned), turned) == _totals(found, _frame())


def test_a_household_contributes_what_its_units_have() -> None:
    found = phase_one(_frame())
    column = found.names.index("units.count.earnings_3.children_1.joint_0")
    assert found.matrix[:, column].toarray().ravel().tolist() == [1.0, 0.0, 0.0, 0.0]
    frame = _frame()
    doubled = replace(frame, columns={**frame.columns, "household_weight": 2 * frame.weights})
    assert (phase_one(doubled).matrix != found.matrix).nnz == 0


def test_every_column_belongs_to_a_table_of_one_kind() -> None:
    found, record = phase_one(_frame()), read_record(TABLES_FILE, "phase_one")
    ids = {each["id"] for each in record["tables"]}
    for name, table in zip(found.names, found.tables, strict=True):
        parts = table.rsplit(".", 2)
        assert parts[0] in ids
        assert name.startswith(f"{parts[1]}.{parts[2]}.")


@pytest.mark.parametrize("by", [["county"], [], ["state", "state"]])
def test_tables_by_what_nobody_knows_are_refused(tmp_path: Path, by: list[str]) -> None:
    tables = [{"id": "t", "by": by, "of": ["units"]}]
    with pytest.raises(RecordError):
        phase_one(_frame(), _tables(tmp_path, tables=tables))
