"""A site's addresses and files: safe names, links that stay inside, folders replaced whole."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from dashboard.blocks import Link
from dashboard.errors import DashboardError
from dashboard.run_data import RunData
from dashboard.site import Subject, key_of
from dashboard.site_files import MARKER, refuse_foreign, replace_folder, safe_name
from schemas.bundle import BUNDLE

NOTHING = pd.DataFrame()


def subject(run: RunData, previous: RunData | None = None, *, current: bool = True) -> Subject:
    return Subject(
        run, "mp-national", "default", current, None, "", previous, (), NOTHING, NOTHING,
        lambda _: NOTHING,
    )  # fmt: skip


def run_of(key: str) -> RunData:
    return RunData(key, key, "mp-national", "sealed", {})


@pytest.mark.parametrize(
    ("page", "params", "file"),
    [
        ("readiness", {}, "index.html"),
        ("readiness", {"run": "other"}, None),
        ("gate", {"run": "k", "gate": "a.b", "stage": "default"}, "gate/a.b.html"),
        ("gate", {"run": "k", "gate": "a.b", "stage": "beta"}, None),
        ("targets", {"run": "k", "gate": "a", "page": "2"}, None),
        ("targets", {"run": "k", "state": "US"}, None),
        ("target", {"run": "k"}, None),
        ("coverage", {"run": "k", "page": "1"}, "coverage.html"),
        ("coverage", {"run": "k", "page": "2"}, "coverage/2.html"),
        ("history", {}, "history.html"),
        ("history", {"product": "mp-local-rich"}, None),
        ("compare", {"a": "p", "b": "k"}, "compare.html"),
        ("compare", {"a": "k", "b": "p"}, None),
        ("../../etc/passwd", {"run": "k"}, None),
        ("https://example.org", {}, None),
    ],
)
def test_links_lead_only_to_pages_of_this_run(
    page: str, params: dict[str, str], file: str | None
) -> None:
    key = key_of(Link(page, params), subject(run_of("k"), run_of("p")))
    assert (key.file if key else None) == file


def test_the_published_candidate_is_not_the_run_that_was_named() -> None:
    assert key_of(Link("readiness"), subject(run_of("k"), current=False)) is None


@pytest.mark.parametrize(
    "text", ["../up", "/etc/passwd", "", ".", "..", "a/b", "CON", "con", "nul.txt", "A", "a" * 300,
             "\ud800", "a\x00b", "<script>", "a.", ".hidden", "a\\b", "a:b"],
)  # fmt: skip
def test_an_odd_id_has_a_safe_name(text: str) -> None:
    name = safe_name(text)
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*-[0-9a-f]{16}", name)
    assert len(name) < 70


def test_names_are_plain_where_they_can_be_and_never_shared() -> None:
    assert safe_name("family.snap") == "family.snap"
    odd = ["A b", "a b", "a-b", "A-B", "a/b", "a?b", "us/x" * 40, "us/x" * 41]
    odd += [safe_name(each) for each in odd if safe_name(each) != each]  # a name as another's id
    assert len({safe_name(each).lower() for each in odd}) == len(odd)


def test_an_earlier_export_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "site"
    replace_folder(out, {"a/b.html": b"1", "old.html": b"2"}, {})
    replace_folder(out, {"a/b.html": b"3"}, {})
    assert sorted(path.name for path in out.rglob("*")) == ["a", "b.html", MARKER]
    assert (out / "a/b.html").read_bytes() == b"3"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("what", ["foreign", "beside", "file", "link", "inside", "marker"])
def test_what_no_export_wrote_is_never_touched(tmp_path: Path, what: str) -> None:
    out, kept = tmp_path / "site", tmp_path / "kept"
    kept.mkdir()
    if what == "file":
        out.write_text("mine")
    elif what == "link":
        out.symlink_to(kept)
    else:
        if what in ("beside", "inside"):
            replace_folder(out, {"a.html": b"1"}, {})
        out.mkdir(exist_ok=True)
        if what == "inside":
            (out / "mine").symlink_to(kept)
        else:
            (out / (MARKER if what == "marker" else "mine.txt")).write_text("mine")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with pytest.raises(DashboardError, match=r"site (is a link|holds)") as caught:
        replace_folder(out, {"a.html": b"2"}, {})
    assert caught.value.reason == "export.occupied"
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_nothing_is_put_into_a_sealed_run_or_where_somebody_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / BUNDLE).write_text("{}")
    with pytest.raises(DashboardError, match="lies in a sealed run"):
        replace_folder(tmp_path / "run/results/site", {"a.html": b"1"}, {})
    (tmp_path / "site/data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "site/data")
    for out in (Path(), Path(".."), tmp_path / "site"):
        with pytest.raises(DashboardError, match="is the folder that this runs in"):
            replace_folder(out, {"a.html": b"1"}, {})
    assert not (tmp_path / "run/results").exists()


@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["write", "rename"])
def test_a_failed_export_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, step: str
) -> None:
    out = tmp_path / "site"
    replace_folder(out, {"a.html": b"1"}, {})
    rename, write = Path.rename, Path.write_bytes

    def renamed(self: Path, target: Path) -> Path:
        if (step, self.name) == ("rename", "new"):
            raise error
        return rename(self, target)

    def written(self: Path, data: bytes) -> int:
        if (step, self.name) == ("write", "b.html"):
            raise error
        return write(self, data)

    monkeypatch.setattr(Path, "rename", renamed)
    monkeypatch.setattr(Path, "write_bytes", written)
    with pytest.raises((DashboardError, KeyboardInterrupt), match=r"no space|^$"):
        replace_folder(out, {"a.html": b"2", "b.html": b"3"}, {})
    assert (out / "a.html").read_bytes() == b"1"
    refuse_foreign(out)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
