"""The static export: whole sites from real run folders, inert, closed in themselves, repeatable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from bare_sites import only_readiness
from parsed_html import Parsed
from sample_runs import HOSTILE_LABEL, SCRIPT_TARGET, VARIED, break_run, write_pointer, write_run

from dashboard import export
from dashboard.blocks import Chart, Download, Page
from dashboard.errors import DashboardError
from dashboard.export import Exported, export_site
from dashboard.index import Index
from dashboard.indexing import update_index
from dashboard.site import Key, Subject, _page
from dashboard.site_files import MARKER, safe_name
from dashboard.site_subject import subject_of

REAL_SVG = export.chart_svg
SITE_PAGES = {"readiness": 1, "gate": 100, "artifacts": 1, "local": 1, "compare": 1, "history": 1}


@cache
def _one_of_a_title(title: str) -> list[str]:
    return []


def _svg(chart: Chart) -> str:
    """Draw one chart of each title: they take most of the time, and have tests of their own."""
    drawn = _one_of_a_title(chart.title)
    if not drawn:
        drawn.append(REAL_SVG(chart))
    return drawn[0]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("export") / "runs"
    first = write_run(root, "first", targets=12)
    candidate = write_run(root, "candidate", targets=12, seed=2, **VARIED)
    break_run(write_run(root, "broken", targets=12, seed=3), "edited")
    write_pointer(root, first, candidate)
    return root


@pytest.fixture(scope="module")
def index(root: Path) -> Iterator[Index]:
    db = root.parent / "index.duckdb"
    update_index([root], db)
    opened = Index.open(db)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def exported(index: Index, root: Path) -> Iterator[Exported]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "chart_svg", _svg)
        yield export_site(index, root.parent / "site")


@pytest.fixture(scope="module")
def pages(exported: Exported) -> dict[str, Parsed]:
    found = sorted(exported.folder.rglob("*.html"))
    return {
        path.relative_to(exported.folder).as_posix(): Parsed(path.read_text()) for path in found
    }


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    only_readiness(monkeypatch)


def test_a_site_has_every_page(exported: Exported) -> None:
    assert {slug: exported.pages[slug] for slug in SITE_PAGES} == SITE_PAGES
    assert set(exported.pages) - set(SITE_PAGES) == {"target", "targets", "microsim", "coverage"}
    assert exported.pages["target"] > 10
    assert exported.undrawn == ()
    assert exported.is_current


def test_what_is_reported_is_what_lies_there(exported: Exported) -> None:
    files = [path for path in exported.folder.rglob("*") if path.is_file()]
    sizes = {path.name: path.stat().st_size for path in files}
    assert len(files) == exported.files + 1
    total = sum(path.stat().st_size for path in files)
    assert total - sizes[MARKER] == exported.bytes
    assert exported.index.is_file()


def test_every_page_is_well_formed_and_has_one_title(pages: dict[str, Parsed]) -> None:
    assert {name: page.faults for name, page in pages.items() if page.faults} == {}
    assert [name for name, page in pages.items() if len(page.all("h1")) != 1] == []
    assert [name for name, page in pages.items() if not page.all("title")[0].text] == []


def test_every_address_is_a_file_of_the_site(pages: dict[str, Parsed], exported: Exported) -> None:
    wrong = []
    for name, page in pages.items():
        for element in page.elements:
            for at in {"href", "src"} & set(element.attributes):
                address = element.attributes[at]
                parts = urlsplit(address)
                here = (exported.folder / name).parent / unquote(parts.path)
                inside = here.resolve().is_relative_to(exported.folder.resolve())
                plain = not (parts.scheme or parts.netloc or parts.query)
                if address not in ("#main", "data:,") and not (plain and inside and here.is_file()):
                    wrong.append((name, address))
    assert wrong == []


def test_nothing_comes_from_outside_and_nothing_runs(pages: dict[str, Parsed]) -> None:
    for name, page in pages.items():
        tags = {element.tag for element in page.elements}
        assert not tags & {"script", "iframe", "img", "image", "object", "form", "style"}, name
        names = {each for element in page.elements for each in element.attributes}
        assert not {each for each in names if each.startswith("on") or each == "style"}, name
        policy = page.all("meta")[1].attributes["content"]
        assert policy.startswith("default-src 'none'; style-src 'self'; img-src data:;"), name
        outside = re.sub(r'xmlns(:\w+)?="http://www\.w3\.org/[^"]*"', "", page.source)
        assert "://" not in outside, name


def test_hostile_text_is_shown_as_it_is(pages: dict[str, Parsed]) -> None:
    assert HOSTILE_LABEL in pages["index.html"].all("main")[0].text
    target = f"target/{safe_name(SCRIPT_TARGET)}.html"
    assert SCRIPT_TARGET in pages[target].all("main")[0].text


def test_a_gate_is_two_links_from_its_top_target(pages: dict[str, Parsed]) -> None:
    first = [each.attributes["href"] for each in pages["index.html"].with_class("gate")]
    assert "gate/family.snap.html" in first
    gate = [each.attributes["href"] for each in pages["gate/family.snap.html"].all("a")]
    assert any(each.startswith("../target/") for each in gate)
    assert "../targets/family.snap.html" in gate


def test_a_broken_run_is_listed_as_broken(pages: dict[str, Parsed]) -> None:
    for name in ("index.html", "history.html"):
        assert re.search(r"broken", pages[name].all("main")[0].text), name


def test_the_menu_marks_where_one_is(pages: dict[str, Parsed]) -> None:
    for name, slug, value in (
        ("index.html", "Readiness", "page"),
        ("gate/family.snap.html", "Release gates", "true"),
    ):
        here = [each for each in pages[name].all("a") if "aria-current" in each.attributes]
        assert [(each.text, each.attributes["aria-current"]) for each in here] == [(slug, value)]


def test_downloads_hold_every_row(pages: dict[str, Parsed], exported: Exported) -> None:
    link = next(each for each in pages["targets.html"].all("a") if "download" in each.attributes)
    frame = pd.read_csv(exported.folder / link.attributes["href"])
    record = json.loads((exported.folder.parent / "runs/candidate/records/loss.json").read_text())
    assert len(frame) == len(record["targets"])


def test_the_summary_has_no_link_that_leads_nowhere_on_github(exported: Exported) -> None:
    text = (exported.folder / "summary.md").read_text()
    assert "](" not in text
    assert "open index.html of the exported dashboard" in text
    lines = (exported.folder / "annotations.txt").read_text().splitlines()
    assert 0 < len(lines) <= 10


@pytest.mark.parametrize("address", ["https://o.github.io/r", "https://o.github.io/r/"])
def test_the_summary_links_to_where_the_site_is_published(
    index: Index, exported: Exported, address: str
) -> None:
    subject = subject_of(index, None, "mp-national", "default")
    pages = pages_of_some(subject, {Key("readiness"), Key("gate", "family.snap"), Key("targets")})
    text = export._Files(subject, pages, address).all()["summary.md"].decode()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert "https://o.github.io/r/gate/family.snap.html" in links
    named = [each.removeprefix("https://o.github.io/r/") for each in links]
    assert len(named) == len(pages)
    assert all((exported.folder / each).is_file() for each in named)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    "address", ["site", "javascript:alert(1)", "https://a/ b", "https://a/)x", "https://a?x", "//a"]
)
def test_an_address_that_is_none_is_refused(index: Index, tmp_path: Path, address: str) -> None:
    with pytest.raises(DashboardError, match="no address of a published folder"):
        export_site(index, tmp_path / "site", address=address)
    assert not (tmp_path / "site").exists()


def test_the_same_records_give_the_same_bytes(index: Index, exported: Exported) -> None:
    """Of the files: two exports of the same pages, charts included."""
    subject = subject_of(index, None, "mp-national", "default")
    wanted = {Key("artifacts"), Key("gate", "family.snap"), Key("history"), Key("targets")}
    made = [export._Files(subject, pages_of_some(subject, wanted)).all() for _ in range(2)]
    assert made[0] == made[1]
    assert len(made[0]) > len(wanted)


def pages_of_some(subject: Subject, wanted: set[Key]) -> dict[Key, Page]:
    return {key: _page(key, subject) for key in sorted(wanted, key=lambda each: each.file)}


def test_a_link_to_a_page_that_is_not_exported_is_plain_text(index: Index) -> None:
    subject = subject_of(index, None, "mp-national", "default")
    made = export._Files(subject, pages_of_some(subject, {Key("gate")})).all()
    page = Parsed(made["gate.html"].decode())
    assert {each.attributes["href"] for each in page.all("a")} == {"#main", "gate.html"}
    assert "family.snap" in page.all("main")[0].text


def test_a_chart_that_cannot_be_drawn_leaves_its_table(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(chart: Chart) -> str:
        raise DashboardError(f"no {chart.title}", reason="export.chart", remedy="mend it")

    monkeypatch.setattr(export, "chart_svg", broken)
    subject = subject_of(index, None, "mp-national", "default")
    key = Key("gate", "family.snap")
    made = export._Files(subject, pages_of_some(subject, {key}))
    page = Parsed(made.all()[key.file].decode())
    assert "no Contributors" in made.undrawn
    assert "can't be drawn" in page.all("figure")[0].text
    assert page.all("figure")[0].text.count("The numbers behind this chart") == 1


def test_tables_of_one_name_and_other_rows_are_two_files(index: Index) -> None:
    made = export._Files(subject_of(index, None, "mp-national", "default"), {})
    frames = [pd.DataFrame({"a": [each]}) for each in (1, 2, 1)]
    names = [made._table(Download("d", "../t.csv", each), Key("gate", "a")) for each in frames]
    assert names[0] == names[2] != names[1]
    assert all(re.fullmatch(r"\.\./data/[a-z0-9._-]+\.csv", each) for each in names)


def test_pages_of_the_site_are_the_ones_that_are_linked(
    index: Index, pages: dict[str, Parsed]
) -> None:
    """A crawl from the first page finds every page: none is written that nobody can reach."""
    reached, waiting = {"index.html"}, ["index.html"]
    while waiting:
        name = waiting.pop()
        for link in pages[name].all("a"):
            at = link.attributes["href"]
            to = (Path("/") / name).parent / at
            found = Path(*to.parts[1:]).as_posix() if ".." not in at else at.removeprefix("../")
            if found in pages and found not in reached:
                reached.add(found)
                waiting.append(found)
    assert reached == set(pages)
