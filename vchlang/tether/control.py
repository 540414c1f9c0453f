"""The control socket: one JSON object a line, asked and answered.

Whatever arrives here, the tether lives: a line that is no request gets an error, a client that floods or does not
read is let go. The socket is the owner's alone (0600), and the tasks, who are the same user, are told apart by who
their parents are: they may ask, but not command.
"""

import json
import os
import selectors
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

from . import remains

SOCKET_NAME = "control.sock"
_MOST_CLIENTS = 32
_LONGEST_LINE = 64 * 1024
_LONGEST_BACKLOG = 4 * 1024 * 1024
_PARTING_SECONDS = 1.0

Answer = Mapping[str, object]
# (verb, whether it may command) → the answer, or None: it comes with `release`.
Handler = Callable[[str, bool], Answer | None]
Ready = Callable[[int], None]


class Control:
    """Listens in the current directory: a relative name, for the path of a unix socket has at most 107 bytes.

    selector: every registration's data is called with the events that are ready.
    """

    def __init__(self, selector: selectors.BaseSelector, handle: Handler) -> None:
        self._selector = selector
        self._handle = handle
        self._clients: dict[int, _Client] = {}
        try:
            os.unlink(SOCKET_NAME)  # only the holder of the lock comes here, so this one is a dead tether's
        except FileNotFoundError:
            pass
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        before = os.umask(0o177)
        try:
            self._listener.bind(SOCKET_NAME)
        finally:
            os.umask(before)
        self._listener.listen(_MOST_CLIENTS)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def release(self, answer: Answer) -> None:
        """Answer every client that is still waiting for its answer."""
        for client in list(self._clients.values()):
            if client.waiting:
                client.waiting = False
                self._send(client, answer)

    def close(self) -> None:
        """Say what is still to be said, briefly, and go."""
        for client in list(self._clients.values()):
            try:
                client.socket.settimeout(_PARTING_SECONDS)
                client.socket.sendall(client.out)
            except OSError:
                pass  # it went away first
            self._drop(client)
        self._selector.unregister(self._listener)
        self._listener.close()
        os.unlink(SOCKET_NAME)

    def _accept(self, _events: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it went away again, or there are no descriptors left: the next round may do better
            return
        connection.setblocking(False)
        if len(self._clients) >= _MOST_CLIENTS:
            idle = next((c for c in self._clients.values() if not c.waiting), None)
            if idle is None:
                connection.close()
                return
            self._drop(idle)
        client = _Client(connection)
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ, lambda events: self._serve(client, events))

    def _serve(self, client: "_Client", events: int) -> None:
        if client.socket.fileno() < 0:  # dropped earlier in this round
            return
        if events & selectors.EVENT_WRITE:
            self._flush(client)
        if not events & selectors.EVENT_READ or client.socket.fileno() < 0:
            return
        try:
            received = client.socket.recv(_LONGEST_LINE)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._drop(client)
            return
        client.buffer += received
        *lines, client.buffer = client.buffer.split(b"\n")
        if len(client.buffer) > _LONGEST_LINE:
            self._send(client, {"error": "line-too-long"})
            self._drop(client)
            return
        for line in lines:
            if client.socket.fileno() < 0:
                return
            if line.strip():
                self._request(client, line)

    def _request(self, client: "_Client", line: bytes) -> None:
        try:
            request: Any = json.loads(line)
        except (ValueError, RecursionError):
            self._send(client, {"error": "not-json"})
            return
        verb = request.get("verb") if isinstance(request, dict) else None
        if not isinstance(verb, str):
            self._send(client, {"error": "no-verb"})
            return
        answer = self._handle(verb, client.commands)
        if answer is None:
            client.waiting = True
        else:
            self._send(client, answer)

    def _send(self, client: "_Client", answer: Answer) -> None:
        client.out += json.dumps(answer).encode() + b"\n"
        self._flush(client)

    def _flush(self, client: "_Client") -> None:
        try:
            client.out = client.out[client.socket.send(client.out) :] if client.out else b""
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        if len(client.out) > _LONGEST_BACKLOG:
            self._drop(client)
            return
        wants = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.out else 0)
        key = self._selector.get_key(client.socket)
        if key.events != wants:
            self._selector.modify(client.socket, wants, key.data)

    def _drop(self, client: "_Client") -> None:
        if client.socket.fileno() < 0:
            return
        del self._clients[client.socket.fileno()]
        self._selector.unregister(client.socket)
        client.socket.close()


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.buffer = b""
        self.out = b""
        self.waiting = False
        peer, _uid, _gid = struct.unpack("=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self.commands = not remains.descends_from(peer, os.getpid())
