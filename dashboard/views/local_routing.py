"""Which file answers an analyst's question, as the plan routes users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.blocks import Block, Cell, Column, Notice, Table
from dashboard.run_data import RunData
from dashboard.views.local_pairs import INCUMBENTS, incumbent_of, judged_at, local_places

_FAST = "mp-local-fast"
_EXAMPLE = "3903"  # Ohio, 3rd congressional district


def usable(candidates: Sequence[RunData]) -> RunData | None:
    """Return the newest mp-local-fast run that may replace the incumbents; None without one.

    Its verdict must be ready, sealed and no demonstration, and so must one of the same file against
    each other incumbent: the plan asks for both small-L0 and big-L0.
    """
    ready = [run for run in candidates if run.product == _FAST and _is_ready(run)]
    beaten: dict[str, set[str]] = {}
    for run in ready:
        beaten.setdefault(_file(run), set()).add(incumbent_of(run))
    both = [run for run in ready if beaten[_file(run)] >= set(INCUMBENTS)]
    return max(both, key=judged_at, default=None)


def _is_ready(run: RunData) -> bool:
    verdict = run.get("gate_results", "/verdicts/default/verdict")
    real = run.get("gate_results", "/demonstration") is False
    return verdict == "ready" and real and run.state == "sealed"


def _file(run: RunData) -> str:
    return str(run.get("gate_results", "/candidate/sha256"))


def routing(candidates: Sequence[RunData]) -> Iterator[Block]:
    """Yield which file answers which question, as the plan routes users."""
    run = usable(candidates)
    yield _plain_answer(run)
    missing = "the shard of mp-local-fast is missing today"
    uncalibrated = 'mp-national, labelled "not state-calibrated"'
    if run is None:
        state = f"{uncalibrated}: {missing}"
        district = f"no file of this project: {missing}; never mp-national"
    else:
        state = f"the state's published shard of mp-local-fast; without one {uncalibrated}"
        district = "the place's published shard of mp-local-fast; without one no file, never "
        district += "mp-national"
    national = "mp-national once it is released (see Readiness), until then its incumbent"
    rows = (
        ("National microsimulation", national),
        (
            "National results by state or demographic group",
            "the same national file, unless weights calibrated locally are asked for",
        ),
        ("Analyses calibrated to a state", state),
        ("Congressional districts and smaller places", district),
        ("Research sweeps, work on targets", "mp-local-rich, for research only"),
    )
    columns = (Column("Question"), Column("File to use today"))
    cells = tuple((Cell(question), Cell(answer)) for question, answer in rows)
    note = "The national file is not calibrated to states (plan: User-facing routing)."
    yield Table("Routing of analyses", columns, cells, note)


def _plain_answer(run: RunData | None) -> Notice:
    """Return what an analyst is told who asks for one congressional district."""
    asked = "Asked about one place, such as Ohio's 3rd congressional district:"
    if run is None:
        return Notice(
            "warning",
            f"{asked} no file of this project is calibrated to it today. Do not use mp-national "
            "for it: its weights are not calibrated to states, let alone to districts. PE's "
            "published local files stay the source of official local figures until mp-local-fast "
            "is released.",
        )
    measured = _EXAMPLE in local_places(run)
    how = "has targets of that district, listed below" if measured else "has no target of it"
    return Notice(
        "info",
        f"{asked} use its shard of mp-local-fast once run {run.run_id} is published. It is ready "
        f"against small-L0 and big-L0, and its loss record {how}. Where there is no shard of a "
        "place, no file of this project answers the question.",
    )
