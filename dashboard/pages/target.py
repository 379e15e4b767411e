"""One target: what candidate and incumbent say of it, and where it comes from."""

from dashboard import draw, session
from dashboard.views.targets import target_page

draw.run_page("target", "Target", lambda run, _: target_page(run, session.param("target")))
