"""The shipped catalog and its semantics: complete, canonical, and honest about what is unknown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from builder.sources.acquire import OWN_PROVIDERS, READERS, provider_of
from builder.sources.catalog import CATALOG_FILE, ROOT, Entry, UserSources, load_catalog
from builder.sources.states import STATE_FIPS
from schemas.canonical import canonical_bytes
from schemas.errors import BuildError, RecordError
from schemas.records import read_record, validate

CATALOG = load_catalog()


def test_every_source_of_the_plan_is_on_record() -> None:
    assert {each.reader for each in CATALOG} == {*OWN_PROVIDERS, *READERS}
    assert len({each.id for each in CATALOG}) == len(CATALOG)


@pytest.mark.parametrize("entry", CATALOG, ids=lambda each: each.id)
def test_each_entry_agrees_with_its_semantics(entry: Entry) -> None:
    semantics = entry.load_semantics()
    assert (semantics["id"], semantics["title"]) == (entry.id, entry.title)
    assert provider_of(entry, UserSources()).id == entry.id
    weight = semantics["weight"]
    if entry.tables and weight:
        assert weight["entity"] in {each.entity for each in entry.tables}
    for table in entry.tables:
        assert all(entry.file(table.file).largest_member_bytes for _ in table.members)


@pytest.mark.parametrize("entry", CATALOG, ids=lambda each: each.id)
def test_only_downloads_have_an_address_and_it_is_https(entry: Entry) -> None:
    for each in entry.files:
        assert (each.url or "").startswith("https://") == (entry.access == "download")
        assert each.size_bytes is None or each.size_bytes <= each.largest_bytes


def test_records_are_in_canonical_form() -> None:
    for path in sorted(ROOT.glob("*.json")):
        name = "source_catalog" if path == CATALOG_FILE else "source_semantics"
        assert path.read_bytes() == canonical_bytes(read_record(path, name))


def test_no_variable_is_declared_twice_at_an_entity() -> None:
    for entry in CATALOG:
        named = [(each["entity"], each["name"]) for each in entry.load_semantics()["variables"]]
        assert len(named) == len(set(named))


@pytest.mark.parametrize("url", ["http://example.org/a.zip", "file:///etc/hosts", "ftp://a/b"])
def test_an_address_that_is_not_encrypted_is_no_address(url: str, tmp_path: Path) -> None:
    record = read_record(CATALOG_FILE, "source_catalog")
    record["entries"][1]["files"][0]["url"] = url
    path = tmp_path / "catalog.json"
    path.write_bytes(canonical_bytes(record))
    with pytest.raises(RecordError, match="url"):
        load_catalog(path)


def test_a_reader_nobody_wrote_is_refused() -> None:
    entry = dataclasses.replace(CATALOG[1], reader="psid")
    with pytest.raises(BuildError, match="no reader is called 'psid'"):
        provider_of(entry, UserSources())


def test_states_are_the_fifty_and_the_district() -> None:
    assert len(STATE_FIPS) == 51
    assert STATE_FIPS["Alabama"] == 1
    assert STATE_FIPS["District of Columbia"] == 11
    assert STATE_FIPS["Wyoming"] == 56


ABSENT = {
    "id": "scf-2022",
    "title": "SCF",
    "status": "absent",
    "licence": "public domain",
    "reason": "source.not_available",
    "message": "the server is down",
    "remedy": "try again",
    "files": [],
}
FILE = {"name": "a.zip", "url": None, "sha256": "0" * 64, "size_bytes": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": None},
        {"message": None},
        {"status": "present", "reason": None, "files": []},
        {"status": "present", "reason": None, "files": [FILE | {"sha256": None}]},
        {"status": "present", "files": [FILE]},
        {"path": "/data/a.zip"},
    ],
)
def test_a_report_gives_reasons_and_hashes(wrong: dict[str, object]) -> None:
    report = {"schema": "source_report", "schema_version": 1, "offline": True}
    validate({**report, "sources": [ABSENT]}, "source_report")
    with pytest.raises(RecordError):
        validate({**report, "sources": [ABSENT | wrong]}, "source_report")
