"""docs/decisions: every record has its parts, is in the index, and names files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
HEADINGS = ["Context", "Decision", "Consequences", "Source", "What would change it"]
ASKED = {  # by the issue, point 10
    "tolerances",
    "candidate",
    "unpinned",
    "donor-imputed",
    "relational",
    "sparse",
    "stopping",
    "soi",
    "bundle",
}


def sections(text: str) -> dict[str, str]:
    """Return the text under each second-level heading, in order."""
    parts = re.split(r"^## (.+)$", text, flags=re.M)[1:]
    return {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_every_part_in_order_and_says_where_it_comes_from(path: Path) -> None:
    text = path.read_text()
    found = sections(text)
    assert re.match(rf"# {path.name[:4]}: \S.+\n\nStatus: (accepted|replaced by \d{{4}})\n", text)
    assert list(found) == HEADINGS
    assert min(len(body.split()) for body in found.values()) >= 5
    assert re.search(r"\b(plan|issue): ", found["Source"])
    assert len(text.split()) < 400


def test_numbers_run_from_one_without_gaps() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_index_lists_every_record_under_its_own_title() -> None:
    index = (DECISIONS / "README.md").read_text()
    listed = re.findall(r"^\| (\d{4}) \| \[(.+)\]\((.+\.md)\) \|$", index, flags=re.M)
    titles = [path.read_text().splitlines()[0] for path in RECORDS]
    assert [f"# {number}: {title}" for number, title, _ in listed] == titles
    assert [file for _, _, file in listed] == [path.name for path in RECORDS]


def test_every_question_that_was_asked_has_its_record() -> None:
    names = " ".join(path.stem for path in RECORDS)
    assert {word for word in ASKED if word not in names} == set()


def test_files_that_the_records_name_exist() -> None:
    text = "\n".join(path.read_text() for path in DECISIONS.glob("*.md"))
    named = set(re.findall(r"`([a-z_]+/[\w./]*)`", text))
    assert len(named) >= 4
    assert {name for name in named if not (ROOT / name).exists()} == set()
