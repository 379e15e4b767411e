"""Targets: candidate against incumbent against target, filtered."""

from dashboard import controls, draw, session
from dashboard.blocks import Page
from dashboard.run_data import RunData
from dashboard.views.targets import TargetFilters, target_options, targets_page


def _page(run: RunData, _: session.Choice) -> Page:
    chosen = controls.filters(target_options(run))
    return targets_page(run, TargetFilters(**chosen, page=controls.page_number()))


draw.run_page("targets", "Targets", _page)
