"""The launcher: what it is started with, where it listens, and what it does not hand out."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard import cli, serve
from dashboard.console import EXIT_ERROR
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
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
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
        patch.setenv("http_proxy", "http://127.0.0.1:9")
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


def test_a_session_is_opened_for_our_own_pages_only(port: int) -> None:
    ours = f"http://{serve.HOST}:{port}"
    assert handshake(port, Origin=ours) == 101
    assert handshake(port, Origin="http://evil.example") == 403
    rebound = f"evil.example:{port}"
    assert handshake(port, Host=rebound, Origin=f"http://{rebound}") == 403


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


def test_the_command_says_all_that_matters() -> None:
    command = serve.command(8600)
    for option in (
        "--server.address=127.0.0.1",
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


def test_there_is_no_way_to_serve_elsewhere() -> None:
    for option in ("--address", "--host", "--server.address"):
        result = CliRunner().invoke(cli.app, [option, "0.0.0.0"])
        assert result.exit_code == 2
        assert "No such option" in result.output
    assert "0.0.0.0" not in CliRunner().invoke(cli.app, ["--help"]).output


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


def test_the_command_is_light_to_load() -> None:
    said = "import sys, dashboard.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"altair", "duckdb", "pandas", "pyarrow", "streamlit"} & set(done.stdout.split())


def test_no_module_of_ours_stands_in_for_one_of_pythons() -> None:
    """Streamlit puts the folder of its script first on the path, as `dashboard/` must never be."""
    names = {each.stem for each in serve.ENTRY.parent.glob("*.py")}
    assert names == {"__init__", "__main__", "streamlit_app"}


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "duckdb" else name)
    for arguments in (["--root", str(tmp_path)], ["export", str(tmp_path / "site")]):
        result = CliRunner().invoke(cli.app, arguments)
        assert result.exit_code == EXIT_ERROR
        assert "the dashboard needs duckdb" in result.stderr
        assert "microdata-release-gate[dashboard]" in result.stderr


def test_a_folder_of_runs_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["--root", str(tmp_path / "none")])
    assert result.exit_code == EXIT_ERROR
    assert "there is no folder" in result.stderr


def test_export_hands_its_arguments_on(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["export", str(tmp_path), "--stage", "gamma"])
    assert result.exit_code == EXIT_ERROR
    assert "there is no stage 'gamma'" in result.stderr
    assert "--product" in CliRunner().invoke(cli.app, ["export", "--help"]).output


def test_the_command_indexes_then_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Path, int]] = []

    def pretend(index: Path, port: int, ready: Callable[[str], None]) -> int:
        served.append((index, port))
        ready(f"http://127.0.0.1:{port}/")
        return 0

    monkeypatch.setattr(cli, "serve", pretend)
    (tmp_path / "runs").mkdir()
    db = tmp_path / "index.duckdb"
    given = ["--root", str(tmp_path / "runs"), "--db", str(db), "--port", "8600"]
    result = CliRunner().invoke(cli.app, given)
    assert result.exit_code == 0
    assert served == [(db, 8600)]
    assert db.is_file()
    assert "0 runs" in result.output
    assert "http://127.0.0.1:8600/" in result.output
    db.unlink()
    CliRunner().invoke(cli.app, [*given, "--no-index"])
    assert not db.exists()
