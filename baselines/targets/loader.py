"""Load the committed target facts, refusing any file whose content isn't the pinned one."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from baselines.targets.target import COLUMNS, Target, parse_target
from schemas.canonical import sha256_bytes
from schemas.errors import BaselineError

TARGETS_FOLDER = Path(__file__).parent
TARGET_DB_ID = "us-2024-facts"
TARGET_FILE = "us_2024.csv"
EXCLUDED_FILE = "excluded.csv"
POPULATION_GROUP = "census_state_population"
# The identity of the facts: evidence measured against other bytes can't be compared.
PINNED_SHA256 = {
    TARGET_FILE: "4b7241b5f6f6eff859085421fc8e7e76b7d1d97748484863cfb4540a42f1c5e5",
    EXCLUDED_FILE: "14ff8067100c8f3b81183823e027510106d06809147d972ba5af6a9fca750c67",
}
_RESTORE = (
    "restore baselines/targets/ from version control, or re-pin it in "
    "baselines/targets/loader.py on purpose"
)


@dataclass(frozen=True)
class ExcludedFact:
    """A published figure that is not a target, with the reason it was left out."""

    fact: str
    value: str
    unit: str
    geography_id: str
    source_period: str
    source_agency: str
    source_table: str
    source_file: str
    reason: str


EXCLUDED_COLUMNS = tuple(ExcludedFact.__dataclass_fields__)


@cache
def state_population() -> dict[int, float]:
    """Return persons by state FIPS code: ACS 1-year S0101 of 2024, from the committed facts."""
    rows = [row for row in load_targets() if row.holdout_group == POPULATION_GROUP]
    return {int(row.geography_id): row.value for row in rows}


def load_targets(
    ids: Sequence[str] | None = None, *, folder: Path = TARGETS_FOLDER
) -> list[Target]:
    """Return the targets: all in file order, or the asked `ids` in the asked order.

    Raises BaselineError on a file that isn't the pinned one, on a malformed or repeated row (with
    its row number and the reason), and on ids that are unknown or asked for twice.
    """
    targets = parse_targets(_read_pinned(folder, TARGET_FILE))
    if ids is None:
        return targets
    by_id = {target.target_id: target for target in targets}
    unknown = [each for each in ids if each not in by_id]
    if unknown:
        raise BaselineError(
            f"{len(unknown)} unknown target id(s): {_listing(unknown)}",
            reason="targets.unknown_id",
            remedy=f"correct the suite; the known ids are the first column of {TARGET_FILE}",
        )
    repeated = _repeated(ids)
    if repeated:
        raise BaselineError(
            f"target id(s) asked for more than once: {_listing(repeated)}",
            reason="targets.repeated_id",
            remedy="name each target once in the suite, or it counts twice in a loss",
        )
    return [by_id[each] for each in ids]


def load_excluded(*, folder: Path = TARGETS_FOLDER) -> list[ExcludedFact]:
    """Return the published figures that were left out, each with its reason."""
    text = _read_pinned(folder, EXCLUDED_FILE)
    return [ExcludedFact(**row) for row in _rows(text, EXCLUDED_FILE, EXCLUDED_COLUMNS).values()]


def target_db_identity(*, folder: Path = TARGETS_FOLDER) -> dict[str, str]:
    """Return `{id, sha256}` of the target facts: what evidence is bound to.

    The sha256 is that of the CSV's bytes, compared with its pin before it is returned.
    """
    return {"id": TARGET_DB_ID, "sha256": sha256_bytes(_read_pinned(folder, TARGET_FILE).encode())}


def parse_targets(text: str) -> list[Target]:
    """Return the typed targets of a facts CSV; BaselineError names the row and what is wrong."""
    rows = _rows(text, TARGET_FILE, COLUMNS)
    repeated = _repeated(row["target_id"] for row in rows.values())
    if repeated:
        numbers = [number for number, row in rows.items() if row["target_id"] == repeated[0]]
        raise _bad_row(numbers[1], f"target id {repeated[0]} repeats row {numbers[0]}")
    return [_parse_row(number, row) for number, row in rows.items()]


def _parse_row(number: int, row: dict[str, str]) -> Target:
    try:
        return parse_target(row)
    except ValueError as error:
        raise _bad_row(number, f"{row['target_id'] or '(no id)'}: {error}") from error


def _bad_row(number: int, what: str, name: str = TARGET_FILE) -> BaselineError:
    return BaselineError(
        f"{name} row {number}: {what}", reason="targets.row", remedy="correct the row"
    )


def _rows(text: str, name: str, columns: tuple[str, ...]) -> dict[int, dict[str, str]]:
    """Return the rows by row number (the header is row 1); the columns must be exact."""
    reader = csv.reader(io.StringIO(text, newline=""))
    header = tuple(next(reader, ()))
    if header != columns:
        raise BaselineError(
            f"{name} has the columns {', '.join(header)}, not exactly {', '.join(columns)}",
            reason="targets.columns",
            remedy=_RESTORE,
        )
    rows = {}
    for number, cells in enumerate(reader, start=2):
        if len(cells) != len(columns):
            raise _bad_row(number, f"{len(cells)} cells, expected {len(columns)}", name)
        rows[number] = dict(zip(columns, cells, strict=True))
    return rows


def _read_pinned(folder: Path, name: str) -> str:
    """Return the file's text once the sha256 of its bytes equals the pinned one."""
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise BaselineError(
            f"the target file {name} can't be read: {error.strerror}",
            reason="targets.unreadable",
            remedy=_RESTORE,
        ) from error
    found = sha256_bytes(content)
    if found != PINNED_SHA256[name]:
        raise BaselineError(
            f"{name} isn't the pinned target file: sha256 {found}, pinned {PINNED_SHA256[name]}",
            reason="targets.not_pinned",
            remedy=_RESTORE,
        )
    return content.decode("utf-8")


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _listing(values: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"
