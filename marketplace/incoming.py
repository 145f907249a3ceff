"""Receiving a request's body without holding a thread: how long it may take, how much it may be, and whether all came.

A body is gathered by the event loop before any thread works on the request, so a slow sender costs a connection and
never a thread (ADR 0013). Granian hands on a body that was cut off without an error: here it is compared with what was
announced, so that half a form is refused and never saved short.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any

Receive = Callable[[], Awaitable[dict[str, Any]]]

KILOBYTE = 1 << 10
MEGABYTE = 1 << 20
#: What stays in memory; longer bodies lie in a nameless file of `FILE_UPLOAD_TEMP_DIR` meanwhile.
IN_MEMORY_BYTES = 256 * KILOBYTE


class BodyRefused(Exception):
    """Why a body is not taken: status and code of the answer, and what the sender can do, in their language."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Pace:
    """The time a body may take: `grace` seconds, one more for each `slowest` bytes that came, `total` at most.

    500 MB within two hours is a line of 0.6 Mbit/s; what stands still ends after the grace.
    """

    grace: float = 20.0
    slowest: int = 16 * KILOBYTE
    total: float = 7200.0

    def seconds_for(self, received: int) -> float:
        """Seconds after the beginning at which a body of which so many bytes came is given up."""
        return min(self.grace + received / self.slowest, self.total)


class Places:
    """How many large bodies may be on their way at once, in all and of one sender."""

    def __init__(self, most: int = 64, of_one_sender: int = 8) -> None:
        self.most, self.of_one_sender = most, of_one_sender
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one_for(self, sender: str) -> Iterator[None]:
        """Holds a place; BodyRefused when there is none."""
        if self._taken[sender] >= self.of_one_sender:
            raise BodyRefused(429, "too_many_uploads", "您同时上传的文件过多，请等前面的上传完成后再试。")
        if self._taken.total() >= self.most:
            raise BodyRefused(503, "uploads_busy", "同时上传的人较多，请稍后再试，已填写的内容请先保留。")
        self._taken[sender] += 1
        try:
            yield
        finally:
            self._taken[sender] -= 1
            if not self._taken[sender]:
                del self._taken[sender]


async def received_body(receive: Receive, announced: int, pace: Pace, folder: str | None) -> IO[bytes]:
    """The whole body, at its beginning; BodyRefused when it is late, short, longer than announced or cannot be kept."""
    clock = asyncio.get_running_loop().time
    begun, received = clock(), 0
    body: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES, dir=folder)  # noqa: SIM115 - its reader closes it
    try:
        while received < announced:
            left = begun + pace.seconds_for(received) - clock()
            try:
                message = await asyncio.wait_for(receive(), max(left, 0))
            except TimeoutError:
                raise BodyRefused(
                    408, "upload_too_slow", "上传过慢，已中断，没有保存。请检查网络后重新提交。"
                ) from None
            piece = message.get("body", b"")
            received += len(piece)
            if message["type"] != "http.request" or (received < announced and not message.get("more_body")):
                raise _cut_off()
            if received > announced:
                raise BodyRefused(400, "body_too_long", "提交的内容与声明的长度不符，没有保存。请重新提交。")
            body.write(piece)
        body.seek(0)
    except OSError:
        body.close()
        raise BodyRefused(503, "no_room", "系统暂时没有空间接收上传的内容，没有保存。请稍后重试。") from None
    except BaseException:
        body.close()
        raise
    return body


def _cut_off() -> BodyRefused:
    return BodyRefused(400, "body_cut_off", "提交的内容在途中中断，没有保存。请检查网络后重新提交。")


async def let_run_out(receive: Receive, *, seconds: float, most: int) -> None:
    """Read and throw away what is still coming after an early answer, so that the answer arrives and not a reset.

    Costs no thread. Ends with the body, after `seconds`, or after `most` bytes.
    """
    thrown_away = 0
    try:
        async with asyncio.timeout(seconds):
            while thrown_away < most:
                message = await receive()
                thrown_away += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
