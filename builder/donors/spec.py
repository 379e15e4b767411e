"""Donor specs: what a donor gives to whom, read from `specs/*.json` (schema `donor_spec`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.donors.features import PERSON_ONLY, columns_behind
from schemas.engine_metadata import rejected_on_load, variable_table
from schemas.errors import BuildError
from schemas.records import read_record

SPEC_DIR = Path(__file__).parent / "specs"
METHOD = "quantile_forest"
Bounds = dict[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class SignSettings:
    """Size of the classifier of negative, zero and positive values."""

    trees: int
    min_samples_leaf: int
    samples_per_tree: int


@dataclass(frozen=True)
class ForestSettings:
    """Size of the quantile forests; `quantile_levels` is how finely quantiles are told apart."""

    trees: int
    min_samples_leaf: int
    max_samples_leaf: int
    samples_per_tree: int
    quantile_levels: int


@dataclass(frozen=True)
class Support:
    """Declared ranges of the donor's columns, and whether values may go beyond the donor's own.

    With `extrapolates`, a value of a recipient whose `scale_by` predictor is above every donor's
    is raised in proportion to it.
    """

    extrapolates: bool
    ranges: dict[str, tuple[float, float]]
    scale_by: str | None = None


@dataclass(frozen=True)
class Made:
    """A donor column: source columns added up, or whether the first has one of `codes`.

    `growth` names the taxcalc factor that ages its dollars.
    """

    columns: tuple[str, ...]
    codes: tuple[float, ...]
    growth: str | None


@dataclass(frozen=True)
class SourceTable:
    """How the donor table is made of a source's: its table, key, dollars' year, and columns."""

    entity: str
    key: str
    period: int
    columns: dict[str, Made]


@dataclass(frozen=True)
class DonorSpec:
    """One donor's spec; records are those of `entity`, in the donor table and in the frame.

    `totals` are predictors that add up engine columns; `universe` bounds predictors or other such
    columns (both ends included) on both sides; `origins` and `only_absent` say which households'
    records receive; `chained` lets each target use all earlier ones; `allocation` is who in the
    record gets a person's variable: its head, or its members in the shares they had. `table` is
    None where a function of its own makes the donor table.
    """

    id: str
    donor: str
    entity: str
    predictors: tuple[str, ...]
    targets: tuple[str, ...]
    totals: dict[str, tuple[str, ...]]
    universe: Bounds
    origins: tuple[str, ...] | None
    only_absent: bool
    chained: bool
    allocation: str
    minimum_donors: int
    draw_seed: int
    sign_model: SignSettings
    forest: ForestSettings
    support: Support
    table: SourceTable | None = None

    @property
    def needed_predictors(self) -> tuple[str, ...]:
        """Return the predictors, and whatever else bounds the universe."""
        return tuple(dict.fromkeys((*self.predictors, *self.universe)))


def load_donor_spec(path: Path | str) -> DonorSpec:
    """Return the validated spec at `path`.

    Raises RecordError where the record breaks its schema, and BuildError for another method, a
    predictor that nothing computes, or a target that is no engine input of the record or person.
    """
    record = read_record(path, "donor_spec")
    if record["method"] != METHOD:
        raise _wrong(record["id"], f"its method {record['method']!r} is no {METHOD}")
    spec = _from_record(record)
    _check_predictors(spec)
    _check_targets(spec)
    _check_support(spec)
    _check_table(spec)
    return spec


def _from_record(record: dict[str, Any]) -> DonorSpec:
    support, recipients = record["support"], record["recipients"]
    ranges = {name: (float(low), float(high)) for name, (low, high) in support["ranges"].items()}
    return DonorSpec(
        id=record["id"],
        donor=record["donor"],
        entity=record["entity"],
        predictors=tuple(record["predictors"]),
        targets=tuple(record["targets"]),
        totals={name: tuple(columns) for name, columns in record["totals"].items()},
        universe={name: (low, high) for name, (low, high) in record["universe"].items()},
        origins=tuple(recipients["origins"]) if recipients["origins"] else None,
        only_absent=recipients["values"] == "absent",
        chained=record["chained"],
        allocation=record["allocation"],
        minimum_donors=record["minimum_donors"],
        draw_seed=record["draw_seed"],
        sign_model=SignSettings(**record["sign_model"]),
        forest=ForestSettings(**record["forest"]),
        support=Support(support["extrapolates"], ranges, support.get("scale_by")),
        table=_source_table(record["table"]) if "table" in record else None,
    )


def _source_table(entry: dict[str, Any]) -> SourceTable:
    made = {
        name: Made(tuple(column["from"]), tuple(column.get("codes", ())), column["growth"])
        for name, column in entry["columns"].items()
    }
    return SourceTable(entry["entity"], entry["key"], entry["period"], made)


def _check_predictors(spec: DonorSpec) -> None:
    table = variable_table()
    for name in spec.needed_predictors:
        if name in PERSON_ONLY and spec.entity != "person":
            raise _wrong(spec.id, f"{name} says nothing of a {spec.entity}")
        unknown = sorted(set(columns_behind(name, spec.totals)) - set(table))
        if unknown:
            raise _wrong(spec.id, f"nothing computes {', '.join(unknown)} of predictor {name}")
    behind = {column for name in spec.predictors for column in columns_behind(name, spec.totals)}
    both = sorted(behind & set(spec.targets))
    if both:
        raise _wrong(spec.id, f"the target {', '.join(both)} is its own predictor")


def _check_targets(spec: DonorSpec) -> None:
    table = variable_table()
    for name in spec.targets:
        info = table.get(name)
        if info is None or info.computed or name in rejected_on_load() or info.period != "year":
            raise _wrong(spec.id, f"the target {name} is no yearly input of the engine")
        if info.entity not in ("person", spec.entity) or info.value_type in ("Enum", "str"):
            raise _wrong(spec.id, f"{name} is a {info.value_type} of the {info.entity}")


def _check_support(spec: DonorSpec) -> None:
    known, scale_by = {*spec.predictors, *spec.targets}, spec.support.scale_by
    strange = set(spec.support.ranges) - known
    if strange:
        raise _wrong(spec.id, f"support.ranges names {', '.join(sorted(strange))}, unknown to it")
    if spec.support.extrapolates != (scale_by in spec.predictors):
        raise _wrong(spec.id, "support.extrapolates goes with support.scale_by, a predictor")


def _check_table(spec: DonorSpec) -> None:
    if spec.table is None:
        return
    differ = set(spec.table.columns) ^ {*spec.needed_predictors, *spec.targets}
    if differ:
        raise _wrong(spec.id, f"table.columns and the spec differ in {', '.join(sorted(differ))}")


def _wrong(spec_id: str, problem: str) -> BuildError:
    return BuildError(
        f"donor spec {spec_id}: {problem}",
        reason="builder.donor_spec",
        remedy="mend the spec (builder/donors/specs, schema donor_spec)",
    )
