"""Faults of layout, periods, lengths, ids, joins and weights."""

from __future__ import annotations

import numpy as np

from tests.faults.edits import (
    add_array,
    add_table,
    append,
    copy_column,
    join,
    lose,
    move_period,
    one_id_for_two,
    owe_weight,
    replace_array,
    table_period,
    to_table,
)
from tests.faults.model import Fault, all_of, at, change, drop, put
from tests.small import HOUSEHOLDS, PERSONS

ARRAYS, TABLES = ("period_arrays",), ("entity_tables",)
FIRST_KEY = "the first key decides format and default period"
IGNORED = "unknown names are ignored"

LAYOUT = (
    Fault(
        "root-bare-array-first", "contract.layout.root", "a bare array sorts before every variable",
        arrays=add_array("a_note", np.zeros(PERSONS)), layouts=ARRAYS, trap=FIRST_KEY,
    ),
    Fault(
        "root-bare-known", "contract.layout.root", "a known variable lies at the root",
        arrays=add_array("tip_income", np.arange(PERSONS, dtype="f4")), layouts=ARRAYS,
        incidents=(7,), trap="a known variable as a bare array makes the loader raise",
    ),
    Fault(
        "root-group-in-variable", "contract.layout.root", "a variable's group holds a group",
        arrays=add_array("age/notes/2024", np.zeros(PERSONS)), layouts=ARRAYS, trap=IGNORED,
    ),
    Fault(
        "root-two-dimensions", "contract.layout.root", "a variable holds a matrix beside its array",
        arrays=add_array("age/draws", np.zeros((PERSONS, 2))), layouts=ARRAYS,
        trap="a malformed period key makes the loader raise",
    ),
    Fault(
        "root-strange-table", "contract.layout.root", "a table that is no entity's",
        tables=add_table("donor_matches"), layouts=TABLES, trap=IGNORED,
    ),
    Fault(
        "root-table-in-table", "contract.layout.root", "a second table in an entity's group",
        tables=add_table("household/donors"), layouts=TABLES, trap=IGNORED,
    ),
    Fault(
        "table-column-twice", "contract.layout.tables", "a column in two tables",
        tables=copy_column("is_blind", "person", "tax_unit"), layouts=TABLES,
        trap="a column repeated across tables makes the loader raise",
    ),
    Fault(
        "table-wrong-entity", "contract.layout.tables", "hourly wages in the household table",
        tables=to_table("hourly_wage", "person", "household"), layouts=TABLES, incidents=(22,),
        trap="a column on the wrong table makes the loader raise",
    ),
    Fault(
        "table-equal-length", "contract.layout.tables", "tenure in the tax unit table",
        tables=to_table("tenure_type", "household", "tax_unit"), layouts=TABLES,
        trap="a column on the wrong table of equal length is accepted",
    ),
    Fault(
        "path-cps-2023", "contract.layout.file_name", "a path that holds cps_2023",
        file_name="cps_2023_rebuilt.h5", incidents=(7,), trap="cps_2023 in a path forces 2023",
    ),
    Fault(
        "folder-cps-2023", "contract.layout.file_name", "a folder named cps_2023",
        file_name="cps_2023/fault.h5", incidents=(7,), trap="cps_2023 in a path forces 2023",
    ),
    Fault(
        "name-suffix", "contract.layout.file_name", "a file whose name ends in .hdf5",
        file_name="fault.hdf5", trap="arrays are read as CSV, tables refused",
    ),
)  # fmt: skip

