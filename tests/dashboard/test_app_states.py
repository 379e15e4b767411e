"""The app without an index, or with no runs, broken, changed or replaced ones: never a failure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from app_harness import OF_ONE_RUN, SLUGS, Runs, Shown, index_of, sample_index, sample_root, show
from sample_runs import break_run, write_run

from dashboard import session
from dashboard.index import Index
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
    for slug in OF_ONE_RUN:
        assert "No candidate is published. Shown instead: run newest" in show(slug).html
    assert "data-source" in show("artifacts").html


def test_a_broken_candidate_is_never_passed_over_for_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample_root(), tmp_path / "runs", symlinks=True)
    break_run(tmp_path / "runs" / "published", "edited")
    index_of(tmp_path, monkeypatch, tmp_path / "runs")
    for slug in OF_ONE_RUN:
        shown = show(slug)
        assert "The published candidate cannot be shown" in shown.html
        assert "loss.json was changed" in shown.html
        assert "Shown instead: run newest, the newest judged run of mp-national" in shown.html
    (standard, *_) = shown.test.selectbox(key="field_run").options
    assert standard == "Newest run (the published candidate cannot be shown)"


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("before", "the candidate to compare with cannot be read: before was changed"),
        ("published", "The published candidate cannot be shown: published was changed"),
    ],
)
def test_why_the_candidate_or_the_one_before_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, said: str
) -> None:
    shutil.copytree(sample_root(), tmp_path / "runs", symlinks=True)
    index_of(tmp_path, monkeypatch, tmp_path / "runs")
    break_run(tmp_path / "runs" / folder, "edited")
    shown = show("readiness").html
    assert said in shown
    assert ("What to do: run `mpgate index`" in shown) is (folder == "published")
    assert ("What blocks stage default" in shown) is (folder == "before")


def test_a_run_too_broken_to_tell_its_product_is_what_the_menu_says_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample_root() / "newest", tmp_path / "runs" / "newest")
    shutil.copytree(sample_root() / "before", tmp_path / "runs" / "half")
    break_run(tmp_path / "runs" / "half", "half")
    runs = Index.open(index_of(tmp_path, monkeypatch, tmp_path / "runs")).runs()
    row = runs.set_index("folder").loc["half"]
    assert row["product"] is None
    shown = show("artifacts", run=row["key"])
    assert "This run is broken" in shown.html
    assert shown.test.selectbox(key="field_run").value == row["key"]


def test_copies_of_a_run_below_two_roots_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for root in ("here", "there"):
        shutil.copytree(sample_root() / "newest", tmp_path / root / "newest")
    shutil.copytree(sample_root() / "newest", tmp_path / "there" / "again")
    db = index_of(tmp_path, monkeypatch, tmp_path / "here", tmp_path / "there")
    keys = list(Index.open(db).runs()["key"])
    test = show("history").test
    options = test.selectbox(key="field_run").options
    assert len(set(options)) == len(options) == 1 + len(keys)
    assert any("again" in each for each in options)
    for key in keys:
        test.selectbox(key="field_run").set_value(key).run()
        assert test.query_params == {"run": key}


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
    assert "What to do: run `mpgate index`" in shown.html
    assert "This run is broken" not in shown.html
    assert "data-source" not in shown.html


def test_an_index_that_is_taken_away_is_said_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample_root() / "newest", tmp_path / "runs" / "newest")
    db = index_of(tmp_path, monkeypatch, tmp_path / "runs")
    test = show("artifacts").test
    db.unlink()
    gone = Shown(test.run())
    assert "There is no index of runs to read" in gone.html
    assert "data-source" not in gone.html
