"""S5: a bid's words and price are nowhere on the platform before the opening, and the search would find them."""

import base64
import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import canary as birds

pytestmark = pytest.mark.integration


@pytest.fixture
def canary() -> birds.Canary:
    return birds.make_canary()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[birds.Installation]:
    made = birds.Installation(tmp_path / "installation")
    yield made
    made.stop()


def hidings(text: str) -> dict[str, bytes]:
    """Ways in which a word could lie in a file without standing there plainly."""
    data = text.encode()
    return {
        "plain": data,
        "utf-16": text.encode("utf-16"),
        "gb18030": text.encode("gb18030"),
        **{f"base64 {shift}": base64.b64encode(b"x" * shift + data + b"yy") for shift in range(3)},
        **{f"urlsafe {shift}": base64.urlsafe_b64encode(b"x" * shift + data + b"yy") for shift in range(3)},
        "hex": data.hex().encode(),
        "gzip": gzip.compress(b"before " + data),
        "zlib": zlib.compress(data * 3),
        "base64 in gzip": gzip.compress(base64.b64encode(data)),
    }


def test_the_search_finds_every_hiding_and_nothing_else(canary: birds.Canary):
    needles = canary.needles()
    for what, text in (("phrase", canary.phrase), ("word", canary.word), ("price", str(canary.price_fen))):
        for name, hidden in hidings(text).items():
            assert birds.found_in(os.urandom(5000) + hidden + os.urandom(5000), needles) == {what}, name
    assert birds.found_in(os.urandom(1 << 20), needles) == set()


def test_nothing_of_a_sealed_bid_is_found_before_the_opening_nor_at_rest_after_it(
    installation: birds.Installation, canary: birds.Canary
):
    ground = installation.prepare()
    sizes = birds.hand_in(installation, ground, canary)
    before = birds.search(installation, canary)
    assert before["hits"] == {}
    assert min(before["files"], before["processes"], before["memory_bytes"]) > 0
    assert birds.price_sizes(installation, ground) == {sizes["price"]}

    after = birds.hits_after_opening(installation, ground, canary)
    assert after["at rest"] == []
    assert "phrase" in after["remembered"]
    assert after["written plainly"] == ["phrase", "price", "word"]
