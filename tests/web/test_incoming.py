"""A body is received whole, in time and once it is known whose it is; a thread begins afterwards (ADR 0013)."""

import asyncio
import io
import json
from typing import Any

import pytest
from django.test import RequestFactory

from marketplace import front, incoming
from marketplace.front import ANONYMOUS_BYTES, LARGE_BYTES, Front, environ_of
from marketplace.incoming import BodyRefused, Pace, Places, let_run_out, received_body
from tests.factories import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

QUICK = Pace(grace=0.2, slowest=1 << 20, total=1.0)
UPLOAD = "/desk/challenges/items/JB2026-001/seal/upload/technical/"


class Wire:
    """The two ends of an ASGI request: pieces that come (None: nothing more comes for now), and what was answered."""

    def __init__(self, *pieces: bytes | None, disconnects: bool = False) -> None:
        self.pieces, self.disconnects = list(pieces), disconnects
        self.taken = 0
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self.pieces and self.disconnects:
            return {"type": "http.disconnect"}
        piece = self.pieces.pop(0) if self.pieces else None
        if piece is None:
            await asyncio.Event().wait()
        self.taken += len(piece)
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent[1:]).decode()


def body_of(wire: Wire, announced: int, pace: Pace = QUICK) -> bytes:
    with asyncio.run(received_body(wire.receive, announced, pace, None)) as body:
        return body.read()


def scope(path: str, size: int | None, method: str = "POST", **headers: str) -> dict[str, Any]:
    given = {
        "content-type": "application/octet-stream",
        **{key.replace("_", "-"): text for key, text in headers.items()},
    }
    if size is not None:
        given["content-length"] = str(size)
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), text.encode()) for name, text in given.items()],
        "server": ("127.0.0.1", 8000),
        "client": ("192.0.2.1", 1234),
    }


class Pages:
    """A WSGI application that tells what it was given, and whether it was asked at all."""

    def __init__(self) -> None:
        self.read: list[bytes | None] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        try:
            self.read.append(environ["wsgi.input"].read())
        except OSError:
            self.read.append(None)
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"answered"]


def asked(wire: Wire, request: dict[str, Any], monkeypatch: pytest.MonkeyPatch, **options: Any) -> Pages:
    """The pages behind a front that was asked once; what nobody may send is thrown away for 50 ms."""
    monkeypatch.setattr(front, "RUN_OUT_SECONDS", 0.05)
    pages = Pages()
    made = Front(pages, page_threads=1, upload_threads=1, pace=QUICK, **options)
    try:
        asyncio.run(made(request, wire.receive, wire.send))
    finally:
        made.pages.shutdown()
        made.uploads.shutdown()
    return pages


@pytest.mark.parametrize("pieces", [(b"abcdef",), (b"abc", b"def"), (b"a", b"bcde", b"f")])
def test_a_whole_body_is_handed_on_at_its_beginning(pieces):
    assert body_of(Wire(*pieces), 6) == b"abcdef"


@pytest.mark.parametrize(
    ("wire", "announced", "code", "status"),
    [
        (Wire(b"abc", disconnects=True), 6, "body_cut_off", 400),
        (Wire(disconnects=True), 6, "body_cut_off", 400),
        (Wire(b"abcdefg"), 6, "body_too_long", 400),
        (Wire(b"abc", None), 6, "upload_too_slow", 408),
        (Wire(None), 6, "upload_too_slow", 408),
    ],
)
def test_a_body_that_is_short_long_or_late_is_refused(wire, announced, code, status):
    with pytest.raises(BodyRefused) as refusal:
        body_of(wire, announced)
    assert (refusal.value.code, refusal.value.status) == (code, status)


def test_time_grows_with_what_came_up_to_a_total():
    pace = Pace(grace=20, slowest=1000, total=60)
    assert [pace.seconds_for(size) for size in (0, 1000, 10_000, 10_000_000)] == [20, 21, 30, 60]


def test_a_body_that_keeps_coming_ends_with_the_total_time():
    """Fast enough at every moment, and still not for ever."""
    wire = Wire(*[bytes(100)] * 3, None)
    with pytest.raises(BodyRefused) as refusal:
        body_of(wire, 1000, Pace(grace=50, slowest=1, total=0.1))
    assert refusal.value.code == "upload_too_slow"


