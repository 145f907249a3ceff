"""The command-line sealer comes from the site: the same bytes always, its digest on the pages, and it works."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.urls import reverse

from challenges.sealer_package import REQUIREMENT, package_files, sealer_package
from tests.challenges.sealing.builders import RecordBuilder
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
ROOT = Path(__file__).resolve().parents[3]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As a bidder does after unpacking: from that folder, with nothing of the platform in reach."""
    return subprocess.run(
        [sys.executable, "-m", "challenges.sealing", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def unpacked(client, tmp_path):
    content = client.get(reverse("challenges:sealer")).content
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        package.extractall(tmp_path)
    return tmp_path


def test_its_bytes_do_not_depend_on_when_or_how_often_it_is_made():
    first = sealer_package().content
    sealer_package.cache_clear()
    assert sealer_package().content == first
    with zipfile.ZipFile(io.BytesIO(first)) as package:
        entries = package.infolist()
    # No clock of a file system, no compressor of an installation.
    assert {(entry.date_time, entry.compress_type) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED)
    }
    assert hashlib.sha256(first).hexdigest() == sealer_package().sha256


def test_it_holds_the_packages_own_files_and_nothing_of_the_platform():
    names = [name for name, _content in package_files()]
    modules = sorted(path.name for path in (ROOT / "challenges/sealing").glob("*.py"))
    assert [
        name.rsplit("/", 1)[1] for name in names if name.startswith("challenges/sealing/") and name.endswith(".py")
    ] == modules
    assert set(names) - {f"challenges/sealing/{name}" for name in (*modules, "bid_schema.json")} == {
        "README.txt",
        "requirements.txt",
        "challenges/__init__.py",
    }
    assert REQUIREMENT in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()


def test_everybody_gets_it_and_the_pages_that_name_it_show_its_digest(clock, client):
    answer = client.get(reverse("challenges:sealer"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    digest = hashlib.sha256(answer.content).hexdigest()
    challenge = make.make_open_challenge(make.make_stage(expert_count=0))
    verifier = client.get(reverse("challenges:verifier")).content.decode()
    client.force_login(make.make_bidder())
    sealing = client.get(reverse("challenges:sealing", args=[challenge.code])).content.decode()
    for page in (verifier, sealing):
        assert (digest in page, reverse("challenges:sealer") in page) == (True, True)


def test_unpacked_it_seals_a_bid_by_the_challenges_own_call(clock, client, unpacked):
    challenge = make.make_open_challenge(make.make_stage(expert_count=0))
    page = client.get(reverse("challenges:challenge", args=[challenge.code])).content.decode()
    address = reverse("challenges:call", args=[challenge.code])
    assert address in page
    (unpacked / "call.json").write_bytes(client.get(address).content)
    bidder = make.make_bidder()
    bid = {"organisation": "1", "bid": "bid-1", "version": 1, "manifest": make.manifest_of(bidder)}
    (unpacked / "bid.json").write_text(json.dumps(bid), encoding="utf-8")
    (unpacked / "price.json").write_text(json.dumps(make.price_of()), encoding="utf-8")
    done = run(unpacked, "seal", "--call", "call.json", "--bid", "bid.json", "--price", "price.json", "--out", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (unpacked / "out").iterdir()} >= {"technical.sealed", "price.sealed"}


def test_unpacked_it_verifies_a_record(unpacked):
    record = RecordBuilder().play()
    record.pop("receipts")
    (unpacked / "record.json").write_text(json.dumps(record), encoding="utf-8")
    assert run(unpacked, "verify", "record.json").returncode == 0


def test_the_page_of_verification_says_what_can_be_checked_before_and_after_the_opening(clock, client):
    page = client.get(reverse("challenges:verifier")).content.decode()
    assert all(words in page for words in ("现在能核对什么", "开启之前", "开启之后", "call.json", "record.json"))
    challenge = make.make_open_challenge(make.make_stage(expert_count=0))
    shown = client.get(reverse("challenges:challenge", args=[challenge.code])).content.decode()
    assert ("还没有开启，没有完整记录" in shown, reverse("challenges:verifier") in shown) == (True, True)
