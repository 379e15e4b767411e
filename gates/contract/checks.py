"""Every contract check in order: a rule, how bad a breach is, and what to do about it.

Sources: what the loader of policyengine-us 2.68.0 raises on and what it silently accepts, and the
incidents named in each function. A check never stops at the first violation.
"""

from __future__ import annotations

from gates.contract import columns, geography, inputs, names, structure, values
from gates.contract.model import Check

CHECKS = (
    Check("layout.root", "critical", "leave bare arrays and strange groups out", structure.root),
    Check("layout.tables", "critical", "store each column once, at its entity", structure.tables),
    Check("layout.file_name", "critical", "rename the file", structure.file_name),
    Check(
        "periods", "critical", "store every variable once, for the file's year", structure.periods
    ),
    Check(
        "periods.declared",
        "critical",
        "build the file for the contract's year",
        structure.declared_period,
    ),
    Check("lengths", "critical", "store each variable at its own entity", structure.lengths),
    Check(
        "ids.present", "critical", "store the 11 id and membership arrays", structure.ids_present
    ),
    Check(
        "ids.integer", "critical", "store ids and memberships as integers", structure.ids_integer
    ),
    Check("ids.unique", "critical", "renumber the ids of each entity", structure.ids_unique),
    Check(
        "joins.resolve",
        "critical",
        "mend the memberships where the file is built",
        structure.joins_resolve,
    ),
    Check("joins.empty", "critical", "remove groups that have no person", structure.joins_empty),
    Check(
        "joins.nested", "critical", "split the units that span households", structure.joins_nested
    ),
    Check(
        "spm_units.adults",
        "critical",
        "join units of minors to a unit with an adult",
        structure.spm_adults,
    ),
    Check(
        "weights.present",
        "critical",
        "store household_weight as calibrated",
        inputs.weights_present,
    ),
    Check(
        "weights.nonnegative",
        "critical",
        "calibrate with weights of zero or more",
        inputs.weights_nonnegative,
    ),
    Check(
        "weights.total", "critical", "calibrate to the number of households", inputs.weights_total
    ),
    Check("weights.derived", "critical", "leave derived weights out", names.derived_weights),
    Check("values.finite", "critical", "mend the values where they are made", values.finite),
    Check("values.dtypes", "critical", "store the kind of value the engine wants", values.dtypes),
    Check("values.booleans", "critical", "store booleans as 0 and 1", values.booleans),
    Check("values.enums", "critical", "store member names of the enum", values.enums),
    Check("values.constant", "warning", "build the column, or leave it out", values.constant),
    Check("values.top_tail", "warning", "undo the cap where the column is made", values.top_tail),
    Check("columns.required", "critical", "build the missing columns", columns.columns_required),
    Check(
        "columns.range",
        "critical",
        "check units and signs where the column is made",
        columns.columns_range,
    ),
    Check(
        "geography.states",
        "critical",
        "give every household one of the 51 states",
        geography.states,
    ),
    Check(
        "geography.complete", "critical", "sample households from every state", geography.complete
    ),
    Check(
        "geography.population",
        "critical",
        "calibrate to the population of the states",
        geography.population,
    ),
    Check(
        "geography.county_format",
        "critical",
        "store five-digit text such as 06037",
        geography.county_format,
    ),
    Check(
        "geography.county_vintage",
        "critical",
        "map the codes to counties of 2020",
        geography.county_vintage,
    ),
    Check(
        "geography.county_state",
        "critical",
        "assign counties within the state",
        geography.county_state,
    ),
    Check("names.rejected", "critical", "leave SPM results out of the file", names.rejected),
    Check("names.computed", "critical", "store the inputs of the formula instead", names.computed),
    Check("names.unknown", "critical", "leave out what the engine does not know", names.unknown),
    Check(
        "names.forbidden", "critical", "leave source diagnostics out of the export", names.forbidden
    ),
    Check("inputs.take_up", "critical", "store a take-up flag for each program", inputs.take_up),
    Check(
        "inputs.wages", "critical", "store wages under their behavioural leaf name", inputs.wages
    ),
    Check("inputs.parity", "critical", "populate the inputs the incumbent has", inputs.parity),
)
