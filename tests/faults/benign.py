"""Benign rewrites: the same population, or a legitimate variant of it, written in another way.

None may change a verdict. `same_content` says whether the logical hash must stay as well. It tells
kinds of values apart (an integer is no float, an index no name), though the engine reads them alike:
such rewrites are no faults, but they are other content. Negative ids are left out: no rule and no
run of the engine says that they are sound.
"""

# ruff: noqa: E501  (one line of the catalogue per rewrite)
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from schemas.dataset import ENTITIES, GROUP_ENTITIES, id_name, membership_name
from schemas.engine_metadata import variable_table
from tests.faults.benign_writers import (
    ARRAYS,
    TABLES,
    Writer,
    arrays,
    by_hand,
    copied,
    described,
    frames,
    indexed,
    low_level,
    repacked,
    rewritten,
    text_as,
    to_arrays,
    to_tables,
)
from tests.faults.model import LAYOUTS, Edit, Layout, all_of, change, drop, put, sound
from tests.small import HOUSEHOLDS, PERSONS, Columns

OFFSET = 10_000
COPIED = 6
PLAIN: dict[Layout, Writer] = {ARRAYS: arrays, TABLES: frames}


@dataclass(frozen=True)
class Benign:
    """One rewrite of `start`: an edit of its columns, a writer of its own, or both."""

    id: str
    what: str
    edit: Edit = lambda columns: None
    writers: Mapping[Layout, Writer] = field(default_factory=lambda: PLAIN)
    same_content: bool = True
    start: Callable[[], Columns] = sound
    file_name: str = "rewritten.h5"


def rewrite(entry: Benign, layout: Layout, folder: Path) -> Path:
    """Write one rewrite in one layout and return its path."""
    columns = entry.start()
    entry.edit(columns)
    path = folder / entry.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    entry.writers[layout](path, columns)
    return path


def entity_of(name: str) -> str:
    return variable_table()[name].entity


def take(rows: Mapping[str, np.ndarray]) -> Edit:
    """Keep the given rows of each entity that is named, in the given order."""

    def edit(columns: Columns) -> None:
        for name, values in columns.items():
            if entity_of(name) in rows:
                columns[name] = values[rows[entity_of(name)]]

    return edit


def shuffle(*entities: str) -> Edit:
    random = np.random.default_rng(3)
    sizes = {entity: PERSONS if entity == "person" else HOUSEHOLDS for entity in entities}
    return take({entity: random.permutation(size) for entity, size in sizes.items()})


def renumber(new: Callable[[np.ndarray], np.ndarray], *entities: str) -> Edit:
    """Give the entities other ids; memberships follow."""

    def edit(columns: Columns) -> None:
        for entity in entities or ENTITIES:
            names = [id_name(entity), membership_name(entity)][: 1 + (entity != "person")]
            old = columns[names[0]]
            ids = new(old)
            order = np.argsort(old)
            for name in names:
                columns[name] = ids[order][np.searchsorted(old[order], columns[name])]

    return edit


def permuted(ids: np.ndarray) -> np.ndarray:
    return np.random.default_rng(5).permutation(ids)


def ids_as(kind: str, *, members: str | None = None) -> Edit:
    """Store ids, and memberships, in integers of another width."""

    def edit(columns: Columns) -> None:
        for entity in ENTITIES:
            columns[id_name(entity)] = columns[id_name(entity)].astype(kind)
        for entity in GROUP_ENTITIES:
            name = membership_name(entity)
            columns[name] = columns[name].astype(members or kind)

    return edit


def cast(value_type: str, kind: Any) -> Edit:
    """Store every variable of an engine type in another kind of number."""

    def edit(columns: Columns) -> None:
        for name, values in columns.items():
            wanted = variable_table()[name].value_type == value_type and values.dtype.kind in "biuf"
            if wanted and not name.endswith("_id"):
                columns[name] = values.astype(kind)

    return edit


def whole_dollars_as(kind: str) -> Edit:
    """Store the float columns that hold whole numbers as integers."""

    def edit(columns: Columns) -> None:
        for name, values in columns.items():
            if values.dtype.kind == "f" and (values == values.round()).all():
                columns[name] = values.astype(kind)

    return edit


def negative_zero(columns: Columns) -> None:
    for name, values in columns.items():
        if values.dtype.kind == "f":
            columns[name] = np.where(values == 0, np.float32(-0.0), values)


