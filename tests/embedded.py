"""An embedded installation as `make run` starts it, below a folder of its own, and posts sent to it in part."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mail_server import free_port

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
CSRF = "c" * 32


class EmbeddedInstallation:
    """Prepared by the product's own commands; `serve` starts the runner with its web server."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "TEST_"))},
            "MARKETPLACE_VAR_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "marketplace.settings.dev",
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def step(self, name: str) -> dict[str, Any]:
        """One of tests/embedded_steps.py."""
        return json.loads(self.run("-m", "tests.embedded_steps", name).strip().splitlines()[-1])

    def serve(self) -> None:
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", str(self.port)],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < end, (self.folder / "serve.log").read_text(encoding="utf-8")[-3000:]
            time.sleep(0.1)  # another process starts: there is nothing to wait on but its answer

    def _answers(self) -> bool:
        try:
            return get(self.port, "/livez")[0] == 200
        except OSError:
            return False

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(40)
            finally:
                if self.process.poll() is None:
                    os.killpg(self.process.pid, signal.SIGKILL)


def get(port: int, path: str, **headers: str) -> tuple[int, float]:
    """(status, seconds) of a GET over a connection of its own."""
    begun = time.monotonic()
    with closing(http.client.HTTPConnection(HOST, port, timeout=60)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - begun


@dataclass(frozen=True)
class Post:
    """A request whose announced length may differ from what is sent."""

    path: str
    content_type: str
    body: bytes
    announced: int | None = None
    session: str = ""
    token: str = ""
    accept: str = "application/json"

    def head(self) -> bytes:
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"Host: {HOST}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body) if self.announced is None else self.announced}",
            f"Accept: {self.accept}",
            f"X-CSRFToken: {CSRF}",
        ]
        if self.session:
            lines.append(f"Cookie: csrftoken={CSRF}; sessionid={self.session}")
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def opened(self, port: int, sent: int | None = None) -> socket.socket:
        """A connection over which the head and the first `sent` bytes of the body went."""
        connection = socket.create_connection((HOST, port), timeout=60)
        connection.sendall(self.head() + self.body[:sent])
        return connection

    def cut_off(self, port: int) -> tuple[int, str]:
        """Sends the body and closes its half of the connection; (status, text) of the answer."""
        with closing(self.opened(port)) as connection:
            connection.shutdown(socket.SHUT_WR)
            return answer_on(connection)

    def whole(self, port: int) -> tuple[int, str]:
        with closing(self.opened(port)) as connection:
            return answer_on(connection)


def answer_on(connection: socket.socket) -> tuple[int, str]:
    """(status, text) of the answer that comes over a connection; (0, "") when it was closed without one."""
    answer = http.client.HTTPResponse(connection, method="POST")
    try:
        answer.begin()
    except (http.client.BadStatusLine, ConnectionError):
        return 0, ""
    return answer.status, answer.read().decode()
