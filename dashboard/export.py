"""The static export: the dashboard of one run as a folder of plain HTML files.

It needs no server, no script and no outside host, and the same records give the same bytes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dashboard import summary
from dashboard.blocks import Chart, Download, Link, Page
from dashboard.charts import unchecked
from dashboard.errors import DashboardError
from dashboard.escaping import csv_text, escaped
from dashboard.html import render_blocks, render_title
from dashboard.index import Index
from dashboard.site import MENU, Key, Subject, key_of, pages_of
from dashboard.site_charts import Drawing
from dashboard.site_files import refuse_foreign, replace_folder, safe_name
from dashboard.site_subject import subject_of
from dashboard.svg import chart_svg
from schemas.canonical import sha256_bytes

INDEX_PAGE = "index.html"
SUMMARY = "summary.md"
ANNOTATIONS = "annotations.txt"
STYLE = "style.css"
NOT_CURRENT = "This is not the published candidate."
_POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True)
class Exported:
    """What an export wrote: the folder, whose run, its files, and the pages of each kind.

    `undrawn` says of each chart that couldn't be drawn why; its words and its table are there.
    """

    folder: Path
    run: str
    run_id: str
    product: str
    stage: str
    is_current: bool
    pages: Mapping[str, int]
    files: int
    bytes: int
    undrawn: tuple[str, ...] = ()

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.folder / INDEX_PAGE


def export_site(
    index: Index,
    out: Path,
    *,
    run: str | None = None,
    product: str = "mp-national",
    stage: str | None = None,
    address: str = "",
    charts: Drawing | None = None,
) -> Exported:
    """Write the dashboard of one run at one stage to `out`, whole or not at all.

    The run is the published candidate, or the one that `run` names by its key or folder; without
    either, the only run there is. The stage is that which it was published for where none is named.
    `address` is where the folder will be published: the summary links there. `charts` draws while
    pages are made; without it each chart is drawn when its page is written. Raises DashboardError
    where it is not clear which run is meant, where the run can't be read, where the address is
    none, and where `out` holds anything but an earlier export.
    """
    refuse_foreign(out)
    if address and not _ADDRESS.fullmatch(address):
        raise DashboardError(
            f"{address!r} is no address of a published folder",
            reason="export.address",
            remedy="give one such as https://owner.github.io/repository/",
        )
    subject = subject_of(index, run, product, stage)
    with unchecked():
        pages = pages_of(subject, charts.begin if charts else None)
        made = _Files(subject, pages, address, charts)
        files = made.all()
    found = subject.run
    about = {
        "run_id": found.run_id,
        "bundle_digest": found.get("bundle", "/digest"),
        "product": subject.product,
        "stage": subject.stage,
        "is_current": subject.is_current,
    }
    replace_folder(out, files, about)
    return Exported(
        folder=out,
        run=found.key,
        run_id=found.run_id,
        product=subject.product,
        stage=subject.stage,
        is_current=subject.is_current,
        pages=dict(sorted(Counter(key.slug for key in pages).items())),
        files=len(files),
        bytes=sum(map(len, files.values())),
        undrawn=tuple(made.undrawn),
    )


class _Files:
    """All files of a site, by their path below its folder."""

    def __init__(
        self,
        subject: Subject,
        pages: Mapping[Key, Page],
        address: str = "",
        charts: Drawing | None = None,
    ) -> None:
        """Keep what each file is made from; the tables come as they are asked for."""
        self._charts = charts
        self._published = address and f"{address.removesuffix('/')}/"
        self._subject = subject
        self._pages = pages
        self._tables: dict[str, bytes] = {}
        self._named: dict[str, str] = {}  # sha256 of a table: its file
        self.undrawn: list[str] = []

    def all(self) -> dict[str, bytes]:
        """Return the files in the order of their paths."""
        run, stage = self._subject.run, self._subject.stage
        files = {key.file: self._html(key).encode() for key in self._pages}
        said = summary.summary_markdown(
            run,
            stage=stage,
            previous=self._subject.previous,
            address=self._published_address,
            heading="" if self._subject.is_current else NOT_CURRENT,
            problem=self._subject.problem,
        )
        lines = "".join(f"{line}\n" for line in summary.annotations(run, stage=stage))
        style = (Path(__file__).parent / STYLE).read_bytes()
        files |= {SUMMARY: said.encode(), ANNOTATIONS: lines.encode(), STYLE: style}
        return dict(sorted((files | self._tables).items()))

    def _address(self, link: Link, at: str) -> str | None:
        """Return the relative address of a link on the page in file `at`."""
        key = key_of(link, self._subject)
        return _upwards(at) + key.file if key in self._pages and key else None

    def _published_address(self, link: Link) -> str | None:
        """Return where a link will lead once the site is published; a summary is read elsewhere."""
        at = self._address(link, INDEX_PAGE)
        return self._published + at if self._published and at else None

    def _table(self, download: Download, key: Key) -> str:
        """Keep a table as a CSV file, the same table once, and return its relative address."""
        data = csv_text(download.frame).encode()
        digest = sha256_bytes(data)
        if digest not in self._named:
            stem = "-".join(filter(None, (download.file_name.removesuffix(".csv"), key.about)))
            name = f"data/{safe_name(stem)}.csv"
            if name in self._tables:
                name = f"data/{safe_name(stem)}-{digest[:16]}.csv"
            self._named[digest], self._tables[name] = name, data
        return _upwards(key.file) + self._named[digest]

    def _chart(self, chart: Chart) -> str:
        """Return a chart as SVG; one that can't be drawn leaves its words and its table."""
        try:
            return self._charts.svg(chart) if self._charts else chart_svg(chart)
        except DashboardError as error:
            self.undrawn.append(error.message)
            return "<p>This chart can't be drawn; the numbers behind it are below.</p>"

    def _html(self, key: Key) -> str:
        at, page = key.file, self._pages[key]
        body = render_blocks(
            page.blocks,
            lambda link: self._address(link, at),
            chart=self._chart,
            download=lambda download: self._table(download, key),
        )
        title = f"{page.title} · {self._subject.product}"
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escaped(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{_upwards(at)}{STYLE}">
</head>
<body class="mpg-site">
<a class="skip" href="#main">Skip to the content</a>
<header>{self._menu(key)}</header>
<main id="main">{render_title(page)}{body}</main>
</body>
</html>
"""

    def _menu(self, key: Key) -> str:
        """Return the links to the pages of the menu, and what the site is about."""
        items = (
            f'<li><a href="{_upwards(key.file)}{Key(slug).file}"{_here(key, slug)}>{text}</a></li>'
            for slug, text in MENU.items()
            if Key(slug) in self._pages
        )
        return (
            f'<nav class="mpg" aria-label="Pages"><ul class="links">{"".join(items)}</ul></nav>'
            f'<p class="about">{self._about()}</p>'
        )

    def _about(self) -> str:
        subject = self._subject
        digest = str(subject.run.get("bundle", "/digest") or "")[:12]
        sealed = f"bundle {digest}" if digest else "not sealed"
        parts = [f"Run {subject.run.run_id}", f"stage {subject.stage}", sealed]
        published = "the published candidate" if subject.is_current else NOT_CURRENT
        return escaped(" · ".join([*parts, published]))


def _here(key: Key, slug: str) -> str:
    """Return the mark of the menu's own link on a page, or on one of its kind."""
    if key == Key(slug):
        return ' aria-current="page"'
    return ' aria-current="true"' if key.slug == slug else ""


def _upwards(at: str) -> str:
    return "../" * at.count("/")
