"""Append the wealthiest units to a frame: after synthesis, never a donor, one household each."""

from __future__ import annotations

import numpy as np

from builder.embedded.hashing import draw
from builder.fixed_spine.wealth import NET_WORTH, NO_STATE, STATE, Constant, WealthList
from builder.frame import Columns, Frame, entity_ids
from schemas.dataset import ENTITIES, WEIGHT, id_name
from schemas.engine_metadata import variable_table
from schemas.errors import BuildError

ORIGIN = "forbes-400"
PUBLISHED_COUNT = 1.0  # the list names every unit once, so that a record stands for itself
_LARGEST_ID = np.iinfo(np.int32).max


def fixed_mask(frame: Frame) -> np.ndarray:
    """Return which households are fixed records (household length, bool)."""
    return np.asarray(frame.origin == ORIGIN)


def refuse_fixed(frame: Frame, stage: str) -> None:
    """Raise BuildError where a frame holds fixed records: a stage before them must not see one."""
    found = int(fixed_mask(frame).sum())
    if found:
        raise BuildError(
            f"{stage} was given {found} fixed records",
            reason="fixed_spine.too_early",
            remedy="append the fixed records after the last stage that fits donors or synthesises",
        )


def append(frame: Frame, wealth: WealthList, *, seed: int) -> Frame:
    """Return the frame with one one-person household per listed unit at its end.

    Weight 1 (a published count), origin `forbes-400`, source key the rank, ids above the frame's.
    Every column gets a value: income and holdings in proportion to net worth, what the list gives
    all units, else False or the engine's default. Units without a state are assigned one by a
    draw on `seed` and rank from the states of the others. Raises BuildError for a frame that has
    fixed records already, lacks an income of the list, or has no room for ids.
    """
    refuse_fixed(frame, "appending the fixed spine")
    _check_income(frame, wealth)
    added = _ids(frame, len(wealth.rank)) | _given(wealth, seed)
    columns = {
        name: np.concatenate([values, _fill(name, values, added, len(wealth.rank))])
        for name, values in frame.columns.items()
    }
    origin = np.full(len(wealth.rank), ORIGIN)
    return Frame(
        columns,
        frame.period,
        np.concatenate([frame.origin, origin]),
        np.concatenate([frame.source_key, wealth.rank]),  # text where the frame's keys are text
    )


def _check_income(frame: Frame, wealth: WealthList) -> None:
    """Refuse a frame without a column for a kind of income: that income would be lost unseen."""
    missing = sorted(set(wealth.income) - set(frame.columns))
    if missing:
        raise BuildError(
            f"the frame has no {', '.join(missing)}, which the listed units have income in",
            reason="fixed_spine.no_column",
            remedy="build the column before the fixed spine, or leave it out of the list",
        )


def _ids(frame: Frame, units: int) -> Columns:
    """Return ids and memberships of the new records, above the frame's own."""
    ids: Columns = {}
    for entity in ENTITIES:
        first = int(frame.columns[id_name(entity)].max(initial=0)) + 1
        if first + units > _LARGEST_ID:
            raise BuildError(
                f"{id_name(entity)} has no room for {units} more ids below {_LARGEST_ID}",
                reason="fixed_spine.ids",
                remedy="number the frame's records from 1",
            )
        ids[id_name(entity)] = np.arange(first, first + units)
    members = (name for name in entity_ids() if name not in ids)
    return ids | {name: ids[name.removeprefix("person_")] for name in members}


def _given(wealth: WealthList, seed: int) -> dict[str, np.ndarray]:
    """Return what the list says of its units: one array per variable, unit length."""
    units = len(wealth.rank)
    ratios = {**wealth.income, **wealth.holdings}
    amounts = {name: wealth.net_worth * ratio for name, ratio in ratios.items()}
    alike = {name: np.full(units, value) for name, value in wealth.values.items()}
    own = {
        STATE: _states(wealth, seed),
        NET_WORTH: wealth.net_worth,
        WEIGHT: np.full(units, PUBLISHED_COUNT),
    }
    return alike | amounts | own


def _states(wealth: WealthList, seed: int) -> np.ndarray:
    known = wealth.state_fips[wealth.state_fips != NO_STATE]
    if not len(known):
        raise BuildError(
            f"{wealth.id} states no residence of any unit",
            reason="fixed_spine.states",
            remedy="give the state of residence of those units that a source states it for",
        )
    drawn = np.sort(known)[(draw(seed, wealth.rank) * len(known)).astype(np.int64)]
    return np.where(wealth.state_fips != NO_STATE, wealth.state_fips, drawn)


def _fill(name: str, values: np.ndarray, added: Columns, units: int) -> np.ndarray:
    """Return the new records' values of a column, in its own kind of number or text."""
    new = added[name] if name in added else np.full(units, _default(name))
    if values.dtype.kind == "U":
        return new
    if new.dtype.kind == "U":  # an enum that the frame stores by index
        members = np.array(variable_table()[name].enum or ())
        new = np.argmax(members == new[:, None], axis=1)
    return new.astype(values.dtype)


def _default(name: str) -> Constant:
    """Return what an unlisted input is: False, or the engine's default; BuildError for no text."""
    info = variable_table()[name]
    if info.default == "":
        raise BuildError(
            f"the engine has no default for the text {name}",
            reason="fixed_spine.no_default",
            remedy=f"give {name} under `values` of the wealth list",
        )
    return False if info.value_type == "bool" else info.default
