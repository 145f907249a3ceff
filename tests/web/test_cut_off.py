"""Over real connections to the embedded server: what is cut off is not saved short, slow senders silence nobody."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.embedded import EmbeddedInstallation, Post, answer_on, get

pytestmark = pytest.mark.integration

TITLE = "供热管网失水定位与预警场景"
FIELDS = {"title": TITLE, "scenario_type": "validation"}
FORM = urlencode(FIELDS).encode()
BOUNDARY = "----part"
MULTIPART = (
    "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in FIELDS.items()
    )
    + f"--{BOUNDARY}--\r\n"
).encode()
JSON = json.dumps(FIELDS, ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedInstallation]:
    made = EmbeddedInstallation(tmp_path_factory.mktemp("embedded"))
    made.run("manage.py", "prepare")
    made.built = made.step("build")  # type: ignore[attr-defined]
    made.serve()
    yield made
    made.stop()


def posts(built: dict[str, str]) -> dict[str, Post]:
    new, upload = "/desk/scenarios/new/", "/desk/challenges/items/JB2026-001/seal/upload/technical/"
    session, token = built["session"], built["token"]
    return {
        "urlencoded": Post(new, "application/x-www-form-urlencoded", FORM, session=session),
        "multipart": Post(new, f"multipart/form-data; boundary={BOUNDARY}", MULTIPART, session=session),
        # JSON with a blank after it is whole JSON wherever it is cut within the blanks.
        "json": Post("/api/v1/scenarios/", "application/json", JSON, token=token),
        "octets": Post(upload, "application/octet-stream", b"x" * 300, session=session),
    }


@pytest.mark.parametrize("kind", ["urlencoded", "multipart", "json", "octets"])
def test_a_request_cut_off_half_way_is_refused_and_nothing_is_saved(installation, kind):
    post = posts(installation.built)[kind]
    before = installation.step("report")
    for announced in (len(post.body) + 1, len(post.body) + 40, 2 * len(post.body)):
        status, text = Post(**{**vars(post), "announced": announced}).cut_off(installation.port)
        assert (status, json.loads(text)["code"]) == (400, "body_cut_off"), text
    assert installation.step("report") == before


@pytest.mark.parametrize(("kind", "status"), [("urlencoded", 302), ("multipart", 302), ("json", 201), ("octets", 404)])
def test_the_same_request_whole_is_answered_by_its_view(installation, kind, status):
    assert posts(installation.built)[kind].whole(installation.port)[0] == status
    assert (TITLE in installation.step("report")["titles"]) is True


def test_anonymous_half_sent_uploads_are_answered_at_once_and_pages_go_on(installation):
    path = "/desk/challenges/items/JB2026-001/seal/upload/technical/"
    post = Post(path, "application/octet-stream", b"x" * 100, announced=500 << 20)
    senders = [post.opened(installation.port) for _sender in range(50)]
    try:
        seconds = sorted(get(installation.port, page)[1] for page in ("/livez", "/", "/scenarios/") * 10)
        assert seconds[int(len(seconds) * 0.95)] <= 1.0, seconds
        assert {answer_on(sender)[0] for sender in senders} == {403}
    finally:
        for sender in senders:
            sender.close()


def test_slow_senders_who_are_signed_in_hold_no_thread_and_have_few_places(installation):
    path, session = "/desk/challenges/items/JB2026-001/seal/upload/technical/", installation.built["session"]
    post = Post(path, "application/octet-stream", b"x" * 100, announced=500 << 20, session=session)
    senders = [post.opened(installation.port) for _sender in range(50)]
    try:
        seconds = sorted(get(installation.port, page)[1] for page in ("/livez", "/", "/scenarios/") * 10)
        assert seconds[int(len(seconds) * 0.95)] <= 1.0, seconds
        # Eight places of one sender; what stands still on them is given up after the grace.
        assert Counter(answer_on(sender)[0] for sender in senders) == {429: 42, 408: 8}
    finally:
        for sender in senders:
            sender.close()


def test_what_an_installation_writes_is_its_owner_s(installation):
    """Files 600, folders 700, whatever the account's umask was."""
    open_to_others = [
        str(path.relative_to(installation.folder))
        for path in (installation.folder, *installation.folder.rglob("*"))
        if path.lstat().st_mode & 0o077 and path.name not in ("serve.log",)
    ]
    assert open_to_others == []
    assert os.stat(Path(installation.folder) / "marketplace.sqlite3").st_mode & 0o777 == 0o600