def test_no_room_for_a_body_is_said(monkeypatch):
    class Full(io.BytesIO):
        def write(self, _piece: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(incoming, "SpooledTemporaryFile", lambda **_options: Full())
    with pytest.raises(BodyRefused) as refusal:
        body_of(Wire(b"abc"), 3)
    assert (refusal.value.code, refusal.value.status) == ("no_room", 503)


def test_a_place_is_held_once_and_given_back():
    places = Places(most=2, of_one_sender=1)
    with places.one_for("a"):
        with pytest.raises(BodyRefused, match="too_many_uploads"), places.one_for("a"):
            pass
        with places.one_for("b"), pytest.raises(BodyRefused, match="uploads_busy"), places.one_for("c"):
            pass
        with places.one_for("c"):
            pass
    with places.one_for("a"):
        pass


def test_what_nobody_may_send_is_thrown_away_up_to_a_limit():
    wire = Wire(*[bytes(1000)] * 10, None)
    asyncio.run(let_run_out(wire.receive, seconds=5, most=3000))
    assert wire.taken == 3000
    asyncio.run(let_run_out(Wire(None).receive, seconds=0.05, most=3000))


@pytest.mark.parametrize(
    ("path", "size", "credentials"),
    [
        (UPLOAD, 500 << 20, {}),
        (UPLOAD, 10, {}),
        ("/desk/scenarios/new/", 10, {}),
        ("/api/v1/scenarios/", 10, {}),
        ("/account/login/", ANONYMOUS_BYTES + 1, {}),
        (UPLOAD, 500 << 20, {"cookie": "sessionid=nobodys"}),
        ("/api/v1/scenarios/", 1 << 20, {"authorization": "Bearer smt_wrong"}),
    ],
)
def test_who_is_not_signed_in_is_answered_before_a_byte_is_read(path, size, credentials, monkeypatch):
    seen: list[int] = []
    wire = Wire(None)
    real = wire.send

    async def send(message: dict[str, Any]) -> None:
        seen.append(wire.taken)
        await real(message)

    wire.send = send  # type: ignore[method-assign]
    pages = asked(wire, scope(path, size, **credentials), monkeypatch)
    assert (pages.read, wire.status, set(seen)) == ([None], 200, {0})


@pytest.mark.parametrize("path", ["/account/login/", "/account/signup/", "/account/password/reset/", "/admin/login/"])
def test_forms_of_open_pages_are_received_from_anybody(path, monkeypatch):
    assert asked(Wire(b"a=1"), scope(path, 3), monkeypatch).read == [b"a=1"]


def test_a_large_body_of_somebody_signed_in_is_received(client, monkeypatch):
    client.force_login(make_person("demand_submitter"))
    size = LARGE_BYTES + 5
    request = scope("/desk/scenarios/new/", size, cookie=f"sessionid={client.cookies['sessionid'].value}")
    # The person stands in this test's transaction, which no other thread sees.
    monkeypatch.setattr(front, "is_signed_in", lambda environ: "sessionid=" in environ["HTTP_COOKIE"])
    assert asked(Wire(bytes(size)), request, monkeypatch).read == [bytes(size)]


@pytest.mark.parametrize(
    ("path", "size", "headers", "expected"),
    [
        (UPLOAD, (530 << 20) + 1, {}, (413, "body_too_large")),
        ("/desk/scenarios/new/", (25 << 20) + 1, {}, (413, "body_too_large")),
        ("/api/v1/scenarios/", (5 << 20) + 1, {"content_type": "application/json"}, (413, "body_too_large")),
        ("/", None, {"transfer_encoding": "chunked"}, (411, "length_required")),
        ("/", None, {"content_length": "-1"}, (400, "length_invalid")),
        ("/", None, {"content_length": "²"}, (400, "length_invalid")),
        ("/", None, {"content_length": "9" * 5000}, (400, "length_invalid")),
    ],
)
def test_too_much_or_of_unknown_length_is_refused_in_the_api_s_shape(path, size, headers, expected, monkeypatch):
    wire = Wire(None)
    pages = asked(wire, scope(path, size, accept="application/json", **headers), monkeypatch)
    answer = json.loads(wire.text)
    assert (wire.status, answer["errors"][0]["code"], answer["type"]) == (*expected, "client_error")
    assert pages.read == []


def test_a_page_s_refusal_is_a_page(monkeypatch):
    wire = Wire(b"a=", disconnects=True)
    pages = asked(wire, scope("/account/login/", 10), monkeypatch)
    assert (wire.status, pages.read) == (400, [])
    assert "在途中中断，没有保存" in wire.text


def test_the_environment_is_what_a_wsgi_server_gives():
    request = scope("/scenarios/%E9%9C%80%2F/", 3, cookie="a=1", x_one="1")
    request["headers"] += [(b"cookie", b"b=2"), (b"x-one", b"2"), (b"x_forwarded_proto", b"https")]
    environ = environ_of(request)
    assert environ["PATH_INFO"] == "/scenarios/需//".encode().decode("latin-1")
    assert (environ["HTTP_COOKIE"], environ["HTTP_X_ONE"]) == ("a=1; b=2", "1,2")
    assert "HTTP_X_FORWARDED_PROTO" not in environ
    needed = set(RequestFactory()._base_environ()) - {"wsgi.input"}
    assert needed - set(environ) == set()
