"""The embedded installation's processes: one runner (relay, scheduler, index writer) that keeps one web server alive.

Whoever starts the runner starts everything; whoever stops it, by a signal or by `kill -9`, stops everything.
"""

import contextlib
import ctypes
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from core import audit, relay, schedule

logger = logging.getLogger("marketplace.processes")

SHUTDOWN_SECONDS = 30
RESTART_PAUSE_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to end this child when its parent dies; elsewhere the child ends with its terminal."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def web_command(host: str, port: int) -> list[str]:
    """Granian with one worker; threads share its memory, so one process serves an embedded installation (ADR 0013)."""
    return [
        sys.executable,
        "-m",
        "marketplace.web_server",
        "--interface",
        "asgi",
        "--host",
        host,
        "--port",
        str(port),
        "--workers",
        "1",
        "--no-ws",
        "--log-level",
        "warning",
        "--workers-kill-timeout",
        str(SHUTDOWN_SECONDS),
        "marketplace.asgi:application",
    ]


def keep_alive(command: Sequence[str], stop: threading.Event) -> None:
    """Start `command` and start it again when it dies, until `stop` is set; then end it gently."""
    while not stop.is_set():
        process = subprocess.Popen(command, preexec_fn=die_with_parent)  # noqa: S603, PLW1509 - our own fixed command
        while process.poll() is None and not stop.is_set():
            stop.wait(0.2)
        if stop.is_set():
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SHUTDOWN_SECONDS)
            if process.poll() is None:
                process.kill()
            return
        logger.error("web server ended with code %s; starting it again", process.returncode)
        time.sleep(RESTART_PAUSE_SECONDS)


def run(*, host: str | None, port: int) -> None:
    """Run relay and scheduler, and the web server if `host` is given, until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_arguments: stop.set())
    threads = [
        threading.Thread(
            target=relay.run_forever, args=(stop,), kwargs={"after_batch": audit.seal_pending_if_any}, name="relay"
        ),
        threading.Thread(target=schedule.run_forever, args=(stop,), name="scheduler"),
    ]
    if host is not None:
        threads.append(threading.Thread(target=keep_alive, args=(web_command(host, port), stop), name="web"))
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(0.2)
            # A thread that ended by an unexpected error must not leave a half-dead installation behind.
            if not thread.is_alive() and not stop.is_set():
                logger.error("thread %s ended; stopping", thread.name)
                stop.set()