def enums_as_index(columns: Columns) -> None:
    for name, values in columns.items():
        info = variable_table()[name]
        if info.value_type == "Enum" and info.enum:
            columns[name] = np.array([info.enum.index(each) for each in values.tolist()])


def with_zero_weights() -> Columns:
    """Return the sound columns and a few more households that nobody is counted for."""
    columns = sound()
    for name, values in columns.items():
        more = values[: 2 * COPIED if entity_of(name) == "person" else COPIED].copy()
        if name.endswith("_id"):
            more += OFFSET
        if name == "household_weight":
            more[:] = 0
        columns[name] = np.concatenate([values, more])
    return columns


def only_weighted(columns: Columns) -> None:
    """Remove households of no weight, with their persons and units."""
    kept = columns["household_id"][columns["household_weight"] > 0]
    rows = {"person": np.isin(columns["person_household_id"], kept)}
    for entity in GROUP_ENTITIES:
        members = columns[membership_name(entity)][rows["person"]]
        rows[entity] = np.isin(columns[id_name(entity)], members)
    take(rows)(columns)


def more_inputs(columns: Columns) -> None:
    """Store inputs that the engine knows and the incumbent lacks."""
    random = np.random.default_rng(9)
    for name in ("bond_assets", "care_and_support_costs", "casualty_loss"):
        put(name, random.lognormal(6, 1, PERSONS).astype(np.float32))(columns)
    put("business_is_qualified", random.random(PERSONS) < 0.2)(columns)


def only(layout: Layout, writer: Writer) -> dict[Layout, Writer]:
    return {layout: writer}


def _offset(ids: np.ndarray) -> np.ndarray:
    return ids + 1_000_000


