"""Trouble of the platform's own stops an opening and is blamed on nobody; the last step is taken again (adr/0011)."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from challenges.enums import BidState, ChallengeState, EnvelopeKind
from challenges.models import Bid, Challenge, KeptAside, SealedEnvelope
from challenges.sealing import keys
from challenges.services import bids, diagnosis
from challenges.services.diagnosis import OpeningInterrupted, Peculiar, diagnosed
from core.clock import frozen
from core.models import Attachment
from tests.challenges.damaged.files import PDF
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def sealed(clock: Any):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    for name in ("甲公司", "乙公司"):
        make.hand_in(challenge, make.make_bidder(name), files=[("方案.pdf", PDF)])
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        yield stage, challenge


def nobody_is_blamed(challenge: Challenge) -> None:
    challenge.refresh_from_db()
    assert (challenge.state, challenge.opened_at) == (ChallengeState.CLOSED, None)
    rows = Bid.objects.values_list("state", "unreadable_reason", "unreadable_by_bidder")
    assert set(rows) == {(BidState.LOCKED, "", None)}
    assert not KeptAside.objects.exists()


def opens(stage: make.Stage, challenge: Challenge) -> None:
    make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    assert challenge.state == ChallengeState.OPENED
    assert set(Bid.objects.values_list("state", flat=True)) == {BidState.OPENED}
    assert Attachment.objects.count() == 2


def test_a_storage_that_is_not_there_stops_the_opening(sealed) -> None:
    stage, challenge = sealed
    folder = Path(SealedEnvelope.objects.first().file.path).parent.parent
    shutil.move(folder, folder.with_name("elsewhere"))
    with pytest.raises(OpeningInterrupted) as refusal:
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    assert refusal.value.status == 503
    nobody_is_blamed(challenge)
    shutil.move(folder.with_name("elsewhere"), folder)
    opens(stage, challenge)


def test_an_installation_without_its_content_keys_stops_the_opening(sealed, settings) -> None:
    stage, challenge = sealed
    kept = settings.CONTENT_KEYS
    settings.CONTENT_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(OpeningInterrupted):
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    settings.CONTENT_KEYS = kept
    nobody_is_blamed(challenge)
    opens(stage, challenge)


def test_a_folder_for_temporary_files_that_is_gone_stops_the_opening(sealed, monkeypatch, tmp_path) -> None:
    stage, challenge = sealed
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OpeningInterrupted):
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    monkeypatch.undo()
    nobody_is_blamed(challenge)
    opens(stage, challenge)


def fine() -> None:
    return None


@pytest.mark.parametrize("number", sorted(diagnosis.PLATFORM_ERRNO))
def test_a_full_or_broken_disk_is_known_at_once(number: int) -> None:
    def step() -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(OpeningInterrupted):
        diagnosed(step, refusals=(), control=fine, what="a step")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EINVAL, "seek"),
        MemoryError(),
        RecursionError(),
        NotImplementedError(),
        KeyError("内容"),
        ValueError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_fails_twice_beside_a_sound_control_is_peculiar(error: Exception, caplog) -> None:
    tries = []

    def step() -> None:
        tries.append(1)
        raise error

    with pytest.raises(Peculiar) as found:
        diagnosed(step, refusals=(), control=fine, what="a step")
    assert (len(tries), found.value.cause) == (2, f"builtins.{type(error).__name__}")
    assert "内容" not in caplog.text


def test_what_fails_beside_a_failing_control_is_the_platforms_own() -> None:
    def step() -> None:
        raise ValueError

    with pytest.raises(OpeningInterrupted):
        diagnosed(step, refusals=(), control=step, what="a step")


def test_what_fails_once_is_taken_again() -> None:
    answers = [ValueError(), None]

    def step() -> str:
        error = answers.pop(0)
        if error:
            raise error
        return "done"

    assert diagnosed(step, refusals=(), control=fine, what="a step") == "done"


def files_of_the_installation() -> int:
    folder = Path(SealedEnvelope.objects.first().file.path).parents[2]
    return sum(len(names) for _folder, _folders, names in os.walk(folder))


def test_the_control_leaves_nothing_behind(sealed) -> None:
    stage, challenge = sealed
    make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    before = (Attachment.objects.count(), files_of_the_installation())
    pair = keys.generate_key_pair()
    for kind in EnvelopeKind.values:
        diagnosis.control_opening(challenge, kind, pair.private_key, 3_000_000)
    assert (Attachment.objects.count(), files_of_the_installation()) == before