PERIODS = (
    Fault(
        "period-two", "contract.periods", "ages for two years", incidents=(7,), layouts=ARRAYS,
        arrays=add_array("age/2025", np.arange(PERSONS, dtype="f4")), trap=FIRST_KEY,
    ),
    Fault(
        "period-empty-group", "contract.periods", "a group without any array", incidents=(2,),
        arrays=move_period("net_worth"), layouts=ARRAYS, trap="an empty group is the default 0",
    ),
    Fault(
        "period-later", "contract.periods", "net worth for a later year only", layouts=ARRAYS,
        arrays=move_period("net_worth", "2025"), trap="a later year only is zero in 2024",
    ),
    Fault(
        "period-earlier", "contract.periods", "net worth for an earlier year only", layouts=ARRAYS,
        arrays=move_period("net_worth", "2023"), trap="an earlier year is uprated without notice",
    ),
    Fault(
        "period-month", "contract.periods", "a month for a yearly variable", layouts=ARRAYS,
        arrays=move_period("net_worth", "2024-01"), trap="a month is no year",
    ),
    Fault(
        "period-eternity", "contract.periods", "the key ETERNITY", layouts=ARRAYS,
        arrays=move_period("net_worth", "ETERNITY"), trap=FIRST_KEY,
    ),
    Fault(
        "period-first-key", "contract.periods", "the first key has last year's period",
        arrays=move_period("age", "2023"), layouts=ARRAYS, incidents=(7,), trap=FIRST_KEY,
    ),
    Fault(
        "period-weights", "contract.periods", "weights for another year only", layouts=ARRAYS,
        arrays=move_period("household_weight", "2023"), trap="another year's weights are uprated",
    ),
    Fault(
        "year-2023", "contract.periods.declared", "a whole file of 2023", period=2023,
        incidents=(7,), trap="a file of another year is used as this year's",
    ),
    Fault(
        "year-2026", "contract.periods.declared", "a whole file of 2026", period=2026,
        incidents=(7,), trap="a later year only is zero in 2024",
    ),
    Fault(
        "year-undeclared", "contract.periods.declared", "tables without a period", layouts=TABLES,
        tables=table_period(), incidents=(7,), trap="the period defaults to 2024",
    ),
    Fault(
        "year-two", "contract.periods.declared", "tables that declare two years", layouts=TABLES,
        tables=table_period(2024, 2025), incidents=(7,), trap="the first year is taken",
    ),
    Fault(
        "year-no-year", "contract.periods.declared", "tables whose period is no year",
        tables=table_period("2024-01"), layouts=TABLES, incidents=(7,), trap="no plain year",
    ),
)  # fmt: skip

LENGTHS = (
    Fault(
        "length-wage-of-households", "contract.lengths", "hourly wages of household length",
        arrays=replace_array("hourly_wage", lambda v: v[:HOUSEHOLDS]), layouts=ARRAYS,
        incidents=(22,), trap="a wrong length makes the loader raise",
    ),
    Fault(
        "length-one-more", "contract.lengths", "one tenure too many",
        arrays=replace_array("tenure_type", lambda v: np.append(v, v[:1])), layouts=ARRAYS,
        incidents=(22,), trap="a wrong length makes the loader raise",
    ),
    Fault(
        "length-empty", "contract.lengths", "net worth of no household",
        arrays=replace_array("net_worth", lambda v: v[:0]), layouts=ARRAYS, incidents=(2, 22),
        trap="a wrong length makes the loader raise",
    ),
)  # fmt: skip

IDS = (
    *(
        Fault(
            f"id-absent-{name}", "contract.ids.present", f"{name} is not stored",
            edit=drop(name), trap="an absent id or membership array makes the loader raise",
        )
        for name in ("family_id", "person_marital_unit_id", "person_tax_unit_id", "spm_unit_id")
    ),
    Fault(
        "id-float", "contract.ids.integer", "tax unit ids as floats", incidents=(31,),
        edit=all_of(*(change(n, lambda v: v.astype("f8"))
                      for n in ("tax_unit_id", "person_tax_unit_id"))),
        trap="float ids are accepted",
    ),
    Fault(
        "id-fractional", "contract.ids.integer", "household ids averaged when mapped",
        edit=at("person_household_id", 0, 1.5), incidents=(31,), trap="float ids are accepted",
    ),
    Fault(
        "id-text", "contract.ids.integer", "family ids as text", incidents=(31,),
        edit=all_of(*(change(n, lambda v: v.astype(str))
                      for n in ("family_id", "person_family_id"))),
        trap="text ids are accepted",
    ),
    Fault(
        "id-person-twice", "contract.ids.unique", "two persons with one id",
        edit=at("person_id", 1, 1), incidents=(14,), trap="duplicate person ids are accepted",
    ),
    Fault(
        "id-marital-unit-twice", "contract.ids.unique", "a marital unit stored twice",
        edit=append("marital_unit", same_id=True), incidents=(14,),
        trap="duplicate ids of groups make the loader raise; us-data never checks marital units",
    ),
    Fault(
        "id-family-twice", "contract.ids.unique", "clones that share a family id",
        edit=one_id_for_two("family"), incidents=(14,), trap="families of two districts merge",
    ),
)  # fmt: skip

