"""The real Elasticsearch of a test run, and a local server that fails in a chosen way."""

import json
import os
import socket
import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

REMEDY = 'no Elasticsearch: drills/services start elasticsearch; eval "$(drills/services env)" (sets TEST_SEARCH_URL)'


def search_url() -> str:
    """TEST_SEARCH_URL; skips on a laptop without one, fails where services are required."""
    url = os.environ.get("TEST_SEARCH_URL", "")
    if url:
        return url
    if os.environ.get("CI") == "true" and os.environ.get("MARKETPLACE_REQUIRE_SERVICES") == "1":
        pytest.fail(REMEDY)
    pytest.skip(REMEDY)


def ask(method: str, path: str) -> Any:
    """One plain request to the test cluster's first node."""
    node = search_url().split("://", 1)[1].split("/")[0].split(",")[0]
    request = urllib.request.Request(f"http://{node}{path}", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@contextmanager
def cluster_of_its_own() -> Iterator[str]:
    """A URL whose index prefix nobody else uses; its indexes are removed afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield f"{search_url().rstrip('/')}/{prefix}"
    names = [entry["index"] for entry in ask("GET", f"/_cat/indices/{prefix}-*?format=json&h=index")]
    if names:
        ask("DELETE", "/" + ",".join(names))


class FaultServer:
    """Answers every request with the same bytes, never, or not at all (`refuse`). Counts connections."""

    def __init__(self) -> None:
        self.answer: bytes | None = b""
        self.connections = 0
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        #: Held while a connection is taken or all are closed: none may slip in between and be left open.
        self._taking = threading.Lock()
        self._threads: list[threading.Thread] = []
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

    @property
    def url(self) -> str:
        return f"elasticsearch://127.0.0.1:{self.port}/fault"

    def start(self, answer: bytes | None) -> None:
        """Listen; None: take the connection and stay silent."""
        self.answer = answer
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
            self._begin(self._accept, self._listener)

    def refuse(self) -> None:
        """Close the port and every connection."""
        with self._taking:
            if self._listener is not None:
                with suppress(OSError):
                    self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
                self._listener = None
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
            self._open.clear()
            ended, self._threads = self._threads, []
        for thread in ended:
            thread.join(5)

    def _begin(self, work: Callable[[socket.socket], None], given: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(given,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with self._taking:
                if listener is not self._listener:
                    connection.close()
                    return
                self.connections += 1
                self._open.append(connection)
                self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while connection.recv(65536):
                if self.answer is not None:
                    connection.sendall(self.answer)


def http(status: str, body: bytes, *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Gate:
    """Stands before the real server and can be shut: `shut` refuses and cuts, `hang` takes requests and is silent."""

    def __init__(self) -> None:
        host, port = search_url().split("://", 1)[1].split("/")[0].split(",")[0].rsplit(":", 1)
        self._target = (host, int(port))
        self._front = FaultServer()
        self._front._serve = self._serve  # type: ignore[method-assign]
        self._silent = False
        self.open()

    @property
    def port(self) -> int:
        return self._front.port

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def open(self) -> None:
        self._silent = False
        self._front.start(None)

    def shut(self) -> None:
        self._front.refuse()

    def hang(self) -> None:
        self._front.refuse()
        self._silent = True
        self._front.start(None)

    def _serve(self, near: socket.socket) -> None:
        if self._silent:
            with suppress(OSError):
                while near.recv(65536):
                    pass
            return
        with socket.create_connection(self._target) as far:
            back = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
            back.start()
            _pass_on(near, far)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
