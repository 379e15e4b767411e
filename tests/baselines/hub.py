"""A server on 127.0.0.1 that answers like the Hugging Face hub resolves a file of a repository."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hub:
    """What the server gives: `offers` are the headers it announces, `body` what it sends."""

    path: str
    body: bytes
    commit: str
    etag: str
    linked_size: int
    sends: int | None = None
    declares: int | None = None
    requested: list[tuple[str, str]] = field(default_factory=list)
    authorization: list[str | None] = field(default_factory=list)
    endpoint: str = ""


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Run the hub until the block ends; `hub.endpoint` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            hub.requested.append((self.command, self.path))
            hub.authorization.append(self.headers.get("Authorization"))
            if self.path != hub.path:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = hub.body if hub.sends is None else hub.body[: hub.sends]
            declared = len(hub.body) if hub.declares is None else hub.declares
            self.send_response(200)
            self.send_header("X-Repo-Commit", hub.commit)
            self.send_header("ETag", f'"{hub.etag}"')
            self.send_header("X-Linked-Etag", f'"{hub.etag}"')
            self.send_header("X-Linked-Size", str(hub.linked_size))
            self.send_header("Content-Length", str(declared))
            self.end_headers()
            if with_body:
                self.wfile.write(body)
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
