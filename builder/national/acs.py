"""ACS households in the spine: household, geography and housing beside the CPS households."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from builder.frame import Columns, Frame, entity_ids
from builder.national.acs_frame import KEY, acs_frame, only, with_adults
from builder.national.spine import Oversampling, choose_households
from builder.sources.acquire import SourceSet
from builder.sources.protocol import SourceData
from schemas.dataset import GROUP_ENTITIES, WEIGHT, id_name
from schemas.engine_metadata import variable_table
from schemas.errors import BuildError

ACS_SOURCE = "acs-pums-2024"
_PROPORTIONAL = Oversampling((), (1.0,))
_LEAST_PER_STATE = 1
_INCOMES = (
    "employment_income",
    "self_employment_income",
    "investment_income",
    "pension_income",
    "social_security",
)
_LARGEST_ID = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Spine:
    """A spine, CPS households first; the part of its weight that they carry; what was done."""

    frame: Frame
    cps_share: float
    facts: dict[str, Any]


def with_acs(
    cps: Frame, sources: SourceSet, settings: Mapping[str, Any] | None, *, seed: int
) -> Spine:
    """Return the spine with the ACS households that the configuration asks for.

    `settings` is `spine.acs` of the build's configuration, None for no ACS. Where the source is
    not at hand the spine is the CPS's alone, and the facts say why.
    """
    if settings is None:
        return Spine(cps, 1.0, {})
    if not sources.has(ACS_SOURCE):
        rows = {each["id"]: each for each in sources.report["sources"]}
        return Spine(cps, 1.0, {"acs": f"absent: {rows[ACS_SOURCE]['message']}"})
    data = sources.read(ACS_SOURCE)
    chosen = choose_acs(data, size=settings["households"], seed=seed)
    share = settings["weight_share"]
    frame = combine(cps, acs_frame(chosen, cps.period), share)
    of_all = data.tables["household"]
    facts = {
        "households": len(chosen.tables["household"]),
        "weight_share": share,
        "left_out_without_adult": len(of_all) - len(with_adults(data).tables["household"]),
        "left_out_group_quarters": int(data.tables["left_out"]["group_quarters"].iloc[0]),
        "left_out_vacant": int(data.tables["left_out"]["vacant"].iloc[0]),
    }
    return Spine(frame, 1.0 - share, {"acs": facts})


def choose_acs(data: SourceData, *, size: int, seed: int) -> SourceData:
    """Return `size` households of the source with the weight that each stands for.

    Chosen with probability proportional to weight within each state, so that weights are alike
    there; every state keeps a household. Raises BuildError where the source has not so many.
    """
    usable = with_adults(data)
    homes, people = usable.tables["household"], usable.tables["person"]
    income = people.assign(income=people[list(_INCOMES)].sum(axis=1)).groupby(KEY)["income"].sum()
    frame = pd.DataFrame(
        {
            KEY: homes[KEY],
            "fips": homes["state_fips"],
            "weight": homes[WEIGHT],
            "income": homes[KEY].map(income),
        }
    )
    chosen = choose_households(
        frame[frame["weight"] > 0],
        size=size,
        excluded=(),
        oversampling=_PROPORTIONAL,
        smallest=_LEAST_PER_STATE,
        seed=seed,
    ).set_index(KEY)["weight"]
    kept = only(usable, chosen.index)
    weighted = kept.tables["household"].assign(**{WEIGHT: lambda rows: rows[KEY].map(chosen)})
    return replace(kept, tables={**kept.tables, "household": weighted})


def combine(cps: Frame, acs: Frame, acs_share: float) -> Frame:
    """Return both frames as one that represents the households of `cps` once, CPS rows first.

    ACS households carry `acs_share` of that weight in each state and have ids above the others'. A
    column that one side lacks has the engine's default there, and False for a flag. Raises
    BuildError for a share that is not between 0 and 1, frames of two years or of other states, ids
    beyond int32, or text without a default.
    """
    if not 0 < acs_share < 1 or cps.period != acs.period:
        raise BuildError(
            f"the spine cannot give ACS households of {acs.period} a weight of {acs_share}",
            reason="acs.share",
            remedy=f"give them a share between 0 and 1, and use the ACS file of {cps.period}",
        )
    _check_states(cps, acs)
    shifted = dict(acs.columns) | _shifted_ids(cps, acs)
    shifted[WEIGHT] = acs.weights / (_of_state(acs, acs) / acs_share / _of_state(cps, acs))
    own = dict(cps.columns) | {WEIGHT: cps.weights / (1 / (1 - acs_share))}
    names = dict.fromkeys((*own, *shifted))
    columns = {
        name: np.concatenate([_column(cps, own, shifted, name), _column(acs, shifted, own, name)])
        for name in names
    }
    origin = np.concatenate([cps.origin, acs.origin])
    return Frame(columns, cps.period, origin, np.concatenate([cps.source_key, acs.source_key]))


def _of_state(counted: Frame, seen: Frame) -> np.ndarray:
    """Return how many households of one frame the state of each household of the other has."""
    states = counted.columns["state_fips"].astype(np.int64)
    return np.asarray(np.bincount(states, weights=counted.weights)[seen.columns["state_fips"]])


def _check_states(cps: Frame, acs: Frame) -> None:
    differ = np.setxor1d(cps.columns["state_fips"], acs.columns["state_fips"])
    if len(differ):
        raise BuildError(
            f"state {differ[0]} has households of CPS or ACS, not of both",
            reason="acs.states",
            remedy="take more ACS households, or see that the file is the whole one",
        )


def _shifted_ids(cps: Frame, acs: Frame) -> Columns:
    shifted: Columns = {}
    for name in entity_ids():
        owner = (
            name if name in map(id_name, ("person", *GROUP_ENTITIES)) else name[len("person_") :]
        )
        ids = acs.columns[name].astype(np.int64) + int(cps.columns[owner].max())
        if ids.max() > _LARGEST_ID:
            raise BuildError(
                f"{name} has no room for the ACS households below {_LARGEST_ID}",
                reason="acs.ids",
                remedy="number the spine's records from 1",
            )
        shifted[name] = ids.astype(np.int32)
    return shifted


def _column(frame: Frame, own: Columns, other: Columns, name: str) -> np.ndarray:
    """Return a frame's column, or its default in the other frame's kind of number or text."""
    if name in own:
        return own[name]
    info = variable_table()[name]
    if info.default == "":
        raise BuildError(
            f"the engine has no default for the text {name}",
            reason="acs.no_default",
            remedy=f"build {name} for CPS and ACS households, or for neither",
        )
    value = False if info.value_type == "bool" else info.default
    filled = np.full(frame.size(info.entity), value)
    return filled if filled.dtype.kind == "U" else filled.astype(other[name].dtype)
