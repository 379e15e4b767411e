"""One process that takes the metadata out of the engine: `python -m ... folder`.

Writes metadata.json, or refusal.json for a typed failure, into the folder. Exit codes: 0 done,
3 refused, other: the engine failed and stderr holds the traceback.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.engine_metadata.extract import extract_metadata
from benchmarks.engine_metadata.stored_values import stored_value_effects
from schemas.errors import MpgateError

REFUSED = 3
METADATA, REFUSAL = "metadata.json", "refusal.json"


def main(folder: Path) -> int:
    """Extract, experiment, write; return the exit code."""
    try:
        document = extract_metadata() | {"stored_formula": stored_value_effects(folder)}
    except MpgateError as error:
        parts = {"message": error.message, "reason": error.reason, "remedy": error.remedy}
        (folder / REFUSAL).write_text(json.dumps(parts))
        return REFUSED
    (folder / METADATA).write_text(json.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
