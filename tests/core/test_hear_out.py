"""A refused upload is read to its end, so that the refusal arrives and not the proxy's word for a broken connection."""

import io

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from core.middleware import HearOutMiddleware

MEGABYTE = 1 << 20


class Arriving(io.BytesIO):
    """A body that knows how much of it was asked for."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


def sent(size: int) -> tuple[HttpRequest, Arriving]:
    body = Arriving(bytes(size))
    request = RequestFactory().generic("POST", "/upload/", b"", "application/octet-stream")
    environ = {**request.META, "CONTENT_LENGTH": str(size), "wsgi.input": body}
    return type(request)(environ), body


@pytest.mark.parametrize(("status", "read"), [(403, 3 * MEGABYTE + 5), (409, 3 * MEGABYTE + 5), (201, 0)])
def test_a_refused_body_is_read_to_its_end_and_an_accepted_one_is_left_to_its_view(status, read):
    request, body = sent(3 * MEGABYTE + 5)
    response = HearOutMiddleware(lambda _request: HttpResponse(status=status))(request)
    assert (response.status_code, body.taken) == (status, read)


def test_nobody_is_heard_out_for_ever():
    request, body = sent(HearOutMiddleware.MOST_BYTES + 5 * MEGABYTE)
    HearOutMiddleware(lambda _request: HttpResponse(status=403))(request)
    assert body.taken == HearOutMiddleware.MOST_BYTES


def test_a_sender_who_went_away_is_no_error(monkeypatch):
    request, body = sent(MEGABYTE)

    def broken(_size: int) -> bytes:
        raise OSError("gone")

    monkeypatch.setattr(body, "read", broken)
    assert HearOutMiddleware(lambda _request: HttpResponse(status=403))(request).status_code == 403


def test_what_a_view_has_read_is_not_read_again():
    request, body = sent(MEGABYTE)

    def view(request: HttpRequest) -> HttpResponse:
        assert len(request.body) == MEGABYTE
        return HttpResponse(status=400)

    HearOutMiddleware(view)(request)
    assert body.taken == MEGABYTE
