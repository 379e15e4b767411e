"""Write several files together: all of them, or none."""

from collections.abc import Mapping
from pathlib import Path

from schemas.canonical import atomic_write


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write each file whole; on any failure put back what was there before, and re-raise."""
    paths = [folder / name for name in contents]
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        for name, content in contents.items():
            atomic_write(folder / name, content)
    except BaseException:
        for path, old in before.items():
            if old is None:
                path.unlink(missing_ok=True)
            else:
                atomic_write(path, old)
        raise
