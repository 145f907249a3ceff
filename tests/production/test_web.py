"""The web process of the image on real servers, behind the real nginx: TLS, addresses, ids, and a cache that dies."""

import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import threading
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.mail_server import free_port
from tests.production.installation import Installation, until
from tests.production.proxy import nginx_for
from tests.production.test_workers import NOTICES, OPEN, mails
from tests.production.web import HOST, answers, get, start_web

pytestmark = pytest.mark.integration


def test_behind_the_proxy_pages_are_secure_and_their_id_is_in_the_log(installation: Installation, tmp_path: Path):
    port = free_port()
    process = start_web(installation, port)
    direct = f"http://{HOST}:{port}"

    code, headers, _body = get(f"{direct}/")
    assert (code, headers["Location"][:8]) == (301, "https://")
    code, headers, body = get(
        f"{direct}/", X_Forwarded_Proto="https", X_Forwarded_For="6.6.6.6, 203.0.113.7", X_Request_ID="from-the-proxy-1"
    )
    assert code == 200, body[:500]
    assert "max-age=31536000" in headers["Strict-Transport-Security"]
    assert headers["X-Request-ID"] == "from-the-proxy-1"
    assert get(f"{direct}/statusz", X_Forwarded_For="203.0.113.7")[0] == 403
    assert json.loads(get(f"{direct}/statusz")[2])["database"]["status"] == "ok"
    style = re.search(r'href="(/static/[^"]+\.css)"', body)
    assert style
    code, headers, _body = get(f"{direct}{style[1]}", X_Forwarded_Proto="https")
    assert code == 200
    assert "immutable" in headers["Cache-Control"]

    # Its worker was started afresh: a forked one can inherit a lock that nobody will open (marketplace/web_server.py).
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_text() for child in children]
    assert [command for command in commands if "spawn_main" in command]
    assert not [command for command in commands if "marketplace.web_server" in command]

    # SIGTERM ends it without being forced.
    process.send_signal(signal.SIGTERM)
    assert process.wait(90) == 0
    lines = [entry for entry in installation.log("web") if entry["event"] == "request"]
    seen = {(entry["path"], entry["status"]): entry["request_id"] for entry in lines}
    assert seen["/", 200] == "from-the-proxy-1"
    assert not any(entry["path"] == "/readyz" for entry in lines)


