"""The embedded donor `psl-cps`: households of the CPS file in `taxcalc` that no sample holds."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from builder.donors.features import predictor_table, records_of, target_values
from builder.donors.forest import stable_number
from builder.donors.spec import SPEC_DIR, DonorSpec, load_donor_spec
from builder.donors.support import SOURCE, SOURCE_KEY, WEIGHT
from builder.embedded.amounts import mapped_amounts
from builder.embedded.build import embedded_source, incumbent_keys
from builder.embedded.derived import derived_columns
from builder.embedded.hashing import draw
from builder.embedded.mapping import load_mapping
from builder.embedded.population import build_population
from builder.embedded.provider import HOUSEHOLD_KEY
from builder.embedded.provider import WEIGHT as UNIT_WEIGHT
from builder.frame import Frame
from schemas.errors import BuildError

DONOR = "psl-cps"
PSL_CPS_SPEC = SPEC_DIR / "psl-cps.json"
_DRAW = stable_number(DONOR)
_ENTITIES = ("tax_unit", "household")


def donor_keys(exclude_keys: Collection[object]) -> np.ndarray:
    """Return the household keys that may donate: neither the incumbent's nor an excluded one."""
    source = embedded_source()
    barred = {str(key) for key in (*incumbent_keys(source), *exclude_keys)}
    every = pd.Series(np.unique(source.units[HOUSEHOLD_KEY].to_numpy()))
    return np.asarray(every[~every.astype(str).isin(barred)])


def embedded_donors(
    exclude_keys: Collection[object],
    *,
    spec: DonorSpec | None = None,
    households: int | None = None,
) -> pd.DataFrame:
    """Return the donor table for a spec (default: `specs/psl-cps.json`), dollars of the period.

    Households of the incumbent, and those of `exclude_keys` (the recipients' own), are left out;
    `households` takes only so many of the rest, by a hash of their keys. A household weighs the
    mean of its tax units' weights, as in the samples. Raises BuildError where the source is
    absent or changed, or nobody is left.
    """
    wanted = spec if spec is not None else load_donor_spec(PSL_CPS_SPEC)
    keys = donor_keys(exclude_keys)
    if not len(keys):
        raise BuildError(
            "every household of the embedded source is excluded from donating",
            reason="builder.donor_excluded",
            remedy="exclude the sampled households only",
        )
    if households is not None:
        # not the samples' hash: they took the lowest of it, more of them in small states
        order = np.argsort(draw(keys, _DRAW), kind="stable")
        keys = np.sort(keys[order[:households]])
    frame = _frame(keys)
    records = records_of(frame, wanted.entity)
    table = predictor_table(records, wanted.needed_predictors, wanted.totals)
    for name in wanted.targets:
        table[name] = target_values(records, name)
    table[WEIGHT] = records.weights
    table[SOURCE_KEY] = frame.source_key[records.household]
    table[SOURCE] = DONOR
    return table


def _frame(keys: np.ndarray) -> Frame:
    """Return the households' columns that predictors and targets are made of."""
    mapping, source = load_mapping(), embedded_source()
    units = source.units[source.units[HOUSEHOLD_KEY].isin(keys)].reset_index(drop=True)
    people = build_population(units, int(mapping.constants["oldest_adult_dependant"]))
    households = units.groupby(HOUSEHOLD_KEY, sort=True)
    columns = {
        "person_id": np.arange(1, len(people.persons) + 1),
        "age": people.persons["age"].to_numpy(),
        "tax_unit_role_input": people.persons["role"].to_numpy().astype("U9"),
        "state_fips": households["fips"].first().to_numpy(),
        "household_weight": households[UNIT_WEIGHT].mean().to_numpy(),
    }
    for entity in _ENTITIES:
        columns[f"{entity}_id"] = np.arange(1, people.sizes[entity] + 1)
        columns[f"person_{entity}_id"] = people.persons[entity].to_numpy() + 1
    amounts = mapped_amounts(people, mapping, source.growth)
    columns |= amounts | derived_columns(people, mapping, source.growth, amounts)
    return Frame(columns, mapping.period, np.full(len(keys), DONOR), keys)
