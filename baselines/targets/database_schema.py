"""The schema of the target database, and its conventions as data.

Source: the tables, columns, views and triggers that policyengine-us-data gives `policy_data.db`
(`db/create_database_tables.py`, `db/DATABASE_GUIDE.md`). Names, types and rules are theirs, so
that their readers can query our file; the text is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from schemas.records import read_record

TABLES: Mapping[str, tuple[str, ...]] = {
    "strata": ("stratum_id", "definition_hash", "parent_stratum_id", "notes"),
    "stratum_constraints": ("stratum_id", "constraint_variable", "operation", "value", "notes"),
    "targets": (
        "target_id",
        "variable",
        "period",
        "stratum_id",
        "reform_id",
        "value",
        "active",
        "tolerance",
        "source",
        "notes",
    ),
    "field_valid_values": ("field_name", "valid_value", "description"),
}
VIEWS = ("stratum_domain", "target_overview")
# The fields that a trigger holds against field_valid_values; a null source is allowed.
CHECKED: Mapping[str, tuple[str, ...]] = {
    "stratum_constraints": ("operation", "constraint_variable"),
    "targets": ("active", "period", "variable", "source"),
}
CREATE_TABLES = """
CREATE TABLE strata (
 stratum_id INTEGER NOT NULL,
 definition_hash VARCHAR(64) NOT NULL,
 parent_stratum_id INTEGER,
 notes VARCHAR,
 PRIMARY KEY (stratum_id),
 CONSTRAINT uq_strata_definition_hash UNIQUE (definition_hash),
 FOREIGN KEY (parent_stratum_id) REFERENCES strata (stratum_id)
);
CREATE TABLE stratum_constraints (
 stratum_id INTEGER NOT NULL,
 constraint_variable VARCHAR NOT NULL,
 operation VARCHAR NOT NULL,
 value VARCHAR NOT NULL,
 notes VARCHAR,
 PRIMARY KEY (stratum_id, constraint_variable, operation),
 FOREIGN KEY (stratum_id) REFERENCES strata (stratum_id)
);
CREATE TABLE targets (
 target_id INTEGER NOT NULL,
 variable VARCHAR NOT NULL,
 period INTEGER NOT NULL,
 stratum_id INTEGER NOT NULL,
 reform_id INTEGER NOT NULL,
 value FLOAT,
 active BOOLEAN NOT NULL,
 tolerance FLOAT,
 source VARCHAR,
 notes VARCHAR,
 PRIMARY KEY (target_id),
 CONSTRAINT _target_unique UNIQUE (variable, period, stratum_id, reform_id),
 FOREIGN KEY (stratum_id) REFERENCES strata (stratum_id)
);
CREATE TABLE field_valid_values (
 field_name VARCHAR NOT NULL,
 valid_value VARCHAR NOT NULL,
 description VARCHAR,
 PRIMARY KEY (field_name, valid_value)
);
CREATE INDEX ix_strata_parent_stratum_id ON strata (parent_stratum_id);
CREATE INDEX ix_targets_stratum_id ON targets (stratum_id);
"""
CREATE_VIEWS = """
CREATE VIEW stratum_domain AS
SELECT DISTINCT stratum_id, constraint_variable AS domain_variable
FROM stratum_constraints
WHERE constraint_variable NOT IN
 ('congressional_district_geoid', 'state_fips', 'tax_unit_is_filer', 'ucgid_str');
CREATE VIEW target_overview AS
SELECT t.target_id, t.stratum_id, t.variable, t.reform_id, t.value, t.period, t.active,
 CASE
  WHEN EXISTS (
   SELECT 1 FROM stratum_constraints AS c WHERE c.stratum_id = t.stratum_id
   AND (c.constraint_variable = 'congressional_district_geoid'
    OR c.constraint_variable = 'ucgid_str' AND length(c.value) = 13)
  ) THEN 'district'
  WHEN EXISTS (
   SELECT 1 FROM stratum_constraints AS c WHERE c.stratum_id = t.stratum_id
   AND (c.constraint_variable = 'state_fips'
    OR c.constraint_variable = 'ucgid_str' AND length(c.value) = 11)
  ) THEN 'state'
  ELSE 'national'
 END AS geo_level,
 coalesce(
  (SELECT max(c.value) FROM stratum_constraints AS c WHERE c.stratum_id = t.stratum_id
   AND c.constraint_variable = 'congressional_district_geoid'),
  (SELECT max(c.value) FROM stratum_constraints AS c WHERE c.stratum_id = t.stratum_id
   AND c.constraint_variable = 'state_fips'),
  (SELECT max(c.value) FROM stratum_constraints AS c WHERE c.stratum_id = t.stratum_id
   AND c.constraint_variable = 'ucgid_str'),
  'US'
 ) AS geographic_id,
 (SELECT group_concat(domain_variable, ',') FROM (
  SELECT d.domain_variable FROM stratum_domain AS d
  WHERE d.stratum_id = t.stratum_id ORDER BY d.domain_variable
 )) AS domain_variable
FROM targets AS t;
"""


def create_triggers() -> str:
    """Return the SQL of the four triggers that refuse a value field_valid_values doesn't list."""
    parts = []
    for table, names in CHECKED.items():
        checks = "\n".join(_check(table, name) for name in names)
        for event in ("INSERT", "UPDATE"):
            head = f"CREATE TRIGGER validate_{table}_{event.lower()} BEFORE {event} ON {table}"
            parts.append(f"{head}\nFOR EACH ROW BEGIN\n{checks}\nEND;")
    return "\n".join(parts)


def _check(table: str, name: str) -> str:
    return (
        f" SELECT RAISE(ABORT, 'Invalid {name} value for {table}')\n"
        f" WHERE NEW.{name} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM field_valid_values\n"
        f"  WHERE field_name = '{name}' AND valid_value = CAST(NEW.{name} AS TEXT));"
    )


@dataclass(frozen=True)
class Conventions:
    """What the database leaves to convention; `counters` holds the unit of each."""

    operations: Mapping[str, str]
    counters: Mapping[str, str]
    count_suffix: str
    state_variable: str
    district_variable: str
    text_geography_variable: str
    filer_variable: str
    dollar_index: str
    count_index: str

    @property
    def outside_domain(self) -> tuple[str, ...]:
        """Return the constraint variables that name a place or filers, not a domain."""
        return (
            self.district_variable,
            self.state_variable,
            self.filer_variable,
            self.text_geography_variable,
        )


@cache
def conventions() -> Conventions:
    """Return the conventions on record; RecordError if the file isn't valid."""
    record = read_record(Path(__file__).parent / "database.json", "target_database")
    return Conventions(
        **{key: value for key, value in record.items() if not key.startswith("schema")}
    )
