"""Which pages a browser visits: every kind of page, of every run, from what the records hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from dashboard.blocks import Link
from dashboard.index import Index
from dashboard.run_data import RunData
from dashboard.site_files import safe_name

MENU = {
    "readiness": "Readiness",
    "gate": "Release gates",
    "targets": "Targets",
    "microsim": "Microsimulation",
    "artifacts": "Artifacts",
    "local": "Local files",
    "compare": "Compare",
    "history": "History",
    "coverage": "Target coverage",
}


def menu_pages() -> list[Link]:
    """Return the pages of the menu as they open without any choice."""
    return [Link("start"), *(Link(slug) for slug in MENU)]


def run_pages(run: RunData, other: str | None, *, thorough: bool) -> Iterator[Link]:
    """Yield pages of one run, `other` being the key of a run to compare with.

    `thorough` yields every gate and benchmark, else it is one gate of each judge's kind.
    """
    for slug in ("readiness", "targets", "microsim", "artifacts", "coverage"):
        yield Link(slug, {"run": run.key})
    yield Link("readiness", {"run": run.key, "stage": "beta"})
    for gate in gates_of(run, thorough=thorough):
        yield Link("gate", {"run": run.key, "gate": gate})
    for target in targets_of(run):
        yield Link("target", {"run": run.key, "target": target})
    yield Link("targets", {"run": run.key, "role": "held_out", "winner": "incumbent"})
    yield Link("targets", {"run": run.key, "gate": "family.snap"})
    names = [each["id"] for each in run.get("evidence", "/benchmarks") or ()]
    for name in names if thorough else names[10:11]:  # indexing of gains, which states reasons
        yield Link("microsim", {"run": run.key, "benchmark": name})
    if other is not None:
        yield Link("compare", {"a": run.key, "b": other})


def gates_of(run: RunData, *, thorough: bool) -> list[str]:
    """Return the gates to visit: of each group one that failed, or the first; or all gates."""
    gates = run.get("gate_results", "/gates") or []
    if thorough:
        return [gate["id"] for gate in gates]
    urgent = sorted(gates, key=lambda gate: gate["status"] in ("pass", "not_applicable"))
    first = {gate["group"]: gate["id"] for gate in reversed(urgent)}
    return list(first.values())


def targets_of(run: RunData) -> list[str]:
    """Return the targets to visit: the largest loss, one held out, those with odd names."""
    rows = run.get("loss", "/targets") or []
    odd = [each["target_id"] for each in rows if set(each["target_id"]) & set("<>'\"/~")]
    worst = sorted(rows, key=lambda each: -each["contribution"])[:1]
    held = [each for each in rows if each["role"] == "held_out"][:1]
    return list(dict.fromkeys([*(each["target_id"] for each in (*worst, *held)), *odd[:2]]))


def app_address(base: str, link: Link) -> str:
    """Return a page's address in the served app."""
    slug = "" if link.page == "start" else link.page
    query = urlencode(link.params)
    return f"{base}/{slug}" + (f"?{query}" if query else "")


def site_pages(folder: Path, run: RunData, *, thorough: bool) -> list[Path]:
    """Return pages of a static export: those of the menu, and of the gates and targets above."""
    if thorough:
        return sorted(folder.rglob("*.html"))
    wanted = [folder / "index.html", *(folder / f"{slug}.html" for slug in MENU)]
    for gate in gates_of(run, thorough=False):
        wanted.append(folder / "gate" / f"{safe_name(gate)}.html")
    for target in targets_of(run):
        wanted.append(folder / "target" / f"{safe_name(target)}.html")
    return [each for each in wanted if each.is_file()]


def folders_of(index: Index, roots: list[Path]) -> dict[str, Path]:
    """Return the folder of every indexed run by its key."""
    found = {}
    for key, folder in index.runs()[["key", "folder"]].itertuples(index=False):
        found[str(key)] = next(
            root / str(folder) for root in roots if (root / str(folder)).is_dir()
        )
    return found
