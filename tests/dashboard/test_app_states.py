"""The app without an index, or with no runs, broken, changed or replaced ones: never a failure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from app_harness import OF_ONE_RUN, SLUGS, Runs, index_of, sample_index, sample_root, show
from sample_runs import break_run, write_run

from dashboard import session
from dashboard.indexing import update_index


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    indexed = sample_index()
    monkeypatch.setenv(session.INDEX_VARIABLE, str(indexed.db))
    return indexed


@pytest.mark.parametrize("slug", SLUGS)
def test_without_an_index_every_page_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slug: str
) -> None:
    monkeypatch.setenv(session.INDEX_VARIABLE, str(tmp_path / "none.duckdb"))
    shown = show(slug)
    assert "mpgate index" in shown.html
    assert str(tmp_path) not in shown.html


def test_an_index_that_cannot_be_read_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged.duckdb"
    damaged.write_bytes(b"\0" * 20_000)
    monkeypatch.setenv(session.INDEX_VARIABLE, str(damaged))
    for slug in SLUGS:
        shown = show(slug)
        assert "There is no index of runs to read" in shown.html
        assert "mpgate index" in shown.html


def test_an_index_without_runs_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    index_of(tmp_path, monkeypatch, tmp_path / "empty")
    for slug in SLUGS:
        assert "The index holds no run yet" in show(slug).html


def test_an_index_of_broken_runs_only_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample_root() / "broken", tmp_path / "runs" / "broken", symlinks=True)
    index_of(tmp_path, monkeypatch, tmp_path / "runs")
    for slug in SLUGS:
        assert show(slug).title
    for slug in OF_ONE_RUN:
        assert "This run is broken" in show(slug).html
    assert "What blocks" not in show("readiness").html


def test_without_a_pointer_no_run_is_called_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample_root() / "newest", tmp_path / "runs" / "newest")
    index_of(tmp_path, monkeypatch, tmp_path / "runs")
    readiness = show("readiness")
    assert "What blocks" not in readiness.html
    assert (
        "Newest run (no candidate is published)"
        in readiness.test.selectbox(key="field_run").options
    )
    assert "data-source" in show("artifacts").html


def test_a_run_that_was_not_judged_is_told_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "runs", "built", judged=False)
    index_of(tmp_path, monkeypatch, tmp_path / "runs")
    for slug in OF_ONE_RUN:
        shown = show(slug)
        assert "was not judged yet" in shown.html
        assert "mpgate bundle judge" in shown.html


def test_a_product_without_a_run_shows_no_other_products_run(runs: Runs) -> None:
    for slug in OF_ONE_RUN:
        shown = show(slug, product="mp-local-fast")
        assert "The index holds no run of mp-local-fast" in shown.html
        assert "data-source" not in shown.html


def test_a_replaced_index_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = tmp_path / "runs"
    shutil.copytree(sample_root() / "newest", held / "newest")
    db = index_of(tmp_path, monkeypatch, held)
    assert len(show("history").test.selectbox(key="field_run").options) == 2
    shutil.copytree(sample_root() / "before", held / "before")
    update_index([held], db)
    assert len(show("history").test.selectbox(key="field_run").options) == 3


def test_a_run_that_changed_since_it_was_indexed_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample_root() / "newest", tmp_path / "runs" / "newest")
    index_of(tmp_path, monkeypatch, tmp_path / "runs")
    break_run(tmp_path / "runs" / "newest", "edited")
    shown = show("artifacts")
    assert "was changed since it was indexed" in shown.html
    assert "data-source" not in shown.html
