"""Microsimulation benchmarks: all of the suite, or one."""

from dashboard import controls, draw, session
from dashboard.blocks import Page
from dashboard.run_data import RunData
from dashboard.views.microsim import benchmark_page, microsim_page


def _page(run: RunData, chosen: session.Choice) -> Page:
    listed = run.get("suite", "/benchmarks") or run.get("evidence", "/benchmarks") or ()
    known = [str(each["id"]) for each in listed]
    benchmark = controls.choice("Benchmark", "benchmark", known, "All benchmarks")
    if benchmark:
        return benchmark_page(run, benchmark, stage=chosen.stage)
    return microsim_page(run, stage=chosen.stage)


draw.run_page("microsim", "Microsimulation", _page)
