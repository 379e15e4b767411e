"""Local files: the local candidates against the incumbents for small areas."""

from dashboard import draw, session
from dashboard.blocks import Page
from dashboard.views.local import local_page
from dashboard.views.local_pairs import wanted


def _page(chosen: session.Choice) -> Page:
    loaded = map(session.load_or_none, wanted(chosen.runs)[: session.RUNS_KEPT])
    return local_page([run for run in loaded if run is not None], chosen.runs)


draw.page("local", "Local files", _page)
