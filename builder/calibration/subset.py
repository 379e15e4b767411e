"""A file's columns with some replaced, and with some households and all their records left out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from schemas.dataset import GROUP_ENTITIES, Dataset, id_name, membership_name
from schemas.errors import BuildError

_REMEDY = "store every variable once per record, for the file's own year; see `mpgate contract`"


def kept_records(dataset: Dataset, households: np.ndarray) -> dict[str, np.ndarray]:
    """Return which records (booleans, file order) stay per entity when these households stay.

    A person stays with its household, a tax unit (SPM unit, family, marital unit) with any of its
    persons.
    """
    kept = dataset.read(id_name("household"))[households]
    persons = np.isin(dataset.read(membership_name("household")), kept)
    found = {"person": persons}
    for entity in GROUP_ENTITIES:
        members = dataset.read(membership_name(entity))[persons]
        found[entity] = np.isin(dataset.read(id_name(entity)), members)
    return found | {"household": households}


def columns_of(
    dataset: Dataset,
    replaced: Mapping[str, np.ndarray],
    kept: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Return a file's columns of its one year, some `replaced` (in the dtype they had).

    `kept` says per entity which records stay; None: all. Raises BuildError for what would be lost:
    other periods, nodes that are no columns, and records of a variable of unknown entity.
    """
    year = str(dataset.period)
    others = [name for name in dataset.variables if dataset.periods_of(name) != (year,)]
    for what in (
        *dataset.irregular,
        *dataset.misplaced,
        *(f"{n} has other periods" for n in others),
    ):
        raise _lossy(dataset, what)
    columns = {}
    for name in dataset.variables:
        stored = dataset.read(name)
        values = replaced[name].astype(stored.dtype) if name in replaced else stored
        columns[name] = values if kept is None else values[_mask(dataset, name, values, kept)]
    return columns


def _mask(
    dataset: Dataset, name: str, values: np.ndarray, kept: Mapping[str, np.ndarray]
) -> np.ndarray:
    entity = dataset.entity_of(name)
    if entity is None or len(kept[entity]) != len(values):
        raise _lossy(dataset, f"{name} has {len(values)} values for no known entity")
    return kept[entity]


def _lossy(dataset: Dataset, what: str) -> BuildError:
    return BuildError(
        f"{dataset.path.name} cannot be written again without loss: {what}",
        reason="calibration.lossy",
        remedy=_REMEDY,
    )
