"""Small facts feeds for tests, made of published rows, in a registry folder of their own."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from baselines.targets.feeds import Imported, import_feed
from baselines.targets.registry import INDEX_FILE, TARGET_FILE, TARGETS_FOLDER
from baselines.targets.rows import EXCLUDED_COLUMNS, unstamp
from baselines.targets.target import COLUMNS, Target, parse_target
from schemas.canonical import sha256_bytes

WAGES = "us.bea.nipa_2_1.wages_salaries.amount.total"
SSI_COUNT = "us.ssa.ssi.federal_recipients.count.age_18_64"
SSI_DOLLARS = "us.ssa.ssi.federal_payments.amount.total"
SCHEDULE_C = "us.irs_soi.table_1_4.business_net_profit.amount.agi_total.all"
STATE = "us.usda.snap.persons.count.total.state_WY"

MANIFEST = {
    "schema": "facts_feed",
    "schema_version": 1,
    "id": "small",
    "part": "base",
    "publisher": "nobody",
    "licence": "public domain",
    "columns": 1,
}


@cache
def _published() -> dict[str, dict[str, str]]:
    text = unstamp((TARGETS_FOLDER / TARGET_FILE).read_text())
    return {row["target_id"]: row for row in csv.DictReader(io.StringIO(text))}


def row(target_id: str, **changes: str) -> dict[str, str]:
    """Return a published row, with the named cells changed."""
    return {**_published()[target_id], **changes}


def target(target_id: str, **changes: str) -> Target:
    """Return a published row as a target, not uprated, with the named cells changed."""
    return parse_target(row(target_id, **changes))


def csv_text(rows: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS) -> str:
    """Return the rows as a CSV."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def excluded(fact: str, **changes: str) -> dict[str, str]:
    """Return an excluded fact without a figure, unless one is given."""
    return {**dict.fromkeys(EXCLUDED_COLUMNS, ""), "fact": fact, "reason": "stale", **changes}


def write_feed(
    folder: Path,
    rows: Sequence[Mapping[str, str]],
    left_out: Sequence[Mapping[str, str]] = (),
    **manifest: Any,
) -> Path:
    """Write a feed and return the path of its manifest; `manifest` replaces entries of it."""
    texts = {"facts": csv_text(rows)}
    if left_out:
        texts["excluded"] = csv_text(left_out, EXCLUDED_COLUMNS)
    files = []
    for role, text in texts.items():
        (folder / f"{role}.csv").write_text(text)
        sha256 = sha256_bytes(text.encode())
        count = text.count("\n") - 1
        files.append({"name": f"{role}.csv", "role": role, "rows": count, "sha256": sha256})
    path = folder / "feed.json"
    path.write_text(json.dumps({**MANIFEST, "files": files, **manifest}))
    return path


def feed_of_bytes(folder: Path, content: bytes) -> Path:
    """Write a feed whose facts file is `content`, with the sha256 and row count it should have."""
    (folder / "facts.csv").write_bytes(content)
    rows = max(content.count(b"\n") - 1, 1)
    facts = {"name": "facts.csv", "role": "facts", "rows": rows, "sha256": sha256_bytes(content)}
    path = folder / "feed.json"
    path.write_text(json.dumps({**MANIFEST, "files": [facts]}))
    return path


def registry_folder(tmp_path: Path) -> Path:
    """Return an empty registry: the index table alone."""
    folder = tmp_path / "registry"
    folder.mkdir(exist_ok=True)
    (folder / INDEX_FILE).write_bytes((TARGETS_FOLDER / INDEX_FILE).read_bytes())
    return folder


def imported(tmp_path: Path, rows: Sequence[Mapping[str, str]], **manifest: Any) -> Imported:
    """Import the rows as a feed into the registry of `tmp_path`."""
    return import_feed(write_feed(tmp_path, rows, **manifest), folder=registry_folder(tmp_path))
