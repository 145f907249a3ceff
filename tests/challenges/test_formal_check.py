"""补正 in the formal check: asked with reasons, answered once and in time, told to both sides (domain.md §2.2 e)."""

import io
from datetime import timedelta

import pytest
from django.core.files.base import File
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from challenges.enums import BidState, EnvelopeKind
from challenges.services import bids, review
from core.attachments import attachments_of
from core.clock import frozen, now
from core.errors import DomainError, InvalidInput, ObjectNotFound
from core.models import AuditEntry
from core.relay import drain
from notifications.models import Notification
from tests.challenges.damaged.files import damaged_files
from tests.factories import challenges as make

pytestmark = pytest.mark.django_db
FILES = damaged_files()
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@pytest.fixture
def opened(clock):
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    bidder = make.make_bidder()
    make.hand_in(challenge, bidder)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        yield stage, bidder, challenge.bids.select_related("challenge").get()


def ask(stage, bid):
    review.bid_formal_check(
        bid_public_id=bid.public_id,
        acting_user=stage.handler,
        passed=False,
        comment="缺少盖章页。",
        supplement=["补充盖章页"],
    )
    bid.refresh_from_db()


def told(user, topic):
    drain()
    return Notification.objects.filter(recipient=user, topic=topic).count()


def test_a_bidder_asked_for_a_supplement_is_told_and_answers_on_the_page_with_a_file(client, opened):
    stage, bidder, bid = opened
    ask(stage, bid)
    assert told(bidder, "challenge.supplement_asked") == 1
    client.force_login(bidder)
    address = reverse("challenges:act", args=["bid", bid.public_id, "answer_supplement"])
    assert client.post(address, {"text": ""}).status_code == 400
    answer = client.post(address, {"text": "已补充盖章页。", "file": SimpleUploadedFile("盖章页.pdf", PDF)})
    assert answer.status_code == 302
    bid.refresh_from_db()
    assert (bid.state, bid.supplement_text, bid.supplement_received_at) == (BidState.OPENED, "已补充盖章页。", now())
    assert "盖章页.pdf" in [row.original_name for row in attachments_of(bid)]
    assert told(stage.handler, "challenge.supplement_answered") == 1
    client.force_login(stage.handler)
    assert "已补充盖章页。" in client.get(reverse("challenges:bid", args=[bid.public_id])).content.decode()


def test_a_supplement_is_answered_once_in_time_and_by_the_bidder_alone(opened):
    stage, bidder, bid = opened
    with pytest.raises(DomainError, match="没有待补正"):
        review.bid_supplement(bid_public_id=bid.public_id, acting_user=bidder, text="未要求")
    ask(stage, bid)
    with pytest.raises(ObjectNotFound):
        review.bid_supplement(bid_public_id=bid.public_id, acting_user=make.make_bidder(), text="冒充")
    with frozen(now() + timedelta(days=30)), pytest.raises(DomainError, match="补正期限已过"):
        review.bid_supplement(bid_public_id=bid.public_id, acting_user=bidder, text="太晚")
    bid.refresh_from_db()
    assert (bid.supplement_text, bid.supplement_received_at) == ("", None)
    review.bid_supplement(bid_public_id=bid.public_id, acting_user=bidder, text="已补充")
    with pytest.raises(DomainError, match="没有待补正"):
        review.bid_supplement(bid_public_id=bid.public_id, acting_user=bidder, text="再次")
    bid.refresh_from_db()
    assert bid.supplement_text == "已补充"
    assert AuditEntry.objects.filter(action="challenges.bid.supplement_answered").count() == 1


@pytest.mark.parametrize(
    ("text", "file", "field"),
    [
        ("a\0b", None, "text"),
        ("半个字\ud800", None, "text"),
        ("字" * 20_001, None, "text"),
        ("见附件", FILES["docx: asks for a newer zip version"], "file"),
        ("见附件", FILES["xlsx: the directory before the beginning"], "file"),
        ("见附件", FILES["a file of another ending"], "file"),
    ],
)
def test_an_odd_supplement_is_refused_with_a_sentence_and_keeps_nothing(opened, text, file, field):
    stage, bidder, bid = opened
    ask(stage, bid)
    before = attachments_of(bid).count()
    given = File(io.BytesIO(file[1]()), name=file[0]) if file else None
    with pytest.raises(InvalidInput) as refusal:
        review.bid_supplement(bid_public_id=bid.public_id, acting_user=bidder, text=text, file=given)
    assert list(refusal.value.fields) == [field]
    bid.refresh_from_db()
    assert (bid.supplement_text, bid.supplement_received_at, attachments_of(bid).count()) == ("", None, before)
    review.bid_supplement(bid_public_id=bid.public_id, acting_user=bidder, text="已补充")


def test_no_bid_fails_while_its_bidder_still_has_days_to_supplement(opened):
    stage, bidder, bid = opened
    ask(stage, bid)
    refuse = {"bid_public_id": bid.public_id, "acting_user": stage.handler, "passed": False, "comment": "材料不全。"}
    with pytest.raises(DomainError, match="补正期限未到"):
        review.bid_formal_check(**refuse)
    bid.refresh_from_db()
    assert bid.state == BidState.OPENED
    review.bid_supplement(bid_public_id=bid.public_id, acting_user=bidder, text="已补充")
    review.bid_formal_check(**refuse)
    bid.refresh_from_db()
    assert bid.state == BidState.FORM_FAIL
    assert told(bidder, "challenge.formal_check") == 1
