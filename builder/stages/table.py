"""A table of what the stages of a build cost."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from builder.stages.stage import StageRecord

_FIGURES = ("wall s", "CPU s", "peak GB", "MB written")


def stage_table(records: Sequence[StageRecord]) -> Table:
    """Return one row per stage; the figures of a reused stage are those of the run that made it.

    GB and MB are powers of 1000; the last row adds up what this run itself spent.
    """
    table = Table(title="build stages", show_footer=True)
    table.add_column("stage", footer="this run")
    table.add_column("reused")
    fresh = [record for record in records if not record.reused]
    for name, total in zip(_FIGURES, _totals(fresh), strict=True):
        table.add_column(name, justify="right", footer=total)
    for record in records:
        table.add_row(record.id, _how(record), *_figures(record))
    return table


def _how(record: StageRecord) -> str:
    if record.corruption is not None:
        return "no (checkpoint was corrupted)"
    return "yes" if record.reused else "no"


def _figures(record: StageRecord) -> tuple[str, ...]:
    return (
        f"{record.wall_s:,.1f}",
        f"{record.cpu_s:,.1f}",
        f"{record.peak_rss_bytes / 1e9:,.2f}",
        f"{record.written_bytes / 1e6:,.1f}",
    )


def _totals(records: Sequence[StageRecord]) -> tuple[str, ...]:
    return (
        f"{sum(record.wall_s for record in records):,.1f}",
        f"{sum(record.cpu_s for record in records):,.1f}",
        f"{max((record.peak_rss_bytes for record in records), default=0) / 1e9:,.2f}",
        f"{sum(record.written_bytes for record in records) / 1e6:,.1f}",
    )
