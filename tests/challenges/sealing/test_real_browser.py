"""The built modules in a real Chromium, under the strict content security policy."""

import io
import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.sealing.envelopes import inspect_envelope, open_envelope
from challenges.sealing.keys import fingerprint, public_key_of
from tests.challenges.sealing.builders import SUITE, RecordBuilder, context
from tests.challenges.sealing.page_server import MODULES, served_modules

pytestmark = pytest.mark.e2e
FIFTY_MEGABYTES = 50 * (1 << 20)


@pytest.fixture
def page_and_uploads(browser: Browser) -> Iterator[tuple[Page, list[bytes]]]:
    """The page, loaded; any complaint of the browser fails the test."""
    if not (MODULES / "sealing.js").is_file():
        if os.environ.get("CI"):
            pytest.fail("缺少浏览器模块：先运行 make install")
        pytest.skip("缺少浏览器模块：运行 make install 后再试")
    complaints: list[str] = []
    with served_modules() as (address, uploads):
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_function("window.ready === true")
        yield page, uploads
        page.close()
    assert complaints == []


def test_fifty_megabytes_sealed_in_chromium_open_in_python(page_and_uploads: tuple[Page, list[bytes]]) -> None:
    page, uploads = page_and_uploads
    builder = RecordBuilder()
    pair = builder.envelope_pairs["technical"]
    result = page.evaluate("([call, size]) => window.seal(call, size, true)", [builder.call(), FIFTY_MEGABYTES])
    (data,) = uploads
    assert inspect_envelope(io.BytesIO(data), len(data), context(), fingerprint(pair.public_key)).chunks == 51
    sink = io.BytesIO()
    opened = open_envelope(io.BytesIO(data), pair.private_key, context(), lambda *_: sink)
    assert opened.contents.manifest == {"answers": {"size": FIFTY_MEGABYTES}}
    expected = bytearray(FIFTY_MEGABYTES)
    expected[::4096] = bytes(place % 256 for place in range(FIFTY_MEGABYTES // 4096))
    assert sink.getvalue() == expected
    assert (result["size"], result["sha256"]) == (opened.envelope.size, opened.envelope.sha256)
    assert len(result["steps"]) == 51
    assert result["steps"][-1][0] == result["steps"][-1][1]


def test_two_officers_open_what_was_wrapped_in_chromium(page_and_uploads: tuple[Page, list[bytes]]) -> None:
    page, _ = page_and_uploads
    result: dict[str, Any] = page.evaluate(
        """async ([suite]) => {
          const pairs = [await createOfficerKey(), await createOfficerKey(), await createOfficerKey()];
          const text = (bytes) => btoa(String.fromCharCode(...bytes));
          const hex = async (bytes) => Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)),
            (byte) => byte.toString(16).padStart(2, "0")).join("");
          const officers = await Promise.all(pairs.map(async (pair, index) => ({
            id: `o${index}`, organisation: `org${index}`, public_key: text(pair.publicKey),
            fingerprint: await hex(pair.publicKey) })));
          const made = await createEnvelopeKey({ suite, challenge: "JB", kind: "price", officers, threshold: 2 });
          const one = made.wrapped[1];
          const context = { suite, challenge: "JB", kind: "price", fingerprint: made.fingerprint };
          let blob = Uint8Array.from(atob(one.blob), (character) => character.charCodeAt(0));
          for (const [position, pair] of [[0, pairs[0]], [1, pairs[2]]]) {
            blob = await peel({ blob, privateKey: pair.privateKey, context, officers: one.officers, position });
          }
          return { made, key: text(blob) };
        }""",
        [SUITE],
    )
    assert result["made"]["wrapped"][1]["officers"] == ["o0", "o2"]
    public = public_key_of(decode_bytes(result["key"]))
    assert encode_bytes(public) == result["made"]["public_key"]
    assert fingerprint(public) == result["made"]["fingerprint"]


def test_a_draft_and_a_record_are_handled_in_chromium(page_and_uploads: tuple[Page, list[bytes]]) -> None:
    page, _ = page_and_uploads
    value = page.evaluate(
        """async () => {
          const binding = { challenge: "JB", organisation: "X" };
          const draft = await encryptDraft({ 甲: 1 }, await deriveDraftKey("一句足够长的口令，不会忘记"), binding);
          return decryptDraft(draft, await deriveDraftKey("一句足够长的口令，不会忘记", draft), binding);
        }"""
    )
    assert value == {"甲": 1}
    builder = RecordBuilder()
    record = builder.play()
    assert page.evaluate("([record]) => judge(record, {})", [record])["ok"] is True
    record["chain"][2]["body"]["version"] = 7
    assert page.evaluate("([record]) => judge(record, {})", [record])["ok"] is False