JOINS = (
    *(
        Fault(
            f"join-lost-{entity}", "contract.joins.resolve", f"a person in no {entity}",
            edit=lose(entity), trap="a membership of nothing makes the loader raise",
        )
        for entity in ("household", "tax_unit", "spm_unit", "family", "marital_unit")
    ),
    Fault(
        "join-empty-household", "contract.joins.empty", "a household of nobody",
        edit=append("household"), incidents=(13,), trap="a household without members is accepted",
    ),
    Fault(
        "join-empty-tax-unit", "contract.joins.empty", "a tax unit of nobody",
        edit=append("tax_unit"), trap="a tax unit without members is accepted",
    ),
    Fault(
        "join-empty-marital-unit", "contract.joins.empty", "a marital unit of nobody",
        edit=append("marital_unit"), trap="a marital unit without members is accepted",
    ),
    *(
        Fault(
            f"join-spans-{entity}", "contract.joins.nested", f"a {entity} in two households",
            edit=join(entity, 3, 1), incidents=(14,), trap="units may span households",
        )
        for entity in ("tax_unit", "spm_unit", "family", "marital_unit")
    ),
    Fault(
        "spm-no-adult", "contract.spm_units.adults", "an SPM unit of two children",
        edit=all_of(at("age", 0, 9), at("age", 1, 7)), trap="poverty raises without an adult",
    ),
    Fault(
        "spm-teenager", "contract.spm_units.adults", "an SPM unit of a 16-year-old dependant",
        edit=all_of(at("age", 4, 16), at("age", 5, 3)), trap="poverty raises without an adult",
    ),
)  # fmt: skip

WEIGHTS = (
    Fault(
        "weight-absent", "contract.weights.present", "no weights", edit=drop("household_weight"),
        incidents=(1,), trap="without weights every household counts as one",
    ),
    Fault(
        "weight-text", "contract.weights.present", "weights as text",
        edit=change("household_weight", lambda v: v.astype(str)), incidents=(20,),
        trap="numeric text is parsed",
    ),
    Fault(
        "weight-negative", "contract.weights.nonnegative", "a weight of -1",
        edit=owe_weight(8), trap="negative weights are accepted",
    ),
    Fault(
        "weight-total-high", "contract.weights.total", "weights 30 % too high", incidents=(29,),
        edit=change("household_weight", lambda v: (v * 1.3).astype("f4")), trap="no check of sums",
    ),
    Fault(
        "weight-total-low", "contract.weights.total", "weights 45 % too low", incidents=(29,),
        edit=change("household_weight", lambda v: (v * 0.55).astype("f4")), trap="no check of sums",
    ),
    Fault(
        "weight-all-zero", "contract.weights.total", "every weight is zero", incidents=(17,),
        edit=change("household_weight", np.zeros_like), trap="weights of zero are accepted",
    ),
    Fault(
        "weight-ones", "contract.weights.total", "every weight is one", incidents=(1, 16),
        edit=change("household_weight", np.ones_like), trap="no check of sums",
    ),
    Fault(
        "weight-of-persons", "contract.weights.derived", "person weights beside the household's",
        edit=put("person_weight", np.arange(PERSONS, dtype="f4")), incidents=(14,),
        trap="an inconsistent person_weight is accepted",
    ),
    Fault(
        "weight-of-tax-units", "contract.weights.derived", "tax unit weights are stored",
        edit=put("tax_unit_weight", np.arange(HOUSEHOLDS, dtype="f4")), incidents=(14,),
        trap="a stored weight overrides its formula",
    ),
)  # fmt: skip

FAULTS = LAYOUT + PERIODS + LENGTHS + IDS + JOINS + WEIGHTS
