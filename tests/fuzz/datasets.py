"""Generated datasets: odd names, periods, types, shapes and nesting, drawn by hypothesis.

A dataset is drawn as small data (what to store where), so that a failure can be read; the arrays
are made from it. Datasets of one batch come from one run of hypothesis with the batch's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from schemas.dataset import REQUIRED_IDS, WEIGHT
from schemas.engine_metadata import variable_table
from tests.faults.good import good_columns

BATCH = 50
DTYPES = (
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
    "float32", "float64", "longdouble", "bool", "complex64", "complex128", "S1", "S5", "S40",
    "vlen", "vlen-ascii", "compound", "sub-array", "enum", ">i4", ">f8", "void",
)  # fmt: skip
FILLS = ("random", "zeros", "ones", "nan", "inf", "huge", "negative", "count", "odd text", "half")
SHAPES = ((), (0,), (1,), (3,), (102,), (204,), (203,), (102, 2), (204, 1), (2, 3, 4), "null")
PERIODS = (
    "2024", "2023", "2024-01", "ETERNITY", "", "02024", "2024 ", "٢٠٢٤", "0000", "9999", ".", "..",
    "month:2024-01:3", "2024\u200b", "x" * 300,
)  # fmt: skip
ODD_NAMES = (
    "naïve_größe", "two words", "a.b", "..", ".", "%s%d%n", "n" * 2000, "person", "household",
    "_time_period", "index", "values_block_0", "table", "[red]x[/red]", "a\tb\nc",
    "💵", "<b>", "|", "-1", "0", "None", "x_weight", "person_weight", "_i_person", "axis0", "A",
)  # fmt: skip


class _WithoutSource(HypothesisProvider):
    """Draws no constants from the source at hand: a seed means the same after an edit."""

    def _maybe_draw_constant(self, *given: Any, **options: Any) -> None:
        return None


BACKEND = "without-source"
AVAILABLE_PROVIDERS[BACKEND] = _WithoutSource


@dataclass(frozen=True)
class Recipe:
    """How to make one array: its type, shape and what fills it."""

    dtype: str
    shape: tuple[int, ...] | str
    fill: str


@dataclass(frozen=True)
class Change:
    """One column to store instead of, or beside, the good ones; an empty list leaves it empty."""

    name: str
    periods: tuple[tuple[str, Recipe], ...]
    form: str  # group, bare, nested or attribute
    block: bool


@dataclass(frozen=True)
class Drawn:
    """One dataset: good columns to start from, some left out, others changed, in one layout."""

    layout: str
    base: str
    period: object
    without: tuple[str, ...]
    changes: tuple[Change, ...]
    table: str  # how a pandas table is damaged
    chunks: bool


def _known_names() -> list[str]:
    """Return the names that a check reads, and one variable of the engine of every type."""
    by_type = {info.value_type: name for name, info in variable_table().items()}
    return sorted({*good_columns(), *REQUIRED_IDS, WEIGHT, "county_fips", *by_type.values()})


def recipes() -> st.SearchStrategy[Recipe]:
    """Return arrays of every kind; half of them have a length that fits an entity."""
    shapes = st.one_of(st.sampled_from(((102,), (204,))), st.sampled_from(SHAPES))
    return st.builds(Recipe, st.sampled_from(DTYPES), shapes, st.sampled_from(FILLS))


def changes() -> st.SearchStrategy[Change]:
    """Return columns: mostly known names for the file's year."""
    known = st.sampled_from(_known_names())
    names = st.one_of(known, known, st.sampled_from(ODD_NAMES), st.text(max_size=20))
    keys = st.one_of(st.just("2024"), st.sampled_from(PERIODS), st.text(max_size=8))
    periods = st.lists(st.tuples(keys, recipes()), max_size=3).map(tuple)
    forms = st.sampled_from(("group", "group", "group", "bare", "nested", "attribute"))
    return st.builds(Change, names, periods, forms, st.booleans())


def datasets() -> st.SearchStrategy[Drawn]:
    """Return whole datasets in every layout."""
    return st.builds(
        Drawn,
        st.sampled_from(("arrays", "arrays", "tables", "mixed")),
        st.sampled_from(("good", "small", "nothing")),
        st.sampled_from((2024, 2024, 2024, 2023, "2024", "x", 2024.0, None, -1, 2**40)),
        st.lists(st.sampled_from(_known_names()), max_size=3).map(tuple),
        st.lists(changes(), max_size=5).map(tuple),
        st.sampled_from(("sound", "sound", "sound", "empty", "two rows", "no kind", "odd kind")),
        st.booleans(),
    )


@cache
def batch(base: int, index: int) -> Sequence[Drawn]:
    """Return the datasets of one batch: the same in every process."""
    found: list[Drawn] = []

    @seed(base * 100_000 + index)
    @settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        derandomize=True,
        backend=BACKEND,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(datasets())
    def draw(drawn: Drawn) -> None:
        found.append(drawn)

    draw()
    return found


def drawn_dataset(base: int, number: int) -> Drawn:
    """Return dataset `number` of a seed; a batch that fell short is counted on cyclically."""
    datasets_of_batch = batch(base, number // BATCH)
    return datasets_of_batch[number % BATCH % len(datasets_of_batch)]
