"""Runs with a loss record of many targets, made by the scoring itself, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines.targets import Target
from benchmarks.scoring.record import loss_record
from benchmarks.scoring.scheme import Aggregate, Family, HeldOutSet
from dashboard.blocks import (
    Block,
    Cell,
    Chart,
    Figures,
    Link,
    Links,
    Notice,
    Page,
    Table,
    cells_of,
    walk,
)
from dashboard.html import render_blocks
from dashboard.run_data import RunData, resolve
from dashboard.views.states import STATES
from schemas.records import validate
from tests.benchmarks.scoring_fakes import pair_of, suite_of, target

HOSTILE = (
    "<script>alert(1)</script>",
    "quote\"'s & more",
    "path/../with~tilde/~1/~0",
    "us.a.b|c%20d?e=f#g",
    "(.*)[a-z]+",
)
LOST = "us.gone"
HELD = HeldOutSet("programs", "income_program", ("group3",))
PINNED = {"id": "suite", "sha256": "b" * 64}
DATABASE = {"id": "facts", "sha256": "c" * 64}


def some_targets(count: int, **changes: Any) -> list[Target]:
    """Return targets of many sources, families, units and every state; the first are hostile."""
    random = np.random.default_rng(3)
    units, states = ("usd", "persons", "returns", "households"), sorted(STATES)
    return [
        target(
            HOSTILE[i] if i < len(HOSTILE) else f"us.t{i:05d}",
            float(random.lognormal(20, 2)),
            unit=units[i % 4],
            family=f"family{i % 7}",
            source_agency=f"source{i % 5}",
            geography_level="state" if i % 2 else "national",
            geography_id=states[i // 2 % 51] if i % 2 else "US",
            holdout_group=f"group{i % 13}",
            **changes,
        )
        for i in range(count)
    ]


def loss_of(
    targets: list[Target],
    *,
    seed: int = 1,
    spread: float = 0.3,
    bad: Mapping[int, float] | None = None,
    incumbent: str = "d" * 64,
) -> dict[str, Any]:
    """Return a loss record; `bad` are factors of the candidate by row, beside random errors."""
    named = tuple(each.target_id for each in targets)
    suite = suite_of(
        targets,
        [HELD],
        [Family("ssi", named[:6], None), Family("net", (), "net")],
        [Aggregate("total", named[7], None)],
    )
    values = np.array([each.value for each in targets])
    ours = values * (1 + spread * np.random.default_rng(seed).standard_normal(len(values)))
    theirs = values * (1 + 0.4 * np.random.default_rng(99).standard_normal(len(values)))
    for row, factor in (bad or {}).items():
        ours[row] = values[row] * factor
    record = loss_record(
        pair_of(suite, ours.tolist(), theirs.tolist(), {"net": (9e12, 1e13)}),
        suite.scheme,
        candidate={"label": "ours", "sha256": "a" * 64},
        incumbent={"label": "theirs", "sha256": incumbent},
        source={"kind": "evidence", "sha256": None},
        suite=PINNED,
        target_db=DATABASE,
        dropped=[{"target_id": LOST, "reason": "no estimate of the candidate"}],
    )
    validate(record, "loss_record")
    return record


def run_of(loss: Mapping[str, Any] | None, key: str = "0123456789ab", **others: Any) -> RunData:
    """Return a run that holds a loss record, and other records by name."""
    records = others if loss is None else {"loss": loss, **others}
    return RunData(key, f"run-{key[:4]}", "mp-national", "unsealed", records)


def prove(page: Page, *runs: RunData) -> int:
    """Hold every cell of a page against the records, draw the page, and return how many had one.

    Every number has a source or a rule, and a source holds exactly what is behind the cell.
    """
    by_key, proven = {run.key: run for run in runs}, 0
    for block in walk(page.blocks):
        for cell in cells_of(block):
            if cell.source is not None:
                record = by_key[cell.source.run].records[cell.source.record]
                held = resolve(record, cell.source.pointer)
                assert cell.raw == (held if isinstance(held, int | float) else str(held))
                proven += 1
            elif isinstance(cell.raw, int | float):
                assert cell.rule, cell
        if isinstance(block, Chart):
            block.chart.to_dict()
    assert "<script>" not in render_blocks(page.blocks, lambda link: f"/{link.page}")
    return proven


def blocks(page: Page, kind: type[Block]) -> list[Any]:
    """Return the blocks of one kind, those inside sections included."""
    return [block for block in walk(page.blocks) if isinstance(block, kind)]


def table(page: Page, title: str) -> Table:
    """Return the table whose title begins so; those behind charts too."""
    found = [*blocks(page, Table), *(chart.table for chart in blocks(page, Chart))]
    return next(each for each in found if each.title.startswith(title))


def column(shown: Table, label: str) -> list[Cell]:
    """Return the cells of one column."""
    place = [each.label for each in shown.columns].index(label)
    return [row[place] for row in shown.rows]


def figure(page: Page, label: str) -> Cell:
    """Return a headline figure by its label."""
    return next(
        each.cell
        for shown in blocks(page, Figures)
        for each in shown.figures
        if each.label == label
    )


def notices(page: Page, tone: str) -> list[str]:
    """Return what the notices of one tone say."""
    return [notice.text for notice in blocks(page, Notice) if notice.tone == tone]


def links(page: Page) -> list[Link]:
    """Return the links that stand on lines of their own."""
    return [link for shown in blocks(page, Links) for link in shown.links]


TARGETS = some_targets(230)
LOSS = loss_of(TARGETS, bad={20: 9.0})
GATES = [
    {
        "id": gate,
        "title": f"Title of {gate}",
        "status": status,
        "stages": {stage: {"status": status} for stage in ("beta", "default")},
    }
    for gate, status in (("loss.broad", "pass"), ("family.ssi", "fail"))
]
SUITE = {
    "held_out": [
        {"id": "programs", "kind": "income_program", "groups": ["group3"], "reason": "nothing else"}
    ],
    "targets": {"registry": "facts", "count": 231, "sha256": "e" * 64},
}
RUN = run_of(
    LOSS,
    gate_results={"gates": GATES, "stage": "default"},
    suite=SUITE,
    candidate_manifest={"target_groups": {"calibrated": ["group1"], "held_out": ["group3"]}},
    calibration={
        "out_of_reach": {"named": [{"target_id": "us.t00009", "why": "beyond_the_bounds"}]}
    },
)
