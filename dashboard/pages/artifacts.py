"""Artifacts: what the candidate's file is made of, how big, how fast, and how sealed."""

from dashboard import draw
from dashboard.views.artifacts import artifacts_page

draw.run_page("artifacts", "Artifacts", lambda run, _: artifacts_page(run))
