"""Local files: the local candidates against the incumbents for small areas."""

from dashboard import draw, session
from dashboard.blocks import Page
from dashboard.views.local import local_page


def _page(chosen: session.Choice) -> Page:
    local = chosen.runs[chosen.runs["product"].isin(session.PRODUCTS[1:])]
    loaded = map(session.load_or_none, local["key"].head(session.RUNS_KEPT))
    return local_page([run for run in loaded if run is not None], chosen.runs)


draw.page("local", "Local files", _page)
