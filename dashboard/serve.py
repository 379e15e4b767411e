"""Starts the dashboard: Streamlit as a child process, on this machine's own address only.

Nothing outside decides how it runs. Every option that matters is given on the command line, which
Streamlit follows before anything else; its environment variables are left out; and the child's home
is an empty folder, so that no configuration file of the user is read.
"""

from __future__ import annotations

import os
import signal
import site
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from dashboard.errors import DashboardError

HOST = "127.0.0.1"
PORT = 8501
INDEX_VARIABLE = "MPGATE_INDEX"
ENTRY = Path(__file__).parent / "entry" / "streamlit_app.py"
HEALTH = "/_stcore/health"
START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_WAIT_SECONDS = 0.1
_INTERRUPTED = 130

OPTIONS: Mapping[str, str] = {
    "server.address": HOST,
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    "server.enableStaticServing": "false",
    "server.enableAgentApi": "false",
    "server.baseUrlPath": "",
    "browser.gatherUsageStats": "false",
    "browser.serverAddress": HOST,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "global.developmentMode": "false",
    "logger.hideWelcomeMessage": "true",
    "logger.level": "warning",
    "runner.magicEnabled": "false",
}
# a page of another name that resolves to this machine (DNS rebinding) is not let in
_ALLOWED_HOSTS = (HOST, "localhost")


def command(port: int) -> list[str]:
    """Return the command that serves the app at a port of this machine."""
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    hosts = [f"--server.allowedHosts={host}" for host in _ALLOWED_HOSTS]
    run = [sys.executable, "-m", "dashboard.entry", "run", str(ENTRY)]
    return [*run, f"--server.port={port}", *options, *hosts]


def environment(index: Path, home: Path) -> dict[str, str]:
    """Return the child's environment: that of this process without anything Streamlit reads.

    `home` takes the place of the user's home; packages that are installed there are still found.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    homes = {"HOME": str(home), "USERPROFILE": str(home)}
    packages = {"PYTHONUSERBASE": site.getuserbase()}
    paths = os.pathsep.join(filter(None, [str(ENTRY.parents[2]), kept.get("PYTHONPATH")]))
    return {**kept, **homes, **packages, "PYTHONPATH": paths, INDEX_VARIABLE: str(index.resolve())}


def require_free(port: int) -> None:
    """Raise DashboardError where something else listens at a port, or nothing may."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # as the server itself will: a port just left is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise DashboardError(
                f"the port {port} of {HOST} cannot be used: {error}",
                reason="dashboard.port",
                remedy="stop what listens there, or choose another with --port",
            ) from error


@contextmanager
def running(index: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the app while the block runs; it is stopped however the block is left.

    Raises DashboardError where the port is in use or the server does not come up.
    """
    require_free(port)
    with tempfile.TemporaryDirectory(prefix="mpgate-dashboard-") as home:
        child = subprocess.Popen(command(port), env=environment(index, Path(home)), cwd=home)
        try:
            _wait_until_healthy(child, port)
            yield child
        finally:
            _stop(child)


def serve(index: Path, port: int, ready: Callable[[str], None]) -> int:
    """Serve the app until interrupted, and return the exit code; `ready` is told the address.

    Raises DashboardError where the port is in use, or the server does not come up or ends badly.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with running(index, port) as child:
            ready(f"http://{HOST}:{port}/")
            if code := child.wait():
                raise _failed(f"ended with exit code {code}")
            return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _wait_until_healthy(child: subprocess.Popen[bytes], port: int) -> None:
    """Return once the server answers; raises DashboardError where it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise _failed(f"did not start: it ended with exit code {child.returncode}")
        if _healthy(port):
            return
        time.sleep(_WAIT_SECONDS)
    raise _failed(f"did not start: it did not answer within {START_SECONDS:.0f} seconds")


def _healthy(port: int) -> bool:
    # no proxy of the environment may stand between
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{port}{HEALTH}", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _failed(how: str) -> DashboardError:
    return DashboardError(
        f"the dashboard's server {how}",
        reason="dashboard.server",
        remedy="read what it printed above; pip install 'microdata-release-gate[dashboard]'",
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
