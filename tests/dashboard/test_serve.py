"""The launcher: what it is started with, where it listens, and what it does not hand out."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import serve
from dashboard.errors import DashboardError

ROOT = Path(serve.__file__).parents[1]
SECRET = "this must not be read"
HOSTILE_CONFIG = """[server]
address = "0.0.0.0"
enableCORS = false
enableXsrfProtection = false
enableStaticServing = true
enableAgentApi = true
baseUrlPath = "elsewhere"
[browser]
gatherUsageStats = true
[client]
showErrorDetails = "full"
[theme]
font = "Sneaky:https://fonts.example.com/css"
"""

pytestmark = pytest.mark.network


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((serve.HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def outside() -> Iterator[socket.socket]:
    """All that the server would ask of another host comes here."""
    with socket.create_server((serve.HOST, 0)) as listener:
        listener.settimeout(0)
        yield listener


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, outside: socket.socket) -> Iterator[int]:
    """A server started by a user whose own settings ask for the opposite of ours."""
    home, chosen = tmp_path_factory.mktemp("home"), free_port()
    (home / ".streamlit").mkdir()
    (home / ".streamlit" / "config.toml").write_text(HOSTILE_CONFIG)
    (home / "secret.txt").write_text(SECRET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("STREAMLIT_SERVER_ADDRESS", "0.0.0.0")
        patch.setenv("STREAMLIT_SERVER_ENABLE_STATIC_SERVING", "true")
        patch.setenv("STREAMLIT_SERVER_TRUSTED_USER_HEADERS", '{"X-User": "email"}')
        for name in ("http_proxy", "https_proxy"):
            patch.setenv(name, "http://{}:{}".format(*outside.getsockname()))
        for name in ("no_proxy", "NO_PROXY"):
            patch.delenv(name, raising=False)
        patch.chdir(home)
        with serve.running(home / "no.duckdb", chosen):
            yield chosen


def answer(port: int, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Ask for a path exactly as it is written: nothing is tidied up on the way."""
    lines = [f"GET {path} HTTP/1.1", "Connection: close"]
    given = {"Host": f"{serve.HOST}:{port}", **headers}
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    with socket.create_connection((serve.HOST, port), timeout=10) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode())
        said = b"".join(iter(lambda: line.recv(65536), b"")).decode(errors="replace")
    head, _, body = said.partition("\r\n\r\n")
    first, *rest = head.splitlines()
    found = dict(each.lower().split(": ", 1) for each in rest)
    return int(first.split()[1]), body, found


def handshake(port: int, **headers: str) -> int:
    """Return what the server says to a browser that wants to open a session."""
    wanted = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **headers,
    }
    given = {"Host": f"{serve.HOST}:{port}", **wanted}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    with socket.create_connection((serve.HOST, port), timeout=10) as line:
        line.sendall("\r\n".join(["GET /_stcore/stream HTTP/1.1", *lines, "", ""]).encode())
        return int(line.recv(4096).split()[1])


