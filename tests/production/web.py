"""The image's web command on this machine, and a visitor without a browser."""

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from typing import Any

from tests.mail_server import free_port
from tests.production.environment import ROOT
from tests.production.installation import Installation, NotSo, until

HOST = "127.0.0.1"


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, rest) in order, with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]  # type: ignore[misc]


def image_command() -> list[str]:
    return json.loads(next(rest for instruction, rest in dockerfile() if instruction == "CMD"))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


_TRUSTING = ssl.create_default_context()
_TRUSTING.check_hostname = False
_TRUSTING.verify_mode = ssl.CERT_NONE
_opener = urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=_TRUSTING))


def get(address: str, **headers: str) -> tuple[int, Any, str]:
    request = urllib.request.Request(address, headers={name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with _opener.open(request, timeout=30) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def answers(address: str, **headers: str) -> bool:
    try:
        return get(address, **headers)[0] == 200
    except OSError:
        return False


def start_web(installation: Installation, port: int, name: str = "web", **changes: str) -> subprocess.Popen[bytes]:
    """The image's own command, on this machine's port, with a tenth of its processes."""
    command = image_command()
    for option, value in (("--host", HOST), ("--port", str(port)), ("--workers", "1"), ("--metrics-address", HOST)):
        command[command.index(option) + 1] = value
    command[command.index("--metrics-port") + 1] = str(free_port())
    assert command[:2] == ["python", "-m"]
    process = installation.start(name, *command[2:], **changes)

    def ready() -> bool:
        if process.poll() is not None:
            log = (installation.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
            raise NotSo(f"the web process ended with code {process.returncode}: {log[-3000:]}")
        return answers(f"http://{HOST}:{port}/readyz")

    until(ready, seconds=90, what="the web process is ready")
    return process
