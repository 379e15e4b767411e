"""History: how loss, sample, size and runtime moved over the runs."""

from dashboard import draw, session
from dashboard.views.history import history_page

draw.page(
    "history",
    "History",
    lambda chosen: history_page(
        chosen.runs, session.gates(), product=chosen.product, stage=chosen.stage
    ),
)
