"""The fake behind a real socket on loopback."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import control
from .answers import Answer
from .core import Google
from .faults import TimedOut, Truncated


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, google: Google, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.google = google
        self.stopping = threading.Event()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def environment(self) -> dict[str, str]:
        """The variables that lead OmniCRM here."""
        return {
            "GOOGLE_API_ROOT": self.root,
            "GOOGLE_AUTH_URI": f"{self.root}/o/oauth2/v2/auth",
            "GOOGLE_TOKEN_URI": f"{self.root}/token",
            "GOOGLE_REVOKE_URI": f"{self.root}/revoke",
            "GOOGLE_USERINFO_URI": f"{self.root}/userinfo",
            "GOOGLE_CERTS_URI": f"{self.root}/oauth2/v3/certs",
            "GOOGLE_CLIENT_ID": self.google.oauth.client_id,
            "GOOGLE_CLIENT_SECRET": self.google.oauth.client_secret,
        }

    def tell(self) -> None:
        """Until the server stops."""
        while not self.stopping.wait(0.1):
            self.google.pushes.deliver()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody hanging up is not among the lines of the test; a mistake of the fake is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self.say(self.handled(body))
        except TimedOut as fault:
            self.server.stopping.wait(fault.seconds)
            self.hang_up()
        except Truncated as fault:
            self.say(
                Answer(fault.answer.status, fault.answer.headers, fault.partial),
                length=len(fault.answer.body),
            )
            self.hang_up()
        except ConnectionResetError:
            self.hang_up()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def handled(self, body: bytes) -> Answer:
        if self.path.startswith(control.PREFIX):
            return control.answer(self.server.google, self.command, self.path, body)
        return self.server.google.handle(self.command, self.path, dict(self.headers.items()), body)

    def say(self, answer: Answer, *, length: int | None = None) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body) if length is None else length))
        self.end_headers()
        self.wfile.write(answer.body)

    def hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        """Not among the lines of the test; the fake keeps its own log of calls."""


@contextmanager
def serving(google: Google, port: int = 0, *, pushing: bool = False) -> Iterator[Server]:
    """A server in threads of this process; `server.root` is where, `server.environment()` leads OmniCRM there.
    `pushing`: what Google tells by itself is sent at once."""
    server = Server(google, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    telling = threading.Thread(target=server.tell, daemon=True)
    thread.start()
    if pushing:
        telling.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
