"""Acquiring: present, absent or refused, with the reason; only declared bytes are believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import source_publisher as published
from source_publisher import Offer, Publisher, publishing, served, sha256

from builder.sources.acquire import SourceSet, acquire_all
from builder.sources.catalog import Entry, UserSources, load_catalog
from schemas.errors import BuildError
from schemas.records import validate

pytestmark = pytest.mark.network
SCF = published.scf_files()
NAME, BODY = next(iter(SCF.items()))


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    offers = {f"/{name}": Offer(body) for name, body in {**SCF, **published.acs_files()}.items()}
    with publishing(Publisher(offers)) as server:
        yield server


@pytest.fixture
def scf(publisher: Publisher) -> Entry:
    return served("scf-2022", SCF, publisher.endpoint)


def acquire(entry: Entry, cache: Path, *, offline: bool = False, **user: object) -> SourceSet:
    found = acquire_all((entry,), cache, offline=offline, user=UserSources(**user))  # type: ignore[arg-type]
    validate(found.report, "source_report")
    return found


def status(found: SourceSet) -> tuple[str, str | None]:
    row = found.report["sources"][0]
    return row["status"], row["reason"]


def kept(cache: Path) -> dict[str, bytes]:
    files = (each for each in cache.rglob("*") if each.is_file())
    return {str(each.relative_to(cache)): each.read_bytes() for each in files}


def test_a_download_is_verified_kept_and_read(scf: Entry, tmp_path: Path) -> None:
    found = acquire(scf, tmp_path)
    assert status(found) == ("present", None)
    assert kept(tmp_path) == {f"scf-2022/{NAME}": BODY}
    assert found.report["sources"][0]["files"] == [
        {"name": NAME, "url": scf.files[0].url, "sha256": sha256(BODY), "size_bytes": len(BODY)}
    ]
    assert len(found.read("scf-2022").tables["household"]) == 5
    found.require_none_refused()


def test_what_is_in_the_cache_is_not_asked_for_again(
    scf: Entry, publisher: Publisher, tmp_path: Path
) -> None:
    acquire(scf, tmp_path)
    publisher.requested.clear()
    assert status(acquire(scf, tmp_path)) == ("present", None)
    assert status(acquire(scf, tmp_path, offline=True)) == ("present", None)
    assert publisher.requested == []


def test_two_files_of_one_source_are_both_fetched(publisher: Publisher, tmp_path: Path) -> None:
    entry = served("acs-pums-2024", published.acs_files(), publisher.endpoint)
    found = acquire(entry, tmp_path)
    assert sorted(kept(tmp_path)) == ["acs-pums-2024/csv_hus.zip", "acs-pums-2024/csv_pus.zip"]
    assert len(found.read("acs-pums-2024").tables["household"]) == 4


def test_a_wrong_hash_is_refused_with_both_and_nothing_is_kept(
    scf: Entry, publisher: Publisher, tmp_path: Path
) -> None:
    publisher.offers[f"/{NAME}"] = Offer(BODY + b"more")
    found = acquire(scf, tmp_path)
    assert status(found) == ("refused", "source.wrong_hash")
    assert kept(tmp_path) == {}
    said = found.report["sources"][0]["message"]
    assert sha256(BODY) in said
    assert sha256(BODY + b"more") in said
    with pytest.raises(BuildError, match="scf-2022 is refused"):
        found.read("scf-2022")
    with pytest.raises(BuildError, match=NAME) as caught:
        found.require_none_refused()
    assert caught.value.reason == "source.wrong_hash"


def test_a_size_that_is_not_the_pinned_one_is_refused_before_a_byte(
    scf: Entry, tmp_path: Path
) -> None:
    file = dataclasses.replace(scf.files[0], size_bytes=len(BODY) + 1)
    found = acquire(dataclasses.replace(scf, files=(file,)), tmp_path)
    assert status(found) == ("refused", "source.wrong_size")


def test_a_cached_file_that_was_changed_is_fetched_again(scf: Entry, tmp_path: Path) -> None:
    acquire(scf, tmp_path)
    (tmp_path / "scf-2022" / NAME).write_bytes(b"other")
    assert status(acquire(scf, tmp_path)) == ("present", None)
    assert kept(tmp_path) == {f"scf-2022/{NAME}": BODY}


def test_a_cached_file_that_was_changed_is_not_believed_offline(scf: Entry, tmp_path: Path) -> None:
    acquire(scf, tmp_path)
    (tmp_path / "scf-2022" / NAME).write_bytes(b"other")
    assert status(acquire(scf, tmp_path, offline=True)) == ("absent", "source.not_available")


@pytest.mark.parametrize("offer", [Offer(BODY, sends=9), Offer(b"", status=404), Offer(b"bad")])
def test_a_failing_download_leaves_earlier_files_as_they_were(
    scf: Entry, publisher: Publisher, tmp_path: Path, offer: Offer
) -> None:
    acquire(scf, tmp_path)
    other = published.acs_files()
    publisher.offers["/csv_pus.zip"] = offer
    found = acquire(served("acs-pums-2024", other, publisher.endpoint), tmp_path)
    assert status(found)[0] in ("absent", "refused")
    assert kept(tmp_path) == {
        f"scf-2022/{NAME}": BODY,
        "acs-pums-2024/csv_hus.zip": other["csv_hus.zip"],
    }


def test_a_server_that_is_down_makes_the_source_absent_with_its_reason(tmp_path: Path) -> None:
    with publishing(Publisher({})) as publisher:
        entry = served("scf-2022", SCF, publisher.endpoint)
    found = acquire(entry, tmp_path)
    assert status(found) == ("absent", "source.not_available")
    assert "cannot be reached" in found.report["sources"][0]["message"]
    assert not found.has("scf-2022")
    found.require_none_refused()
    with pytest.raises(BuildError, match=r"scf-2022 is absent: .*cannot be reached"):
        found.read("scf-2022")


def test_a_file_the_publisher_does_not_have_makes_the_source_absent(
    publisher: Publisher, tmp_path: Path
) -> None:
    entry = served("sipp-2023", published.sipp_files(), publisher.endpoint)
    found = acquire(entry, tmp_path)
    assert status(found) == ("absent", "source.not_available")
    assert "HTTP 404" in found.report["sources"][0]["message"]


def test_offline_asks_no_server(scf: Entry, publisher: Publisher, tmp_path: Path) -> None:
    assert status(acquire(scf, tmp_path, offline=True)) == ("absent", "source.not_available")
    assert publisher.requested == []


def test_an_unpinned_file_is_recorded_and_not_used_until_the_user_pins_it(
    scf: Entry, tmp_path: Path
) -> None:
    unpinned = dataclasses.replace(scf, files=(dataclasses.replace(scf.files[0], sha256=None),))
    found = acquire(unpinned, tmp_path)
    assert status(found) == ("absent", "source.unpinned")
    assert found.report["sources"][0]["files"][0]["sha256"] == sha256(BODY)
    with pytest.raises(BuildError, match="no sha256 is known to trust"):
        found.read("scf-2022")
    pinned = acquire(unpinned, tmp_path, pins={"scf-2022": {NAME: sha256(BODY)}})
    assert status(pinned) == ("present", None)
    wrong = acquire(unpinned, tmp_path, pins={"scf-2022": {NAME: "0" * 64}})
    assert status(wrong) == ("refused", "source.wrong_hash")
    assert kept(tmp_path) == {f"scf-2022/{NAME}": BODY}


def test_an_own_copy_needs_no_network_and_the_same_hash(scf: Entry, tmp_path: Path) -> None:
    own = tmp_path / "mine.zip"
    own.write_bytes(BODY)
    paths = {"scf-2022": {NAME: own}}
    found = acquire(scf, tmp_path / "cache", offline=True, paths=paths)
    assert status(found) == ("present", None)
    assert str(tmp_path) not in str(found.report)  # a report names content, not places
    assert len(found.read("scf-2022").tables["household"]) == 5
    own.write_bytes(BODY + b" ")
    found = acquire(scf, tmp_path / "cache", offline=True, paths=paths)
    assert status(found) == ("refused", "source.wrong_hash")


def puf() -> Entry:
    return next(each for each in load_catalog() if each.id == "irs-puf-2015")


def test_the_puf_without_a_path_is_absent(tmp_path: Path) -> None:
    found = acquire(puf(), tmp_path)
    assert status(found) == ("absent", "source.not_available")
    assert "give paths of own copies of puf_2015.csv" in found.report["sources"][0]["remedy"]
    assert "network" not in found.report["sources"][0]["remedy"]


def test_the_puf_at_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    paths = {"irs-puf-2015": {"puf_2015.csv": tmp_path / "nowhere.csv"}}
    found = acquire(puf(), tmp_path, paths=paths)
    assert status(found) == ("refused", "source.path")
    with pytest.raises(BuildError, match=r"leads to no file: nowhere\.csv"):
        found.require_none_refused()


def test_the_puf_is_read_from_its_path_once_pinned(tmp_path: Path) -> None:
    own = tmp_path / "licensed.csv"
    own.write_bytes(published.puf_files()["puf_2015.csv"])
    paths = {"irs-puf-2015": {"puf_2015.csv": own}}
    assert status(acquire(puf(), tmp_path, paths=paths)) == ("absent", "source.unpinned")
    pins = {"irs-puf-2015": {"puf_2015.csv": sha256(own.read_bytes())}}
    found = acquire(puf(), tmp_path / "cache", paths=paths, pins=pins)
    assert len(found.read("irs-puf-2015").tables["tax_unit"]) == 1
    assert not (tmp_path / "cache").exists()  # licensed bytes are not copied


def test_a_pin_against_the_catalogs_is_refused(scf: Entry, tmp_path: Path) -> None:
    found = acquire(scf, tmp_path, pins={"scf-2022": {NAME: "1" * 64}})
    assert status(found) == ("refused", "source.pin_conflict")


def test_a_path_of_a_file_the_source_does_not_have_is_refused(scf: Entry, tmp_path: Path) -> None:
    found = acquire(scf, tmp_path, paths={"scf-2022": {"scf.zip": tmp_path}})
    assert status(found) == ("refused", "source.unknown_file")
    assert NAME in found.report["sources"][0]["remedy"]


def test_paths_of_an_unknown_source_stop_the_build(scf: Entry, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no source is called sfc") as caught:
        acquire(scf, tmp_path, paths={"sfc": {}})
    assert "scf-2022" in caught.value.remedy


def test_one_refused_source_leaves_the_others_alone(
    scf: Entry, publisher: Publisher, tmp_path: Path
) -> None:
    bad = dataclasses.replace(
        scf, id="scf-other", files=(dataclasses.replace(scf.files[0], sha256="2" * 64),)
    )
    found = acquire_all((bad, scf, puf()), tmp_path, offline=False)
    rows = {each["id"]: each["status"] for each in found.report["sources"]}
    assert rows == {"scf-other": "refused", "scf-2022": "present", "irs-puf-2015": "absent"}
    assert sorted(kept(tmp_path)) == [f"scf-2022/{NAME}"]


def test_a_source_nobody_knows_cannot_be_read(scf: Entry, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no source is called 'scf'"):
        acquire(scf, tmp_path).read("scf")


def test_a_cache_that_cannot_be_written_is_a_typed_error(scf: Entry, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file in the way")
    found = acquire(scf, tmp_path / "cache")
    assert status(found) == ("refused", "source.unwritable")
