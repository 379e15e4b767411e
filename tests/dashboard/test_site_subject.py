"""Which run a site is about, at which stage, and what is said where that is not clear."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bare_sites import only_readiness
from sample_runs import break_run, write_pointer, write_run

from dashboard.errors import DashboardError
from dashboard.export import export_site
from dashboard.index import Index
from dashboard.indexing import update_index
from dashboard.site_files import MARKER
from dashboard.site_subject import subject_of

pytestmark = pytest.mark.usefixtures("bare")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("subject") / "runs"
    first, second = (write_run(root, name, targets=12) for name in ("first", "second"))
    break_run(write_run(root, "broken", targets=12, seed=3), "edited")
    write_pointer(root, first, second)
    return root


@pytest.fixture(scope="module")
def index(root: Path) -> Iterator[Index]:
    update_index([root], root.parent / "index.duckdb")
    opened = Index.open(root.parent / "index.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    only_readiness(monkeypatch)


def test_a_run_is_named_by_folder_or_key(index: Index, root: Path, tmp_path: Path) -> None:
    by_folder = export_site(index, tmp_path / "a", run="first")
    by_key = export_site(index, tmp_path / "b", run=by_folder.run)
    assert by_folder.run_id == by_key.run_id != "candidate"
    assert not by_folder.is_current
    page = (tmp_path / "a/index.html").read_text()
    assert "not the published candidate" in page
    assert "not the published candidate" in (tmp_path / "a/summary.md").read_text()
    assert json.loads((tmp_path / "a" / MARKER).read_text())["is_current"] is False


@pytest.mark.parametrize(
    ("run", "reason"),
    [("absent", "export.run"), ("broken", "run.broken"), ("../first", "export.run")],
)
def test_a_run_that_cannot_be_shown_is_refused(
    index: Index, tmp_path: Path, run: str, reason: str
) -> None:
    with pytest.raises(DashboardError) as caught:
        export_site(index, tmp_path / "site", run=run)
    assert caught.value.reason == reason
    assert not (tmp_path / "site").exists()


def unpublished(root: Path, *names: str) -> Index:
    for name in names:
        write_run(root, name, targets=12)
    db = root.parent / "index.duckdb"
    update_index([root], db)
    return Index.open(db)


def test_without_a_pointer_only_a_single_run_is_meant(tmp_path: Path) -> None:
    one = unpublished(tmp_path / "runs", "first")
    found = export_site(one, tmp_path / "site")
    assert (found.run_id, found.is_current) == (one.runs()["run_id"].iloc[0], False)
    two = unpublished(tmp_path / "runs", "second")
    with pytest.raises(DashboardError, match="more than one run"):
        export_site(two, tmp_path / "site")
    with pytest.raises(DashboardError, match="no run of mp-local-rich"):
        export_site(two, tmp_path / "site", product="mp-local-rich")
    pointer = write_pointer(tmp_path / "runs", tmp_path / "runs/first")
    pointer.chmod(0o644)
    pointer.write_text("{")
    update_index([tmp_path / "runs"], tmp_path / "index.duckdb")
    with pytest.raises(DashboardError, match="can't be trusted"):
        export_site(Index.open(tmp_path / "index.duckdb"), tmp_path / "site")


def test_a_sound_candidate_is_exported_whatever_became_of_the_one_before(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    first, second = (write_run(root, name, targets=12, seed=2) for name in ("first", "second"))
    write_pointer(root, first, second)
    shutil.rmtree(first)
    update_index([root], tmp_path / "index.duckdb")
    found = export_site(Index.open(tmp_path / "index.duckdb"), tmp_path / "site")
    assert found.is_current
    gone = "the previous candidate first: no run of that name is in the index"
    for name in ("index.html", "summary.md"):
        assert gone in (tmp_path / "site" / name).read_text()


def test_the_stage_is_that_of_the_published_candidate_unless_it_is_named(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    write_pointer(root, write_run(root, "first", targets=12), stage="beta")
    update_index([root], tmp_path / "index.duckdb")
    index = Index.open(tmp_path / "index.duckdb")
    assert export_site(index, tmp_path / "a").stage == "beta"
    assert export_site(index, tmp_path / "b", stage="default").stage == "default"
    summary = (tmp_path / "a/summary.md").read_text()
    assert summary.startswith("# mp-national, stage beta: ")


def test_the_history_of_a_gate_is_of_one_product(tmp_path: Path) -> None:
    for product in ("mp-national", "mp-local-fast"):
        write_run(tmp_path / "runs", product, targets=12, product=product)
    update_index([tmp_path / "runs"], tmp_path / "index.duckdb")
    with closing(Index.open(tmp_path / "index.duckdb")) as index:
        subject = subject_of(index, "mp-national", "mp-national", None)
        assert len(index.gates(gate="loss.broad")) == 2
        assert [*subject.gate_history("loss.broad")["run"]] == [subject.run.key]
