"""Target coverage: every target with source, scope and entity."""

from dashboard import controls, draw, session
from dashboard.blocks import Page
from dashboard.run_data import RunData
from dashboard.views.coverage import CoverageFilters, coverage_options, coverage_page


def _page(run: RunData, _: session.Choice) -> Page:
    chosen = controls.filters(coverage_options(run))
    return coverage_page(run, CoverageFilters(**chosen, page=controls.page_number()))


draw.run_page("coverage", "Target coverage", _page)
