"""Sites of one page, for tests where it doesn't matter what the other pages say."""

from __future__ import annotations

import pytest

from dashboard import export
from dashboard.blocks import Notice, Page
from dashboard.site import Key, Subject


def only_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every site one of a single page, which says whose it is."""

    def only(subject: Subject, _: object = None) -> dict[Key, Page]:
        said = Notice("info", f"{subject.run.run_id} {subject.problem}")
        return {Key("readiness"): Page("readiness", "Bare", "", (said,))}

    monkeypatch.setattr(export, "pages_of", only)
