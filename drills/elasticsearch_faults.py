"""R8: pages while the cluster is down, slow (10 s), full (429) or talks garbage; recovery without a restart.

    drills/services start elasticsearch; eval "$(drills/services env)"
    drills/elasticsearch_faults --seconds 30            (per fault; the default is a short one)

Readers ask for the results page without pause. Asked: every page is answered with 200 and says 简化检索 once the fault
is there, the 95th percentile of pages while the breaker is open is at most 800 ms, at most 30 s pass from the end of
the fault until pages come from the engine again.
"""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import elasticsearch_work as work
from django.conf import settings
from django.test import Client

from search import indexing
from search.engines import get_engine
from tests.search.servers import FaultServer, Gate, http

BANNER = "简化检索".encode()
RECOVERY = 30.0
PAGE_P95 = 0.8

REJECTED = http("429 Too Many Requests", b'{"error":{"type":"es_rejected_execution_exception"},"status":429}')
GARBAGE = http("200 OK", b"<html>hello</html>", "X-Elastic-Product: Elasticsearch")


class Pages:
    """Asks for the results page without pause and keeps (when, seconds, status, with banner, breaker open)."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float, int, bool, bool]] = []
        self._lock = threading.Lock()
        self._clients = threading.local()

    def ask(self) -> None:
        client = getattr(self._clients, "client", None)
        if client is None:
            client = self._clients.client = Client(raise_request_exception=False)
        was_open = get_engine().breaker.is_open
        started = time.perf_counter()
        answer = client.get("/search/", {"kind": "capability", "q": "系统"})
        seconds = time.perf_counter() - started
        is_open = was_open and get_engine().breaker.is_open
        with self._lock:
            self.seen.append((time.monotonic(), seconds, answer.status_code, BANNER in answer.content, is_open))


def main() -> int:
    options = work.arguments(__doc__, documents=300, seconds=8, readers=3)
    work.prepare()
    gate, faulty = Gate(), FaultServer()
    prefix = settings.SEARCH_URL.rsplit("/", 1)[1]
    settings.SEARCH_URL = f"elasticsearch://{gate.address}/{prefix}"
    work.fill(options.documents)
    indexing.heal()
    figures: dict[str, Any] = {}
    failures: list[str] = []

    def answer_with(what: bytes) -> Callable[[], None]:
        def begin() -> None:
            gate.shut()
            faulty.port = gate.port
            faulty.start(what)

        return begin

    faults: dict[str, Callable[[], None]] = {
        "down": gate.shut,
        "slow": gate.hang,
        "full_429": answer_with(REJECTED),
        "garbage": answer_with(GARBAGE),
    }
    for name, begin in faults.items():
        pages = Pages()
        with work.Crew() as crew:
            crew.repeat("page", pages.ask, times=options.readers, pause=0.1)
            time.sleep(3)
            if any(banner for _when, _seconds, _status, banner, _open in pages.seen):
                failures.append(f"{name}: a banner before the fault")
            started = time.monotonic()
            begin()
            time.sleep(options.seconds)
            ended = time.monotonic()
            faulty.refuse()
            gate.shut()
            gate.open()
            recovered = None
            while time.monotonic() - ended < RECOVERY + 30:
                later = [entry for entry in pages.seen if entry[0] > ended]
                if later and not later[-1][3]:
                    recovered = later[-1][0] - ended
                    break
                time.sleep(0.1)
        during = [entry for entry in pages.seen if started < entry[0] <= ended]
        opened = sorted(entry[1] for entry in during if entry[4])
        bad = [entry for entry in pages.seen if entry[2] != 200]
        first = next((entry for entry in during if entry[3]), None)
        p95 = opened[min(len(opened) - 1, int(0.95 * len(opened)))] if opened else None
        figures |= {
            f"{name}_pages": len(during),
            f"{name}_not_200": len(bad),
            f"{name}_with_banner": sum(1 for entry in during if entry[3]),
            f"{name}_first_banner_after_seconds": round(first[0] - started, 2) if first else None,
            f"{name}_slowest_page_seconds": round(max(entry[1] for entry in during), 2),
            f"{name}_p95_while_open_seconds": round(p95, 3) if p95 is not None else None,
            f"{name}_recovered_after_seconds": round(recovered, 1) if recovered is not None else None,
        }
        if bad or crew.errors:
            failures.append(f"{name}: {len(bad)} pages were not 200 {crew.errors[:1]}")
        if first is None or any(not entry[3] for entry in during if entry[0] > first[0] + 3):
            failures.append(f"{name}: pages without the banner")
        if p95 is None or p95 > PAGE_P95:
            failures.append(f"{name}: p95 of pages {p95} s while the breaker was open")
        if recovered is None or recovered > RECOVERY:
            failures.append(f"{name}: recovered after {recovered} s")
    gate.shut()
    return work.report(figures, failures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