def start_nginx(installation: Installation, nginx: str, configuration: Path) -> None:
    folder = configuration.parent
    with (folder / "nginx.log").open("wb") as log:
        proxy = subprocess.Popen(
            [nginx, "-c", str(configuration), "-p", str(folder), "-e", str(folder / "error.log")]
            + ["-g", "daemon off; user root;" if os.getuid() == 0 else "daemon off;"],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    installation.processes.append(proxy)


def posted_bytes(port: int, path: str, size: int) -> int:
    """The status of a POST of so many bytes; the answer may come before the last of them is sent."""
    connection = http.client.HTTPSConnection(HOST, port, context=ssl._create_unverified_context(), timeout=60)
    with closing(connection):
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        with suppress(OSError):  # it stops listening when it has answered
            for _piece in range(min(size, 64 << 20) >> 20):
                connection.send(bytes(1 << 20))
        with connection.getresponse() as answer:
            return answer.status


def test_through_nginx_the_visitor_cannot_choose_an_address_and_figures_stay_inside(
    installation: Installation, tmp_path: Path
):
    port, http_port, https_port = free_port(), free_port(), free_port()
    nginx, configuration = nginx_for(tmp_path, f"{HOST}:{port}", http_port=http_port, https_port=https_port)
    start_web(installation, port)
    start_nginx(installation, nginx, configuration)
    outside = f"https://{HOST}:{https_port}"
    until(lambda: answers(f"{outside}/"), seconds=60, what="nginx passes pages on")

    code, headers, _body = get(f"http://{HOST}:{http_port}/about/")
    assert (code, headers["Location"]) == (301, f"https://{HOST}/about/")
    assert get(f"{outside}/metrics")[0] == 404
    assert get(f"{outside}/statusz")[0] == 404
    code, headers, _body = get(f"{outside}/about/", X_Forwarded_For="127.0.0.1", X_Request_ID="chosen-by-visitor")
    assert code == 200
    assert headers["X-Request-ID"] != "chosen-by-visitor"
    # A sealed envelope may be large, a form may not.
    upload = "/desk/challenges/items/JB2026-001/seal/upload/technical/"
    assert posted_bytes(https_port, "/desk/challenges/items/JB2026-001/seal/draft/", 30 << 20) == 413
    assert posted_bytes(https_port, upload, 540 << 20) == 413
    assert posted_bytes(https_port, upload, 30 << 20) == 403  # passed on: the platform asks who this is


def test_pages_go_on_when_the_cache_dies(installation: Installation, servers: dict[str, str]):
    """A Redis of our own is killed under the web process: no page and no API answer fails (reliability.md R9)."""
    redis = shutil.which("redis-server")
    if redis is None:
        pytest.skip("redis-server is not installed here")
    cache_port, port = free_port(), free_port()
    server = subprocess.Popen(
        [redis, "--port", str(cache_port), "--bind", HOST, "--save", "", "--dir", str(installation.folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    installation.processes.append(server)
    start_web(installation, port, CACHE_URL=f"redis://{HOST}:{cache_port}/0")
    pages = [f"http://{HOST}:{port}{path}" for path in ("/", "/scenarios/", "/api/v1/scenarios/", "/readyz")]

    def codes() -> list[int]:
        return [get(page, X_Forwarded_Proto="https")[0] for page in pages]

    until(
        lambda: json.loads(get(f"http://{HOST}:{port}/statusz")[2])["cache"]["status"] == "ok",
        seconds=60,
        what="the cache is in use",
    )
    before = codes()
    installation.kill(server)
    after = [codes() for _round in range(5)]
    assert [code for code in before if code >= 500] == []
    assert after == [before] * 5
    assert json.loads(get(f"http://{HOST}:{port}/statusz")[2])["cache"]["status"] == "down"


def test_a_rolling_restart_under_load_fails_no_request_and_doubles_no_notice(
    installation: Installation, tmp_path: Path
):
    """R17: two web processes and a worker are replaced one after the other while people read and notices go out."""
    ports = [free_port(), free_port()]
    https_port = free_port()
    upstream = f"{HOST}:{ports[0]};\n        server {HOST}:{ports[1]}"
    nginx, configuration = nginx_for(tmp_path, upstream, http_port=free_port(), https_port=https_port)
    # One visitor makes all the load here: the limit per visitor is another test's business.
    configuration.write_text(configuration.read_text().replace("rate=30r/s", "rate=3000r/s"))
    webs = [start_web(installation, port, f"web-{port}") for port in ports]
    worker = installation.worker("relay,mail,maintenance")
    installation.beat()
    start_nginx(installation, nginx, configuration)
    address = f"https://{HOST}:{https_port}/about/"
    until(lambda: answers(address), seconds=60, what="nginx passes pages on")

    answered: Counter[int | str] = Counter()
    enough = threading.Event()

    def visited(name: str) -> bool:
        return any(entry.get("path") == "/about/" for entry in installation.log(name))

    def read() -> None:
        while not enough.is_set():
            try:
                answered[get(address)[0]] += 1
            except OSError as error:
                answered[type(error).__name__] += 1

    readers = [threading.Thread(target=read) for _reader in range(2)]
    for reader in readers:
        reader.start()
    try:
        installation.step("verify", "150")
        until(lambda: installation.number(NOTICES) > 0, seconds=90, what="notices go out")
        worker.send_signal(signal.SIGTERM)
        next_worker = installation.worker("relay,mail,maintenance")
        for web, port in zip(webs, ports, strict=True):
            web.send_signal(signal.SIGTERM)
            assert web.wait(90) == 0
            start_web(installation, port, f"web-{port}-new")
            # As docs/operations.md §3 says: the next one only when nginx sends visitors to this one again.
            until(lambda name=f"web-{port}-new": visited(name), seconds=60, what="nginx uses the new process")
        assert worker.wait(120) == 0
        until(lambda: installation.number(OPEN) == 0, seconds=150, what="every delivery is done")
        assert next_worker.poll() is None
    finally:
        enough.set()
        for reader in readers:
            reader.join()
    print(f"answers during the restart: {dict(answered)}")
    assert set(answered) == {200}
    assert installation.number(NOTICES) == 150
    assert Counter(mails(installation.mail_folder).values()) == {1: 150}
