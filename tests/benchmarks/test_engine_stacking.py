"""Two files in one simulation: when not, what is written, and that each gets its own rows back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.engine.cache import Entry
from benchmarks.engine.stacking import (
    predicted_gb,
    split,
    stacked_sizes,
    why_apart,
    write_stacked,
)
from benchmarks.engine.subject import Subject
from schemas.dataset import ENTITIES, GROUP_ENTITIES, id_name, membership_name, open_dataset
from schemas.engine_metadata import variable_table
from schemas.writers import write_entity_tables, write_period_arrays
from tests.benchmarks.population import Columns, generated_households

IDS = [*map(id_name, ENTITIES), *map(membership_name, GROUP_ENTITIES)]
WRITERS: dict[str, Callable[..., None]] = {
    "period_arrays": write_period_arrays,
    "entity_tables": write_entity_tables,
}
# How the ids of a file lie: as generated, far below zero, huge and far apart.
SHIFTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as generated": lambda ids: ids,
    "negative": lambda ids: -3 * ids - 10_000,
    "huge": lambda ids: ids * 10**12 + 2**62,
}


def shifted(columns: Columns, how: str) -> Columns:
    return {name: SHIFTS[how](v) if name in IDS else v for name, v in columns.items()}


def subject(path: Path, columns: Columns, layout: str = "period_arrays") -> Subject:
    WRITERS[layout](path, columns, 2024)
    return Subject(open_dataset(path))


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Subject]]:
    """Return a function that writes files of other households and sizes with the given ids."""

    def write(*how: str, layout: str = "period_arrays") -> list[Subject]:
        return [
            subject(
                tmp_path / f"{place}.h5",
                shifted(generated_households(12 + 5 * place, seed=place), each),
                layout,
            )
            for place, each in enumerate(how)
        ]

    return write


@pytest.mark.parametrize("layout", WRITERS)
@pytest.mark.parametrize("second", SHIFTS)
@pytest.mark.parametrize("first", SHIFTS)
def test_each_file_gets_its_own_rows_back(
    files: Callable[..., list[Subject]], tmp_path: Path, layout: str, first: str, second: str
) -> None:
    subjects = files(first, second, first, layout=layout)
    write_stacked(tmp_path / "stacked.h5", subjects)
    stacked = open_dataset(tmp_path / "stacked.h5")
    assert (stacked.layout, stacked.period) == (layout, 2024)
    assert stacked.variables == subjects[0].dataset.variables
    arrays = {name: stacked.read(name) for name in stacked.variables}
    table = variable_table()
    parts = split(arrays, {name: table[name].entity for name in arrays}, subjects)
    for each, own in zip(subjects, parts, strict=True):
        for name in each.dataset.variables:
            values = each.dataset.read(name)
            if name in IDS:
                assert len(np.unique(own[name] - values)) == 1  # moved as a whole
            else:
                np.testing.assert_array_equal(own[name], values, err_msg=name)
                assert own[name].dtype == values.dtype
    for entity in ENTITIES:
        assert len(np.unique(arrays[id_name(entity)])) == stacked_sizes(subjects)[entity]
        assert stacked.size_of(entity) == stacked_sizes(subjects)[entity]
        assert arrays[id_name(entity)].min() == 0


def members(each: Subject) -> dict[str, np.ndarray]:
    return each.result(Entry({}, {}), [], cached=False).person_to


@pytest.mark.parametrize("layout", WRITERS)
def test_every_person_stays_in_its_own_groups(
    files: Callable[..., list[Subject]], tmp_path: Path, layout: str
) -> None:
    subjects = files("huge", "negative", layout=layout)
    write_stacked(tmp_path / "stacked.h5", subjects)
    found = members(Subject(open_dataset(tmp_path / "stacked.h5")))
    one, two = map(members, subjects)
    for group in GROUP_ENTITIES:
        start = subjects[0].dataset.size_of(group)
        np.testing.assert_array_equal(
            found[group], np.concatenate([one[group], two[group] + start])
        )


def test_rows_are_split_in_the_order_of_the_files(files: Callable[..., list[Subject]]) -> None:
    subjects = files("as generated", "as generated")
    sizes = [each.dataset.size_of("household") for each in subjects]
    people = [each.dataset.size_of("person") for each in subjects]
    arrays = {"snap@2024-01": np.arange(sum(sizes)), "age": np.arange(sum(people))}
    one, two = split(arrays, {"snap@2024-01": "household", "age": "person"}, subjects)
    assert one["snap@2024-01"].tolist() == list(range(sizes[0]))
    assert two["snap@2024-01"].tolist() == list(range(sizes[0], sum(sizes)))
    assert (len(one["age"]), two["age"][0], two["age"][-1]) == (
        people[0],
        people[0],
        arrays["age"][-1],
    )


def test_alike_files_may_share_a_simulation(files: Callable[..., list[Subject]]) -> None:
    assert why_apart(files("as generated")) == ""
    assert why_apart(files("as generated", "huge", "negative")) == ""


def with_county(columns: Columns) -> Columns:
    return columns | {"county_fips": np.full(len(columns["household_id"]), 36061)}


def without_assets(columns: Columns) -> Columns:
    return {name: v for name, v in columns.items() if not name.endswith("_assets")}


def whole_ages(columns: Columns) -> Columns:
    return columns | {"age": columns["age"].astype(np.int64)}


def unknown_rows(columns: Columns) -> Columns:
    return columns | {"mystery": np.arange(3)}


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (dict, with_county, "one file has counties and the other has none"),
        (with_county, dict, "one file has counties and the other has none"),
        (dict, without_assets, "only one file holds bank_account_assets, stock_assets: "),
        (without_assets, dict, "only one file holds bank_account_assets, stock_assets: "),
        (dict, whole_ages, "age is of another type in each file"),
        (unknown_rows, unknown_rows, "nobody knows whose rows mystery has"),
    ],
)
def test_files_that_differ_are_simulated_apart(
    tmp_path: Path, first: Any, second: Any, why: str
) -> None:
    one = subject(tmp_path / "one.h5", first(generated_households(9)))
    two = subject(tmp_path / "two.h5", second(generated_households(14, seed=1)))
    assert why_apart([one, two]).startswith(why)
    assert why_apart([one, one, two]).startswith(why)


def test_another_layout_or_year_is_simulated_apart(tmp_path: Path) -> None:
    columns = generated_households(9)
    one = subject(tmp_path / "one.h5", columns)
    tables = subject(tmp_path / "tables.h5", columns, "entity_tables")
    write_period_arrays(tmp_path / "older.h5", columns, 2023)
    older = Subject(open_dataset(tmp_path / "older.h5"))
    assert why_apart([one, tables]) == "the files differ in layout"
    assert why_apart([one, older]) == "the files differ in period"


@pytest.mark.parametrize("place", [0, 1])
def test_values_of_other_periods_are_simulated_apart(
    files: Callable[..., list[Subject]], place: int
) -> None:
    subjects = files("as generated", "huge")
    path = subjects[place].dataset.path
    with h5py.File(path, "a") as h5:
        h5["age/2023"] = h5["age/2024"][()]
    subjects[place] = Subject(open_dataset(path))
    assert why_apart(subjects) == "age is stored for other periods than 2024"


SIZES = st.integers(0, 200_000)


@given(SIZES, SIZES, st.integers(1, 16), st.integers(1, 16))
def test_more_rows_and_more_children_need_more_memory(
    fewer: int, more: int, few: int, many: int
) -> None:
    fewer, more = sorted((fewer, more))
    few, many = sorted((few, many))
    assert 0 < predicted_gb(fewer, few) <= predicted_gb(more, many)
    if fewer < more:
        assert predicted_gb(fewer, few) < predicted_gb(more, few)
    if few < many and more:
        assert predicted_gb(more, few) < predicted_gb(more, many)


def test_the_embedded_pair_fits_the_default_ceiling_and_the_large_pair_the_stated_one() -> None:
    assert predicted_gb(8_000, 1) < 6
    assert predicted_gb(40_000, 1) <= 16
