"""Local sample runs and the page that is made of them, for the tests of the local page."""

from __future__ import annotations

import pandas as pd
from sample_reading import runs_frame

from dashboard.blocks import Page
from dashboard.run_data import RunData
from dashboard.views.local import local_page

FAST, RICH = "mp-local-fast", "mp-local-rich"
SMALL, BIG = "pe-local-small-l0", "pe-local-big-l0"
FAST_SMALL = "mp-local-fast against PE small-L0"
RICH_BIG = "mp-local-rich against PE big-L0"


def page_of(*runs: RunData) -> Page:
    return local_page(runs, runs_frame(runs))


def without_runs() -> Page:
    return local_page([], pd.DataFrame())
