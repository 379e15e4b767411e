"""What no local comparison can be made without: what this project lacks of it today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.blocks import Cell, Column, Table
from dashboard.run_data import RunData

# What a local run rests on, what there is of it, and where it has to be added.
_BASIS = (
    (
        "Builders of mp-local-rich and mp-local-fast",
        "only the national build exists",
        "build from the same registry: more ACS and local targets, then sparse or sharded output",
    ),
    (
        "Identity of PE small-L0 and big-L0",
        "nobody has published one: every pin of both is empty",
        "fill baselines/manifests/pe-local-small-l0.json and pe-local-big-l0.json",
    ),
    (
        "Suite with targets of congressional districts and smaller places",
        "the frozen suite holds the nation and the states",
        "add the facts to baselines/targets and freeze a local suite in benchmarks/suites",
    ),
    (
        "Policy of the local release gates",
        "only mp-national has one, so no local run can be judged",
        "add a policy of each product to gates/policy",
    ),
    (
        "List of what a local bundle must hold",
        "only mp-national has one, so no local bundle can be sealed",
        "list the contents in gates/release/contents.json",
    ),
    (
        "Runtime of one geography alone",
        "runtime records are of whole files",
        "add a workload of one shard to benchmarks/runtime.json",
    ),
)


def basis(candidates: Sequence[RunData]) -> Iterator[Table]:
    """Yield what has to exist before any local run; nothing once one was judged."""
    if any(run.has("gate_results") for run in candidates):
        return
    rows = tuple(
        (Cell(what), Cell("missing", note=there), Cell(remedy)) for what, there, remedy in _BASIS
    )
    columns = (Column("What every comparison needs"), Column("Today"), Column("What to do"))
    yield Table("Before any local run", columns, rows)
