"""A circuit breaker: after a failure nobody waits for a dead engine; one caller at a time tries whether it is back."""

import logging
import threading
import time
from collections.abc import Callable

from search.contract import EngineUnavailable

logger = logging.getLogger(__name__)

#: Seconds until the first probe, and the longest pause between probes (recovery ≤ 30 s, issue 4, point 4).
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 8.0
#: Failures in a row that open the circuit, where one alone may be the request's own fault.
TOLERATED = 3


class Breaker:
    """Closed: requests pass. Open: they are refused at once. When the pause is over, one caller runs `probe`."""

    def __init__(self, name: str, probe: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._probe = probe
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = 0.0
        self._closed_from = 0.0

    @property
    def is_open(self) -> bool:
        return self._pause > 0

    def check(self) -> None:
        """Raises EngineUnavailable while open. The caller that comes after the pause probes; the others do not wait."""
        if not self._pause:
            return
        with self._lock:
            if not self._pause:
                return
            if self._clock() < self._closed_from:
                raise EngineUnavailable
            self._closed_from = self._clock() + LONGEST_PAUSE  # others keep away while this caller probes
        try:
            self._probe()
        except EngineUnavailable:
            with self._lock:
                self._open(min(self._pause * 2, LONGEST_PAUSE))
            raise
        with self._lock:
            self._failures, self._pause = 0, 0.0
        logger.warning("search engine %s answers again", self._name)

    def succeeded(self) -> None:
        """The engine answered; not while open: an answer may be older than the failure."""
        if self._failures and not self._pause:
            self._failures = 0

    def failed(self, *, weight: int = 1) -> None:
        """A request got no usable answer. `TOLERATED` in weight without a success between them open the circuit."""
        with self._lock:
            self._failures += weight
            if self._failures >= TOLERATED and not self._pause:
                self._open(FIRST_PAUSE)
                logger.error("search engine %s does not answer; requests are refused until it does", self._name)

    def _open(self, pause: float) -> None:
        self._pause = pause
        self._closed_from = self._clock() + pause
