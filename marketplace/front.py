"""The front of every web process: receives each request on the event loop, then lets a thread answer it.

Django stays a WSGI application with as many threads as it has database connections; the front stands between it and
granian (as an ASGI application) because granian gives a WSGI application one of its threads before the body is there,
and four half-sent bodies then silence the process (ADR 0013). Three rules:

- who is not signed in is answered before their body is read (small forms of open pages excepted: signing in is one);
- a thread begins when the whole body is here, within a time and a least rate (`marketplace.incoming`);
- requests with a large body have threads of their own, so that checking files never holds up a page.
"""

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.db import close_old_connections
from django.template.loader import render_to_string

from marketplace.incoming import (
    IN_MEMORY_BYTES,
    KILOBYTE,
    MEGABYTE,
    BodyRefused,
    Pace,
    Places,
    Receive,
    let_run_out,
    received_body,
)
from marketplace.senders import is_open_to_anyone, is_signed_in, largest_body

Send = Callable[[dict[str, Any]], Awaitable[None]]
Environ = dict[str, Any]
#: A WSGI application, or a function of ours that answers as one: the last argument is `start_response`.
Application = Callable[..., Iterable[bytes]]
Headers = list[tuple[bytes, bytes]]

#: What somebody who is not signed in may send: a form of an open page (signing in, registering).
ANONYMOUS_BYTES = 256 * KILOBYTE
#: From here on a request belongs to the threads for uploads.
LARGE_BYTES = 256 * KILOBYTE
#: Of an answer: pieces handed from a thread to the event loop.
PIECE_BYTES = 256 * KILOBYTE
RUN_OUT_SECONDS = 20.0
RUN_OUT_BYTES = 64 * MEGABYTE
#: Bodies that Django and the API hold in memory as a whole.
_IN_MEMORY_TYPES = ("application/json", "application/x-www-form-urlencoded")


