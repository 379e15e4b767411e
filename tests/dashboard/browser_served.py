"""What browser tests look at: the dashboard as it is served, and the runs behind it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from browser_pages import folders_of
from browser_records import Records

from dashboard.index import Index
from dashboard.run_data import RunData
from dashboard.serve import HOST


@dataclass(frozen=True)
class Served:
    """The dashboard as it is served: where, over which runs, and the one that is looked at most.

    `sample` fails several gates and has hostile names. With the variable MPGATE_BROWSER_ROOT,
    `main` is the judged run below that folder that fails most gates; else it is `sample`.
    """

    base: str
    db: Path
    roots: tuple[Path, ...]
    records: Records
    main: RunData
    sample: RunData
    others: tuple[str, ...]
    broken: str


def served_at(base: str, db: Path, roots: list[Path]) -> Served:
    """Return what is served; the last root is that of the sample runs."""
    index = Index.open(db)
    folders = folders_of(index, roots)
    by_folder = {folder: key for key, folder in folders.items()}
    runs = index.runs()
    judged = [str(key) for key in runs.loc[runs["state"].isin(["sealed", "unsealed"]), "key"]]
    sample = by_folder[roots[-1] / "candidate"]
    ours = runs[runs["key"].isin([key for key in judged if folders[key].is_relative_to(roots[0])])]
    failing = ours.sort_values("gates_fail", ascending=False, kind="stable")["key"]
    main = sample if len(roots) == 1 else str([*failing, sample][0])
    found = Served(
        base,
        db,
        tuple(roots),
        Records(folders),
        index.load(main),
        index.load(sample),
        tuple(key for key in judged if key != main),
        by_folder[roots[-1] / "broken"],
    )
    index.close()
    return found


def free_port() -> int:
    """Return a port of this machine that nothing listens at."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
