"""Two files in one simulation: rows one after the other, ids kept apart, results split again.

A simulation costs a fixed part whatever its size, so two files together cost less than two runs.
Formulas work row by row or within a unit, so no row can see the other file; a formula that reads
weights (ranks) could, and ends such a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.engine.subject import Subject
from schemas.dataset import ENTITIES, GROUP_ENTITIES, id_name, membership_name
from schemas.writers import write_entity_tables, write_period_arrays

Arrays = dict[str, np.ndarray]
# Memory of one engine process, measured on the embedded pair and on files of up to 20,000
# households: a fixed part, a part per 1,000 households, and what each forked child adds to it.
_FIXED_GB, _PER_1000_GB, _CHILD_SHARE = 1.7, 0.26, 0.35


def why_apart(subjects: Sequence[Subject]) -> str:
    """Return why files cannot share a simulation without changing a result; empty if they can."""
    one, *others = subjects
    for other in others:
        for what in ("layout", "period"):
            if getattr(one.dataset, what) != getattr(other.dataset, what):
                return f"the files differ in {what}"
        if one.spm != other.spm:
            return "one file has counties and the other has none"
        differing = sorted(set(one.dataset.variables) ^ set(other.dataset.variables))
        if differing:
            return f"only one file holds {', '.join(differing[:3])}: the engine would fill it in"
    return _why_unstackable(subjects)


def _why_unstackable(subjects: Sequence[Subject]) -> str:
    for subject in subjects:
        for name in subject.dataset.variables:
            if subject.dataset.periods_of(name) != (str(subject.dataset.period),):
                return f"{name} is stored for other periods than {subject.dataset.period}"
            if subject.dataset.entity_of(name) is None:
                return f"nobody knows whose rows {name} has"
    for name in subjects[0].dataset.variables:
        kinds = {np.asarray(each.dataset.read(name)).dtype.kind for each in subjects}
        if len(kinds) > 1:
            return f"{name} is of another type in each file"
    return ""


def write_stacked(path: Path, subjects: Sequence[Subject]) -> None:
    """Write one file of all rows: every entity's rows in the order of `subjects`."""
    columns = {
        name: np.concatenate([each.dataset.read(name) for each in subjects])
        for name in subjects[0].dataset.variables
    }
    for entity in ENTITIES:
        names = [id_name(entity)]
        if entity in GROUP_ENTITIES:
            names.append(membership_name(entity))
        ids = [np.asarray(each.dataset.read(id_name(entity)), dtype=np.int64) for each in subjects]
        for name in names:
            columns[name] = _apart(
                [np.asarray(each.dataset.read(name), dtype=np.int64) for each in subjects], ids
            )
    first = subjects[0].dataset
    write = write_entity_tables if first.layout == "entity_tables" else write_period_arrays
    write(path, columns, first.period)


def _apart(columns: Sequence[np.ndarray], ids: Sequence[np.ndarray]) -> np.ndarray:
    """Move each file's ids behind those of the files before it."""
    moved, start = [], 0
    for values, known in zip(columns, ids, strict=True):
        lowest, highest = (int(known.min()), int(known.max())) if len(known) else (0, -1)
        moved.append(values - lowest + start)
        start += highest - lowest + 1
    return np.concatenate(moved)


def stacked_sizes(subjects: Sequence[Subject]) -> dict[str, int]:
    """Return the number of records per entity of all files together."""
    return {entity: sum(each.dataset.size_of(entity) for each in subjects) for entity in ENTITIES}


def split(
    arrays: Mapping[str, np.ndarray], entity: Mapping[str, str], subjects: Sequence[Subject]
) -> list[Arrays]:
    """Return each file's own rows of entity-length arrays."""
    found: list[Arrays] = [{} for _ in subjects]
    for request, values in arrays.items():
        start = 0
        for place, each in enumerate(subjects):
            size = each.dataset.size_of(entity[request])
            found[place][request] = values[start : start + size]
            start += size
    return found


def predicted_gb(households: int, at_once: int) -> float:
    """Return the GB that one process with `at_once` forked children is expected to need."""
    rows = _PER_1000_GB * households / 1000
    return _FIXED_GB + rows * (1 + _CHILD_SHARE * at_once)
