"""The errors of this room."""

from __future__ import annotations

from schemas.errors import MpgateError


class DashboardError(MpgateError):
    """An index or a run that cannot be shown; the reason starts with `index.` or `run.`."""
