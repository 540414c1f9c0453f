"""What the three services of the endpoint share: their place, their credentials, a recent log, and an HTTP server.

A service finds its root in VCH_ROOT, for where there is no chroot its root is not `/`; its addresses in VCH_ADDRESS
and VCH_ADDRESS_<ROLE>; and its credentials, if it was given any, as JSON on the descriptor VCH_CREDENTIALS_FD.
"""

import json
import os
import signal
import socketserver
import sys
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = os.environ.get("VCH_ROOT", "/")
ADDRESS = os.environ.get("VCH_ADDRESS", "127.0.0.1")
_BEGAN = time.monotonic()

# What this process has logged lately; the log itself may be write-only, to us too.
recent: deque[str] = deque(maxlen=200)

# What answers a GET of a path: its media type and its text.
Page = Callable[[], tuple[str, str]]


def log(text: str) -> None:
    line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}"
    recent.append(line)
    print(line, flush=True)


def in_root(path: str) -> str:
    return os.path.join(ROOT, path.lstrip("/"))


def credentials() -> dict[str, Any] | None:
    """The credentials, or None when none were given. They are read anew each time and never kept."""
    number = os.environ.get("VCH_CREDENTIALS_FD")
    if number is None:
        return None
    handle = int(number)
    record = json.loads(os.pread(handle, os.fstat(handle).st_size, 0))
    return record if isinstance(record, dict) else {}


def version() -> str:
    with open(in_root("/etc/os-release"), encoding="utf-8") as lines:
        facts = dict(line.rstrip("\n").split("=", 1) for line in lines if "=" in line)
    return facts["VERSION_ID"].strip('"')


def info(name: str, **more: object) -> dict[str, object]:
    """What a service says about itself: whose credentials it has, never what they are."""
    roles = {
        variable.removeprefix("VCH_ADDRESS_").lower(): address
        for variable, address in sorted(os.environ.items())
        if variable.startswith("VCH_ADDRESS_")
    }
    record = credentials()
    user = None if record is None else record.get("user", record.get("username"))
    return {
        "name": name,
        "version": version(),
        "executor": os.environ.get("VCH_EXECUTOR"),
        "address": ADDRESS,
        "addresses": roles,
        "credentials_of": user,
        "uptime_s": round(time.monotonic() - _BEGAN, 3),
        **more,
    }


def as_json(document: object) -> tuple[str, str]:
    return "application/json", json.dumps(document, indent=2) + "\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # HTTPServer would ask the network for our name, and may wait long for it.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]


class Service:
    """An HTTP server of a few pages. `POST /fail?code=N` ends the process with N, to see what its tether does."""

    def __init__(self, name: str, port: int, pages: dict[str, Page]) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = pages.get(urlsplit(self.path).path)
                if page is None:
                    self._answer(404, "text/plain", "not here\n")
                else:
                    self._answer(200, *page())

            def do_POST(self) -> None:
                asked = urlsplit(self.path)
                code = parse_qs(asked.query).get("code", ["1"])[0]
                if asked.path != "/fail":
                    self._answer(404, "text/plain", "not here\n")
                elif not (code.isascii() and code.isdigit() and int(code) < 256):
                    self._answer(400, "text/plain", "a code is a number from 0 to 255\n")
                else:
                    self._answer(202, "text/plain", f"failing with {code}\n")
                    log(f"{service.name}: told to fail with {code}")
                    os._exit(int(code))

            def _answer(self, status: int, media: str, text: str) -> None:
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", f"{media}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, format: str, *arguments: object) -> None:
                log(f"{service.name}: {self.client_address[0]} {format % arguments}")

        self.name = name
        self._server = _Server((ADDRESS, port), Handler)

    def serve(self) -> None:
        """Answer until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
        log(f"{self.name}: listening on {ADDRESS}:{self._server.server_address[1]}")
        self._server.serve_forever()