class Withheld(io.RawIOBase):
    """The body of somebody who was not asked for it: whoever reads it learns that there is none."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise OSError("the body was not received: the sender is not signed in")


class Front:
    """An ASGI application around a WSGI one. `page_threads` and `upload_threads` are threads of this process."""

    def __init__(
        self,
        application: Application,
        *,
        page_threads: int,
        upload_threads: int,
        pace: Pace | None = None,
        places: Places | None = None,
    ) -> None:
        self.application = application
        self.pace = pace or Pace()
        self.places = places or Places()
        self.pages = ThreadPoolExecutor(page_threads, thread_name_prefix="page")
        self.uploads = ThreadPoolExecutor(upload_threads, thread_name_prefix="upload")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        environ = environ_of(scope)
        try:
            announced = _announced(environ)
            if not announced:
                await self._run(self.pages, environ, io.BytesIO(), send)
                return
            _refuse_too_large(environ, announced)
            if not await self._may_send(environ, announced):
                await self._run(self.pages, environ, Withheld(), send)
            elif announced <= LARGE_BYTES:
                await self._receive_and_run(self.pages, environ, announced, receive, send)
                return
            else:
                with self.places.one_for(_sender(environ)):
                    await self._receive_and_run(self.uploads, environ, announced, receive, send)
                return
        except BodyRefused as refusal:
            await self._in_thread(self.pages, _refused, environ, refusal, send=send)
        await let_run_out(receive, seconds=RUN_OUT_SECONDS, most=RUN_OUT_BYTES)

    async def _may_send(self, environ: Environ, announced: int) -> bool:
        """Whether the body is read at all."""
        if not _credentials(environ):
            return announced <= ANONYMOUS_BYTES and is_open_to_anyone(environ["PATH_INFO"])
        if announced <= ANONYMOUS_BYTES:
            return True
        return await asyncio.get_running_loop().run_in_executor(self.pages, is_signed_in, environ)

    async def _receive_and_run(
        self, threads: ThreadPoolExecutor, environ: Environ, announced: int, receive: Receive, send: Send
    ) -> None:
        body = await received_body(receive, announced, self.pace, settings.FILE_UPLOAD_TEMP_DIR)
        try:
            await self._run(threads, environ, body, send)
        finally:
            body.close()

    async def _run(self, threads: ThreadPoolExecutor, environ: Environ, body: Any, send: Send) -> None:
        environ["wsgi.input"] = body
        await self._in_thread(threads, self.application, environ, send=send)

    async def _in_thread(self, threads: ThreadPoolExecutor, application: Any, *arguments: Any, send: Send) -> None:
        """Let a thread make the answer and send it, piece by piece: a slow reader holds no thread either."""
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(threads, Answer, application, arguments)
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            while True:
                await send({"type": "http.response.body", "body": answer.piece, "more_body": not answer.is_whole})
                if answer.is_whole:
                    return
                await loop.run_in_executor(threads, answer.advance)
        finally:
            if not answer.is_whole:  # the reader went away
                await loop.run_in_executor(threads, answer.close)


class Answer:
    """What a WSGI application answers: status, headers, and its pieces one after the other. Used in threads only."""

    def __init__(self, application: Application, arguments: tuple[Any, ...]) -> None:
        self.status, self.headers = 500, list[tuple[bytes, bytes]]()
        self.piece, self.is_whole = b"", False
        self._parts = application(*arguments, self._start)
        self._iterator: Iterator[bytes] = iter(self._parts)
        self.advance()
        if not self.is_whole:
            # What follows is read from a file, perhaps by other threads: this one's connection goes back to its pool.
            close_old_connections()

    def _start(self, status: str, headers: list[tuple[str, str]], _problem: Any = None) -> None:
        self.status = int(status.split(" ", 1)[0])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    def advance(self) -> None:
        """The next piece into `piece`; the last one ends the answer."""
        pieces, size = [], 0
        while size < PIECE_BYTES:
            part = next(self._iterator, None)
            if part is None:
                self.close()
                break
            pieces.append(part)
            size += len(part)
        self.piece = b"".join(pieces)

    def close(self) -> None:
        self.is_whole = True
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()


def environ_of(scope: dict[str, Any]) -> Environ:
    """The WSGI environment of an ASGI request (PEP 3333), without a body.

    A header whose name holds an underscore is left out: it would pass for the one with a hyphen.
    """
    path = unquote_to_bytes(scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    server, client = scope.get("server") or ("", 0), scope.get("client") or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").upper(), raw_value.decode("latin-1")
        if "_" in name:
            continue
        name = name.replace("-", "_")
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    return environ


def _announced(environ: Environ) -> int:
    """Bytes of the body that the sender announced; BodyRefused when the length is not known."""
    if environ.get("HTTP_TRANSFER_ENCODING"):
        raise BodyRefused(411, "length_required", "请求没有说明内容的长度（Content-Length），没有处理。")
    text = environ.get("CONTENT_LENGTH", "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BodyRefused(400, "length_invalid", "请求说明的内容长度（Content-Length）不正确，没有处理。")
    return int(text)


def _refuse_too_large(environ: Environ, announced: int) -> None:
    most = largest_body(environ["PATH_INFO"])
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() in _IN_MEMORY_TYPES:
        most = min(most, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if announced > most:
        raise BodyRefused(413, "body_too_large", f"提交的内容超过 {most >> 20} MB，没有保存。请精简或拆分后重新提交。")


def _credentials(environ: Environ) -> str:
    """What the sender would be known by, not yet judged."""
    if "HTTP_AUTHORIZATION" in environ:
        return environ["HTTP_AUTHORIZATION"]
    cookies = environ.get("HTTP_COOKIE", "")
    return cookies if f"{settings.SESSION_COOKIE_NAME}=" in cookies else ""


def _sender(environ: Environ) -> str:
    return _credentials(environ) or environ["REMOTE_ADDR"]


def _refused(environ: Environ, refusal: BodyRefused, start: Callable[..., Any]) -> list[bytes]:
    """Our words for a body that was not taken: the API's error shape where JSON is expected, a page elsewhere."""
    if environ["PATH_INFO"].startswith("/api/") or "json" in environ.get("HTTP_ACCEPT", ""):
        kind = "client_error" if refusal.status < 500 else "server_error"
        error = {"code": refusal.code, "detail": refusal.message, "attr": None}
        # `message` and `code` besides: what the pages' own scripts read (core.pages.refused_answer).
        content = {"type": kind, "errors": [error], "message": refusal.message, "code": refusal.code}
        body, content_type = json.dumps(content, ensure_ascii=False).encode(), "application/json"
    else:
        body, content_type = (
            render_to_string("not_received.html", {"refusal": refusal}).encode(),
            "text/html; charset=utf-8",
        )
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    if refusal.status in (429, 503):
        headers.append(("Retry-After", "30"))
    start(f"{refusal.status} ", [*headers, ("X-Content-Type-Options", "nosniff")])
    return [body]


__all__ = ["ANONYMOUS_BYTES", "IN_MEMORY_BYTES", "LARGE_BYTES", "Front", "environ_of"]
