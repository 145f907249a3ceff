"""Rounds of drills/slow_senders: connections whose bodies hardly move, and a visitor who reads beside them."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.embedded import HOST, EmbeddedInstallation, Post, answer_on
from tests.mail_server import free_port
from tests.production.drill import Report, progress
from tests.production.installation import Installation, until
from tests.production.proxy import nginx_for
from tests.production.test_web import start_nginx
from tests.production.web import answers, start_web

UPLOAD = "/desk/challenges/items/JB2026-001/seal/upload/technical/"
PAGES = ("/livez", "/", "/scenarios/")
#: Pages beside slow senders (issue 11, H2).
ASKED_SECONDS = 1.0
#: What a sender may take who sends nothing more (marketplace.incoming.Pace), and time to be told so.
GIVEN_UP_SECONDS = 40.0
Connect = Callable[[int], socket.socket]


def plain(port: int) -> Connect:
    """Connections to `port`, five of each address, as from as many offices."""
    return lambda number: socket.create_connection(
        (HOST, port), timeout=60, source_address=(f"127.0.1.{number // 5}", 0)
    )


def encrypted(port: int) -> Connect:
    context = ssl._create_unverified_context()
    bare = plain(port)
    return lambda number: context.wrap_socket(bare(number), server_hostname=HOST)


@contextmanager
def holding(connect: Connect, post: Post, senders: int) -> Iterator[list[socket.socket]]:
    """`senders` connections with the beginning of a body; one byte more of each every second."""
    held = [connect(number) for number in range(senders)]
    for connection in held:
        connection.sendall(post.head() + b"x")
    enough = threading.Event()

    def drip() -> None:
        while not enough.wait(1.0):
            for connection in held:
                with contextlib.suppress(OSError):  # answered and closed meanwhile
                    connection.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        yield held
    finally:
        enough.set()
        dripping.join()
        for connection in held:
            connection.close()


def read_beside(connect: Connect, seconds: float) -> tuple[list[float], Counter[int]]:
    """Seconds of each page, in order of size, and how many of each status."""
    taken, statuses = [], Counter[int]()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for page in PAGES:
            begun = time.monotonic()
            with closing(connect(1000)) as connection:
                connection.sendall(f"GET {page} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                answer.read()
            taken.append(time.monotonic() - begun)
            statuses[answer.status] += 1
    return sorted(taken), statuses


def round_of(report: Report, name: str, connect: Connect, post: Post, *, senders: int, seconds: float) -> Counter[int]:
    """Reads beside `senders`; asks for the p95 and that no page fails. Statuses that the senders got in the end."""
    progress(f"{name}: {senders} senders, {seconds:.0f} s")
    with holding(connect, post, senders) as held:
        taken, statuses = read_beside(connect, seconds)
        p95 = taken[int(len(taken) * 0.95)]
        report.ask(f"{name}: pages", len(taken), set(statuses) == {200})
        report.ask(f"{name}: p95 s", round(p95, 3), p95 <= ASKED_SECONDS)
        report.figures[f"{name}: slowest s"] = round(taken[-1], 3)
        for connection in held:
            connection.settimeout(GIVEN_UP_SECONDS)
        answered: Counter[int] = Counter(answer_on(connection)[0] for connection in held)
    report.figures[f"{name}: senders were answered"] = dict(answered)
    return answered


def rounds(report: Report, name: str, connect: Connect, session: str, *, senders: int, seconds: float) -> None:
    anonymous = Post(UPLOAD, "application/octet-stream", b"", announced=500 << 20)
    form = Post("/account/login/", "application/x-www-form-urlencoded", b"", announced=20_000)
    known = Post(UPLOAD, "application/octet-stream", b"", announced=500 << 20, session=session)
    found = round_of(report, f"{name}, anonymous uploads", connect, anonymous, senders=senders, seconds=seconds)
    report.ask(f"{name}: every anonymous upload is refused", dict(found), found == {403: senders})
    found = round_of(report, f"{name}, slow sign-in forms", connect, form, senders=senders, seconds=seconds)
    report.ask(f"{name}: every slow form is given up", dict(found), found == {408: senders})
    found = round_of(report, f"{name}, uploads of one person", connect, known, senders=senders, seconds=seconds)
    report.ask(f"{name}: the others are told to wait", dict(found), found[429] >= senders - 8 and found[200] == 0)


def embedded(report: Report, folder: Path, *, senders: int, seconds: float) -> None:
    (folder / "embedded").mkdir()
    installation = EmbeddedInstallation(folder / "embedded")
    installation.run("manage.py", "prepare")
    built = installation.step("build")
    installation.serve()
    try:
        rounds(report, "embedded", plain(installation.port), built["session"], senders=senders, seconds=seconds)
    finally:
        installation.stop()


def behind_nginx(report: Report, installation: Installation, *, senders: int, seconds: float) -> None:
    """One web process of the image behind the real nginx with its own configuration."""
    port, https_port = free_port(), free_port()
    folder = installation.folder / "nginx"
    folder.mkdir()
    nginx, configuration = nginx_for(folder, f"{HOST}:{port}", http_port=free_port(), https_port=https_port)
    # One visitor makes all the reading here: the rate of requests is another drill's business.
    configuration.write_text(configuration.read_text().replace("rate=30r/s", "rate=3000r/s"))
    built = installation.step("sign_in_clerk", "1")
    start_web(installation, port)
    start_nginx(installation, nginx, configuration)
    until(lambda: answers(f"https://{HOST}:{https_port}/"), seconds=60, what="nginx passes pages on")
    rounds(report, "nginx", encrypted(https_port), built["session"], senders=senders, seconds=seconds)
