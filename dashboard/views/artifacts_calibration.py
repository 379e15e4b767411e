"""How the weights of a run were fitted: losses, stopping, weights, curves."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt
import pandas as pd

from dashboard.blocks import Block, Cell, Chart, Column, Prose, Table
from dashboard.charts import CANDIDATE, INCUMBENT, TARGET, styled
from dashboard.run_data import RunData, pointer
from dashboard.units import words
from dashboard.views.lookup import BUILD, absent

_ROLES = {"train": "to fit", "validation": "to stop by", "held_out": "held out"}


def calibration(run: RunData) -> Iterator[Block]:
    """Yield losses, stopping and weights of the calibration, and its curves."""
    if not run.has("calibration"):
        yield absent(run, "calibration", BUILD)
        return
    yield _losses(run)
    facts = {
        "Stopped by": "/stopping/by",
        "Reason": "/stopping/reason",
        "Epochs run": "/stopping/epochs_run",
        "Best epoch": "/stopping/best_epoch",
        "Epochs of the refit": "/stopping/refit_epochs",
        "L0 penalty": "/settings/l0_lambda",
        "Targets to fit": "/targets/train",
        "Targets that decide when to stop": "/targets/validation",
        "Targets held out": "/targets/held_out",
        "Targets out of reach": "/out_of_reach/count",
        "Households": "/weights/households",
        "Largest change of a weight, factor": "/weights/max_ratio",
    }
    rows = [(Cell(label), _plain(run.cell("calibration", at))) for label, at in facts.items()]
    rows.append(
        (Cell("Weights at a bound"), run.cell("calibration", "/weights/share_at_bounds", "share"))
    )
    yield Table("Stopping and weights", (Column("What"), Column("Value", True)), tuple(rows))
    if run.get("calibration", "/curves"):
        yield _curves(run)
    for note in run.get("calibration", "/notes") or ():
        yield Prose(note)


def _plain(cell: Cell) -> Cell:
    """Return a cell whose text, where it is a name of the records, is in plain words."""
    return Cell(words(cell.text), cell.raw, cell.source) if isinstance(cell.raw, str) else cell


def _losses(run: RunData) -> Table:
    rows = tuple(
        (
            Cell(label),
            run.cell("calibration", pointer("losses", "initial", role), "loss"),
            run.cell("calibration", pointer("losses", "final", role), "loss"),
        )
        for role, label in _ROLES.items()
    )
    columns = (Column("Targets"), Column("Loss before", True), Column("Loss after", True))
    return Table("Loss of the calibration", columns, rows)


def _curves(run: RunData) -> Chart:
    """Return the losses by epoch of the search (or of the fixed run) as lines."""
    rows, points = [], []
    for place, point in enumerate(run.get("calibration", "/curves")):
        at = ("curves", place)
        cells = (run.cell("calibration", pointer(*at, f"{role}_loss"), "loss") for role in _ROLES)
        epoch = run.cell("calibration", pointer(*at, "epoch"))
        share = run.cell("calibration", pointer(*at, "ess_share"), "share")
        rows.append((Cell(words(point["phase"])), epoch, *cells, share))
        points += [
            {"epoch": point["epoch"], "targets": label, "loss": point[f"{role}_loss"]}
            for role, label in _ROLES.items()
            if point["phase"] != "refit" and point[f"{role}_loss"] is not None
        ]
    columns = (
        Column("Phase"),
        Column("Epoch", True),
        *(Column(f"Loss, {label}", True) for label in _ROLES.values()),
        Column("Effective sample size", True, "As a share of all households."),
    )
    table = Table("Loss by epoch", columns, tuple(rows))
    labels = list(_ROLES.values())
    chart = (
        alt.Chart(pd.DataFrame(points, columns=["epoch", "targets", "loss"]))
        .mark_line(point=True)
        .encode(
            x=alt.X("epoch:Q"),
            y=alt.Y("loss:Q"),
            color=alt.Color(
                "targets:N", scale=alt.Scale(domain=labels, range=[CANDIDATE, INCUMBENT, TARGET])
            ),
            strokeDash=alt.StrokeDash("targets:N", scale=alt.Scale(domain=labels)),
            tooltip=["epoch:Q", "targets:N", "loss:Q"],
        )
    )
    description = "Loss by epoch on the targets to fit, those to stop by, and those held out."
    drawn = styled(chart.properties(width=480, height=240))
    return Chart("Calibration curves", description, drawn, table)