def other_address() -> str:
    """Return another address of this machine than the one that is served."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.2"
        return str(probe.getsockname()[0])


def test_it_answers_on_this_machines_own_address_only(port: int) -> None:
    assert answer(port, serve.HEALTH)[:2] == (200, "ok")
    for address in {other_address(), "127.0.0.2"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=5)


def test_the_users_own_settings_change_nothing(port: int) -> None:
    status, body, headers = answer(port, "/_stcore/host-config")
    assert status == 200
    assert '"metricsUrl":""' in body
    assert "access-control-allow-origin" not in headers
    assert answer(port, "/elsewhere/_stcore/health")[1] != "ok"
    assert SECRET not in answer(port, "/app/static/secret.txt")[1]
    assert '"enabled":true' not in answer(port, "/_stcore/agent/openapi.json")[1].replace(" ", "")
    assert answer(port, "/_stcore/agent/interact")[0] != 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../etc/passwd",
        "/../../../../../../etc/passwd",
        "/..%2f..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/media/../../../../etc/passwd",
        "/media/..",
        "/media/%2fetc%2fpasswd",
        "//etc/passwd",
        "/app/static/../app.py",
        "/app/static/style.css",
        "/component/dashboard/../../session.py",
        "/_stcore/bidi-components/../../etc/passwd",
        "/dashboard/session.py",
        "/streamlit_app.py",
    ],
)
def test_no_file_is_handed_out(port: int, path: str) -> None:
    status, body, _ = answer(port, path)
    assert "root:" not in body
    assert "import streamlit" not in body
    # either refused, or the app's own first page, which Streamlit gives for any unknown address
    assert status in (400, 403, 404) or "<title>Streamlit</title>" in body
    assert ".mpg" not in body


def test_a_session_is_opened_for_our_own_pages_only(port: int, outside: socket.socket) -> None:
    ours = f"http://{serve.HOST}:{port}"
    assert handshake(port, Origin=ours) == 101
    named = f"localhost:{port}"
    assert handshake(port, Host=named, Origin=f"http://{named}") == 101
    foreign = ("evil.example", f"{serve.HOST}:{port - 1}", "localhost", other_address(), "0.0.0.0")
    for origin in (*(f"http://{each}" for each in foreign), "null", "file://", ""):
        assert handshake(port, Origin=origin) == 403, origin
    rebound = f"evil.example:{port}"
    assert handshake(port, Host=rebound, Origin=f"http://{rebound}") == 403
    with pytest.raises(BlockingIOError):  # whatever knocked, no host outside was asked
        outside.accept()


def test_a_port_in_use_is_a_clear_error(port: int, tmp_path: Path) -> None:
    with (
        pytest.raises(
            DashboardError, match=f"the port {port} of 127.0.0.1 cannot be used"
        ) as found,
        serve.running(tmp_path / "no.duckdb", port),
    ):
        pass
    assert found.value.reason == "dashboard.port"
    assert "--port" in found.value.remedy


def test_a_server_that_ends_at_once_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "command", lambda _: [sys.executable, "-c", "raise SystemExit(7)"])
    with (
        pytest.raises(DashboardError, match="it ended with exit code 7"),
        serve.running(tmp_path / "no.duckdb", free_port()),
    ):
        pass


def test_a_server_that_ends_badly_later_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def ends(child: subprocess.Popen[bytes], port: int) -> None:
        child.kill()

    monkeypatch.setattr(serve, "_wait_until_healthy", ends)
    with pytest.raises(DashboardError, match="ended with exit code -9"):
        serve.serve(tmp_path / "no.duckdb", free_port(), told.append)
    assert told


def test_the_command_says_all_that_matters() -> None:
    command = serve.command(8600)
    for option in (
        "--server.address=127.0.0.1",
        "--server.headless=true",
        "--server.port=8600",
        "--browser.gatherUsageStats=false",
        "--server.enableXsrfProtection=true",
        "--server.enableStaticServing=false",
        "--server.fileWatcherType=none",
        "--client.showErrorDetails=none",
        "--client.toolbarMode=minimal",
    ):
        assert command.count(option) == 1
    assert not [each for each in command if "0.0.0.0" in each]


def test_the_child_knows_nothing_of_the_users_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "0.0.0.0")
    monkeypatch.setenv("HOME", "/somewhere/else")
    found = serve.environment(tmp_path / "index.duckdb", tmp_path / "home")
    assert not [name for name in found if name.startswith("STREAMLIT_")]
    assert found["HOME"] == found["USERPROFILE"] == str(tmp_path / "home")
    assert found[serve.INDEX_VARIABLE] == str(tmp_path / "index.duckdb")


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Ctrl-C and a polite kill stop the server too."""
    chosen = free_port()
    said = "from pathlib import Path; import sys; from dashboard import serve\n" + (
        f"sys.exit(serve.serve(Path({str(tmp_path / 'no')!r}), {chosen}, "
        "lambda at: print(at, flush=True)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", said], env=environment, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == f"http://127.0.0.1:{chosen}/\n"
        assert answer(chosen, serve.HEALTH)[0] == 200
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(15) == 130
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            socket.create_connection((serve.HOST, chosen), timeout=1).close()
        except OSError:
            return
        time.sleep(0.1)
    pytest.fail("the server outlived the command that started it")


def test_no_module_of_ours_stands_in_for_one_of_pythons() -> None:
    """Streamlit puts the folder of its script first on the path, as `dashboard/` must never be."""
    names = {each.stem for each in serve.ENTRY.parent.glob("*.py")}
    assert names == {"__init__", "__main__", "streamlit_app"}