ROWS = (
    Benign("rows.persons", "persons in another order", shuffle("person")),
    Benign("rows.households", "households in another order", shuffle("household")),
    Benign("rows.tax_units", "tax units in another order", shuffle("tax_unit")),
    Benign("rows.all", "every entity in another order", shuffle(*ENTITIES)),
    Benign("ids.offset", "larger ids", renumber(_offset), same_content=False),
    Benign("ids.permuted", "ids of the same range, mixed", renumber(permuted), same_content=False),
    Benign("ids.households", "other ids for households alone", renumber(_offset, "household"), same_content=False),
    Benign("ids.descending", "ids that fall", renumber(lambda ids: ids.max() + 1 - ids), same_content=False),
    Benign("ids.zero", "ids that begin with 0", renumber(lambda ids: ids - 1), same_content=False),
    Benign("ids.sparse", "ids with gaps", renumber(lambda ids: ids * 97), same_content=False),
    Benign("ids.huge", "ids beyond what a float holds", renumber(lambda ids: ids + 2**60), same_content=False),
    Benign("ids.huge.mixed", "the same, memberships unsigned", all_of(renumber(lambda ids: ids + 2**60), ids_as("i8", members="u8")), same_content=False),
    Benign("weights.zero_removed", "households of no weight removed", only_weighted, same_content=False, start=with_zero_weights),
    Benign("columns.more", "more inputs that the engine knows", more_inputs, same_content=False),
    Benign("columns.fewer", "optional inputs left out", drop("net_worth", "hourly_wage", "cps_race"), same_content=False),
    Benign("columns.no_county", "no counties", drop("county_fips"), same_content=False),
    Benign("weights.scaled", "weights a little higher", change("household_weight", lambda v: v * np.float32(1.01)), same_content=False),
)  # fmt: skip
KINDS = (
    *(Benign(f"ids.{kind}", f"ids stored as {kind}", ids_as(kind)) for kind in ("i2", "i4", "u4", "u8")),
    Benign("ids.mixed_width", "memberships in another width than ids", ids_as("i8", members="i2")),
    Benign("bools.int8", "booleans as 8-bit integers", cast("bool", "i1")),
    Benign("bools.uint8", "booleans as unsigned integers", cast("bool", "u1")),
    Benign("bools.int64", "booleans as 64-bit integers", cast("bool", "i8")),
    Benign("bools.float", "booleans as 0.0 and 1.0", cast("bool", "f4"), same_content=False),
    Benign("ints.int16", "integers as 16-bit integers", cast("int", "i2")),
    Benign("ints.int64", "integers as 64-bit integers", cast("int", "i8")),
    Benign("floats.double", "floats as doubles", cast("float", "f8")),
    Benign("floats.single_again", "floats as doubles and back", all_of(cast("float", "f8"), cast("float", "f4"))),
    Benign("floats.as_ints", "whole dollars as integers", whole_dollars_as("i8"), same_content=False),
    Benign("floats.negative_zero", "-0.0 for 0.0", negative_zero),
    Benign("enums.index", "enum members by index", enums_as_index, same_content=False),
)  # fmt: skip
ARRAY_FILES = tuple(
    Benign(f"arrays.{name}", what, writers=only(ARRAYS, writer))
    for name, what, writer in (
        ("gzip_0", "gzip that does not compress", by_hand(compression="gzip", compression_opts=0)),
        ("gzip_9", "gzip at its strongest", by_hand(compression="gzip", compression_opts=9)),
        ("lzf", "lzf compression", by_hand(compression="lzf")),
        ("shuffle", "gzip behind the shuffle filter", by_hand(compression="gzip", shuffle=True)),
        ("fletcher32", "checksums", by_hand(fletcher32=True)),
        ("contiguous", "no chunks and no compression", by_hand()),
        ("compact", "values within the object header", low_level),
        ("chunks_of_1", "one value per chunk", by_hand(chunks=(1,), compression="gzip")),
        ("chunks_of_13", "chunks that divide nothing", by_hand(chunks=(13,))),
        ("resizable", "arrays that may grow", by_hand(maxshape=(None,))),
        ("fill_value", "another fill value", by_hand(fillvalue=0)),
        ("times", "timestamps of the objects", by_hand(track_times=True)),
        ("reversed", "keys in falling order", by_hand(names=reversed, track_order=True)),
        ("latest", "the newest HDF5 format", by_hand(libver="latest")),
        ("big_endian", "bytes in the other order", by_hand(big_endian=True)),
        ("described", "attributes that describe", described(arrays, "age", "age/2024")),
        ("variable_text", "text of variable length", text_as("variable")),
        ("utf8_text", "text declared as UTF-8", text_as("utf-8")),
        ("wide_text", "text with room to spare", text_as("wide")),
        ("repacked", "copied object by object", repacked),
        ("rewritten", "an array deleted and stored again", rewritten),
        ("converted", "read from entity tables", to_arrays),
    )
)  # fmt: skip
TABLE_FILES = tuple(
    Benign(f"tables.{name}", what, writers=only(TABLES, writer))
    for name, what, writer in (
        ("zlib_1", "zlib compression", partial(frames, complevel=1)),
        ("zlib_9", "zlib at its strongest", partial(frames, complevel=9)),
        ("fletcher32", "checksums", partial(frames, fletcher32=True)),
        ("blocks", "columns of one kind in one block", partial(frames, data_columns=None)),
        ("some_columns", "some columns of their own, others in blocks", partial(frames, data_columns=["age"])),
        ("search_index", "search indexes", partial(frames, index=True)),
        ("wide_text", "text with room to spare", partial(frames, min_itemsize=40)),
        ("order", "tables in falling order", partial(frames, names=reversed)),
        ("column_order", "columns in falling order", partial(frames, column_order=reversed)),
        ("times", "timestamps of the objects", partial(frames, track_times=True)),
        ("period_fixed", "the period in fixed format", partial(frames, period_format="fixed")),
        ("row_labels", "other row labels", indexed(lambda n: np.arange(n) + 7)),
        ("mixed_labels", "row labels in another order", indexed(np.random.default_rng(2).permutation)),
        ("named_rows", "row labels of text", indexed(lambda n: [f"row {i}" for i in range(n)])),
        ("repeated_labels", "one label for every row", indexed(lambda n: np.zeros(n, dtype=int))),
        ("described", "attributes that describe", described(frames, "person", "person/table")),
        ("converted", "read from variable arrays", to_tables),
    )
)  # fmt: skip
ELSEWHERE = (
    Benign("file.renamed", "another name", file_name="national 2024 (copy).h5"),
    Benign("file.folder", "another folder", file_name="a/b/c.h5"),
    Benign("file.copied", "a copy of the bytes", writers={each: copied(PLAIN[each]) for each in LAYOUTS}),
)  # fmt: skip
REWRITES = (*ROWS, *KINDS, *ARRAY_FILES, *TABLE_FILES, *ELSEWHERE)
