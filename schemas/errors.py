"""Typed errors: every failure a user can meet says what is wrong and what to do next."""

from __future__ import annotations


class MpgateError(Exception):
    """A failure with a stable reason id, one clear sentence and the next step."""

    def __init__(self, message: str, *, reason: str, remedy: str) -> None:
        """Keep the three parts apart, so that records and consoles can each use theirs."""
        super().__init__(message)
        self.message = " ".join(message.split())
        self.reason = reason
        self.remedy = " ".join(remedy.split())

    def __str__(self) -> str:
        """Return one line: what is wrong, then what to do."""
        return f"{self.message.rstrip('.')}. Next: {self.remedy}"


class RecordError(MpgateError):
    """A JSON record that is not valid; the message names the JSON path."""


class DatasetError(MpgateError):
    """A microdata file that cannot be trusted, opened or understood."""


class BaselineError(MpgateError):
    """An incumbent that is unknown, unpinned, absent or not the file its pins name."""


class MeasureError(MpgateError):
    """A measurement that could not be made; nothing is substituted for it."""


class BuildError(MpgateError):
    """A build stage that could not finish; earlier stages stay intact."""


class UsageError(MpgateError):
    """A command that was asked for something it cannot do."""
