"""What an engine process tells its parent: JSON lines on the real stdout, and refusals.

No numpy here: a process that limits numerical threads reads this before numpy is loaded.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

REFUSED = 3
ARM_DONE = "arm"  # the stage of a message about a finished arm
Emit = Callable[..., None]


def claim_stdout() -> Emit:
    """Keep the real stdout for messages and send everything else printed to stderr."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def emit(stage: str, done: int = 0, total: int = 1, **extra: Any) -> None:
        # One write: processes that share the channel don't mix their lines.
        channel.write(json.dumps({"stage": stage, "done": done, "total": total, **extra}) + "\n")
        channel.flush()

    return emit


def refuse(emit: Emit, reason: str, **details: Any) -> None:
    """Tell the parent why there will be no result, and end the process."""
    emit("error", reason=reason, **details)
    sys.exit(REFUSED)


def refuse_memory(emit: Emit, used_gb: float, limit_gb: float) -> None:
    """End the process from the watching thread: nothing may delay it."""
    emit("error", reason="engine.memory", used_gb=round(used_gb, 2), limit_gb=limit_gb)
    os._exit(REFUSED)
