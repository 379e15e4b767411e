"""The two failures that sources share, so that each says the same next step."""

from __future__ import annotations

from schemas.errors import BuildError

_FORMAT = "check that the file is the publisher's own of the declared year, or mend its semantics"


def format_error(message: str, reason: str) -> BuildError:
    """Return the refusal of a file that is not in its published format."""
    return BuildError(message, reason=f"source.{reason}", remedy=_FORMAT)


def transfer_error(message: str, reason: str) -> BuildError:
    """Return the refusal of a download that cannot be trusted; the cache is as it was."""
    return BuildError(
        message,
        reason=f"source.{reason}",
        remedy="nothing was kept: try again, or give a copy you have as a path of the source",
    )
