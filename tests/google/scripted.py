"""A server on the loopback that answers as the test says, and notes what it is asked."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body).items()}

    @property
    def inner(self) -> list[str]:
        """What a batch asks for: the path of each of its parts."""
        return re.findall(r"^GET (\S+) HTTP/1\.1", self.body, re.MULTILINE)


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Script:
    """What is answered: the next of `answers`, the last of them for ever."""

    answers: list[Answer | Callable[[Asked], Answer]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    place: str = ""

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        chosen = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return chosen(asked) if callable(chosen) else chosen

    def says(self, *answers: Any) -> None:
        """Answers that are objects are sent as JSON."""
        self.answers = [one if isinstance(one, tuple) or callable(one) else as_json(one) for one in answers]


def as_json(said: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json; charset=UTF-8"}, json.dumps(said).encode()


def refused(status: int, reason: str = "", message: str = "No.") -> Answer:
    return as_json({"error": {"code": status, "message": message, "errors": [{"reason": reason}]}}, status)


def token(access: str = "fresh", **more: Any) -> Answer:
    return as_json({"access_token": access, "expires_in": 3600, "token_type": "Bearer", **more})


def batch(*parts: Answer) -> Callable[[Asked], Answer]:
    """One answer to a batch: each part under the id that it was asked for with."""

    def answer(asked: Asked) -> Answer:
        ids = re.findall(r"^Content-ID: <(.*)>", asked.body, re.MULTILINE)
        return multipart([(f"response-{id}", part) for id, part in zip(ids, parts, strict=True)])

    return answer


def multipart(parts: list[tuple[str, Answer]]) -> Answer:
    lines = []
    for id, (status, headers, body) in parts:
        shown = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        lines.append(f"--edge\r\nContent-Type: application/http\r\nContent-ID: <{id}>\r\n\r\n")
        lines.append(f"HTTP/1.1 {status} X\r\n{shown}\r\n{body.decode()}\r\n")
    whole = "".join([*lines, "--edge--\r\n"]).encode()
    return 200, {"Content-Type": 'multipart/mixed; boundary="edge"'}, whole


@contextmanager
def scripted() -> Iterator[Script]:
    script = Script()

    class Here(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            asked = Asked(self.command, parts.path, parse_qs(parts.query), dict(self.headers), body)
            status, headers, content = script.answer(asked)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = do_GET

        def log_message(self, *_: Any) -> None:
            """Not among the lines of the test."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    script.place = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
