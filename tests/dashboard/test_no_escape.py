"""Nothing outside the run folders can be read through the app or the export, whatever is asked."""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from browser_served import Served
from sample_runs import write_run
from streamlit.testing.v1 import AppTest

from dashboard import export
from dashboard.errors import DashboardError
from dashboard.export import export_site
from dashboard.index import Index
from dashboard.indexing import update_index
from dashboard.serve import ENTRY, INDEX_VARIABLE
from schemas.bundle import SUMS, digest_of, sums_of
from schemas.canonical import canonical_bytes

SECRET = "secret-of-another-folder-5f1c"
HOSTILE = (
    "../../outside/secret.json",
    "..%2f..%2foutside%2fsecret.json",
    "/etc/passwd",
    "file:///etc/passwd",
    "\\\\host\\share",
    "' OR 1=1 --",
    "\x00",
    "<img src=x onerror=alert(1)>",
    "a" * 5_000,
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed run, and beside its root a folder with a secret."""
    base = tmp_path_factory.mktemp("escape")
    (base / "outside").mkdir()
    (base / "outside" / "secret.json").write_text(json.dumps({"label": SECRET}))
    return write_run(base / "runs", "good", seed=11)


@pytest.fixture
def roots(sealed: Path, tmp_path: Path) -> Path:
    """A copy of runs and secret that a test may change; returns the root of the runs."""
    shutil.copytree(sealed.parent.parent, tmp_path / "all", symlinks=True)
    return tmp_path / "all" / "runs"


def _row(root: Path, folder: str) -> dict[str, object]:
    db = root.parent / "index.duckdb"
    update_index([root], db)
    index = Index.open(db)
    rows = index.runs().set_index("folder")
    index.close()
    found: dict[str, object] = rows.loc[folder].to_dict()
    return found


def _relisted(run: Path, path: str) -> None:
    """Make the seal of a run list another path for its loss record, with every digest right."""
    bundle = json.loads((run / "bundle.json").read_text())
    for each in bundle["files"]:
        if each["path"] == "records/loss.json":
            each["path"] = path
    bundle["files"].sort(key=lambda each: each["path"])
    bundle["digest"] = digest_of(bundle)
    for name, data in (("bundle.json", canonical_bytes(bundle)), (SUMS, sums_of(bundle))):
        (run / name).chmod(0o644)
        (run / name).write_bytes(data)


@pytest.mark.parametrize("path", ["../../outside/secret.json", "/etc/passwd", "records/../../x"])
def test_a_seal_that_lists_a_path_outside_makes_a_broken_run(roots: Path, path: str) -> None:
    _relisted(roots / "good", path)
    row = _row(roots, "good")
    assert row["state"] == "broken"
    assert SECRET not in str(row)


@pytest.mark.parametrize(
    "inside", ["records/loss.json", "records", "verdict/1/gate_results.json", "verdict"]
)
def test_a_link_out_of_the_run_is_not_followed(roots: Path, inside: str) -> None:
    place = roots / "good" / inside
    away = roots.parent / "outside" / place.name
    place.rename(away)
    place.symlink_to(away)
    assert _row(roots, "good")["state"] in ("broken", "unjudged")


def test_a_linked_run_folder_is_no_run(roots: Path) -> None:
    (roots / "good").rename(roots.parent / "outside" / "moved")
    (roots / "linked").symlink_to(roots.parent / "outside" / "moved")
    db = roots.parent / "index.duckdb"
    assert update_index([roots], db).runs == 0


def test_an_indexed_run_that_becomes_a_link_is_not_loaded(roots: Path) -> None:
    key = str(_row(roots, "good")["key"])
    loss = roots / "good" / "records" / "loss.json"
    loss.rename(roots.parent / "outside" / "loss.json")
    loss.symlink_to(roots.parent / "outside" / "loss.json")
    index = Index.open(roots.parent / "index.duckdb")
    with pytest.raises(DashboardError):
        index.load(key)
    index.close()


@pytest.mark.parametrize("asked", HOSTILE)
def test_the_export_names_runs_by_what_is_indexed_only(roots: Path, asked: str) -> None:
    _row(roots, "good")
    index = Index.open(roots.parent / "index.duckdb")
    with pytest.raises(DashboardError):
        export_site(index, roots.parent / "site", run=asked)
    index.close()
    assert not (roots.parent / "site").exists()


def test_an_export_stays_in_its_folder(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "chart_svg", lambda chart: "<svg></svg>")  # quick
    hostile = write_run(roots, "hostile", seed=12, hostile=True, failing=("family.snap",))
    _row(roots, "hostile")
    before = {file for file in roots.parent.rglob("*") if file.is_file()}
    index = Index.open(roots.parent / "index.duckdb")
    out = export_site(index, roots.parent / "site", run=hostile.name).folder
    index.close()
    new = {file for file in roots.parent.rglob("*") if file.is_file()} - before
    assert new
    assert all(file.is_relative_to(out) for file in new)
    assert not any(file.is_symlink() for file in out.rglob("*"))


@pytest.mark.parametrize("asked", HOSTILE)
def test_the_app_knows_runs_by_what_is_indexed_only(
    roots: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    _row(roots, "good")
    monkeypatch.setenv(INDEX_VARIABLE, str(roots.parent / "index.duckdb"))
    app = AppTest.from_file(str(ENTRY), default_timeout=60)
    app.query_params["run"] = asked
    app.run()
    assert not app.exception
    shown = " ".join(str(each.proto) for each in app.main)
    assert "There is no run" in shown
    assert SECRET not in shown
    assert "root:x:" not in shown


@pytest.mark.browser
@pytest.mark.parametrize(
    "path",
    [
        "/app/static/../../../../etc/passwd",
        "/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/media/../../etc/passwd",
        "/component/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
    ],
)
def test_the_server_hands_out_no_file(served: Served, path: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{served.base}{path}", timeout=10) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    assert b"root:" not in body
    assert os.fsencode(str(served.db)) not in body
