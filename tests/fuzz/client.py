"""The client of the checked process: a limit per file, a restart after each hang or death.

Everything the process could touch lies in one folder that is compared before and after each file.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from schemas.canonical import sha256_file

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 10.0
START_SECONDS = 120.0
WORKER = (sys.executable, "-m", "tests.fuzz.worker")
Answer = dict[str, Any]


class Client:
    """A warm worker: `ask` always returns an answer, whatever the file does to the process."""

    def __init__(
        self, folder: Path, command: Sequence[str] = WORKER, limit: float = LIMIT_SECONDS
    ) -> None:
        """Make the folders the process may see; it starts with the first question."""
        self.folder, self.command, self.limit = folder, tuple(command), limit
        self.watched = folder / "watched"
        self.inputs = folder / "inputs"
        for each in ("run/.mpgate", "tmp", "home"):
            (self.watched / each).mkdir(parents=True)
        self.inputs.mkdir()
        self.starts = self.hangs = self.deaths = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = folder / "stderr.txt"

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """End the process."""
        self._stop()

    def ask(self, path: Path, incumbent: str | None = None) -> Answer:
        """Return the worker's answer, `hang` or `death`, and what was changed on disk."""
        process = self._running()
        said_before = self._errors.stat().st_size
        before = self._everything(path)
        start = time.monotonic()
        answer = self._exchange(process, f"{path}\t{incumbent or ''}\n")
        answer["seconds"] = time.monotonic() - start
        after = self._everything(path)
        answer["changed"] = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
        with self._errors.open("rb") as stream:
            stream.seek(said_before)
            answer["said"] = stream.read().decode(errors="replace")[-2000:]
        return answer

    def _exchange(self, process: subprocess.Popen[bytes], question: str) -> Answer:
        assert process.stdin is not None
        try:
            process.stdin.write(question.encode())
            process.stdin.flush()
            line = self._line(process, self.limit)
        except BrokenPipeError:
            line = b""
        if line is None:
            self.hangs += 1
            self._stop()
            return {"verdict": "hang", "message": f"no answer within {self.limit:g} s"}
        if not line.endswith(b"\n"):
            self.deaths += 1
            self._stop()
            return {"verdict": "death", "message": f"exit code {process.returncode}"}
        answer: Answer = json.loads(line)
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, started again where it is gone."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._stop()
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        places = {
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.watched / "tmp"),
            "HOME": str(self.watched / "home"),
            "MPGATE_CACHE": str(self.watched / "run" / ".mpgate"),
        }
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.watched / "run",
                env=kept | places,
                bufsize=0,
            )
        self.starts += 1
        ready = self._line(self._process, START_SECONDS)
        assert ready, f"the worker did not start: {self._errors.read_text()[-2000:]}"
        return self._process

    def _line(self, process: subprocess.Popen[bytes], limit: float) -> bytes | None:
        """Return a line, what there was of it when the process ended, or None after the limit."""
        assert process.stdout is not None
        line, end = b"", time.monotonic() + limit
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                return None
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                process.wait()
                return line
            line += part
        return line

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _everything(self, path: Path) -> dict[str, Any]:
        """Return what lies in the watched folders and beside the input, and the input's bytes."""
        found: dict[str, Any] = {}
        for top in (self.watched, self.inputs):
            for each in sorted(top.rglob("*")):
                status = each.lstat()
                size = 0 if each.is_dir() else status.st_size
                entry = (status.st_mode, size, status.st_mtime_ns)
                found[str(each.relative_to(self.folder))] = entry
        found["sha256 of the input"] = sha256_file(path) if path.is_file() else None
        return found
