"""What was opened lies encrypted under a data key of its challenge, and is erased when its years are over (C.3, 7)."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, transaction
from django.urls import reverse

from challenges import records
from challenges.enums import EnvelopeKind
from challenges.models import Bid, SealedEnvelope
from challenges.sealing.verification import verify_record
from challenges.services import bids, retention, review
from core.attachments import attachments_of
from core.clock import frozen, now
from core.content_keys import ContentUnreadable, stored_content
from core.errors import DomainError
from core.models import Attachment, AuditEntry
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

MARK = "只有开启后才能读到的路线"
PDF = b"%PDF-1.4\n" + MARK.encode() * 50


@pytest.fixture
def opened(clock):
    """(stage, challenge, bid): one bid with a file, its technical envelope opened."""
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder()
    make.hand_in(challenge, bidder, manifest=make.manifest_of(bidder, route=MARK), files=[("方案.pdf", PDF)])
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        challenge.refresh_from_db()
    return stage, challenge, Bid.objects.select_related("challenge").get()


def text_of(value: object) -> str:
    """Bytes are read as text, not shown as escapes: what is looked for must be found in them, too."""
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)


def whole_database() -> str:
    """Every value of every column of this app and of the files' table, as text."""
    texts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("challenges_") or table == "core_attachment":
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                texts += [text_of(value) for row in cursor.fetchall() for value in row]
    return "\n".join(texts)


def test_neither_table_nor_file_holds_an_opened_bid_in_the_clear(opened, client):
    stage, _challenge, bid = opened
    assert bid.technical_content["route"] == MARK
    assert MARK not in whole_database()
    attachment = attachments_of(bid).get()
    with attachment.file.open("rb") as stored:
        assert MARK.encode() not in stored.read()
    with stored_content(attachment) as content:
        assert content.read() == PDF
    client.force_login(stage.handler)
    answer = client.get(reverse("attachment", args=[attachment.public_id]))
    assert (answer.status_code, answer.getvalue()) == (200, PDF)


def test_what_is_handed_in_afterwards_lies_encrypted_too(opened):
    stage, _challenge, bid = opened
    review.bid_formal_check(
        bid_public_id=bid.public_id,
        acting_user=stage.handler,
        passed=False,
        comment="缺少盖章页。",
        supplement=["补充盖章页"],
    )
    answer = ContentFile(PDF, name="盖章页.pdf")
    review.bid_supplement(bid_public_id=bid.public_id, acting_user=bid.submitted_by, text=MARK * 2, file=answer)
    assert Bid.objects.get().supplement_text == MARK * 2
    assert MARK not in whole_database()
    attachment = attachments_of(bid).get(original_name="盖章页.pdf")
    with attachment.file.open("rb") as stored:
        assert MARK.encode() not in stored.read()
    with stored_content(attachment) as content:
        assert content.read() == PDF


def test_an_installation_without_keys_learns_it_at_the_publication_and_publishes_nothing(clock, settings):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_selected_challenge(stage, make.make_programme(stage))
    annual_list = make.make_annual_list(stage, [challenge])
    settings.CONTENT_KEYS, settings.CONTENT_KEY_FILE = [], ""
    with pytest.raises(ImproperlyConfigured, match="CONTENT_KEYS"), transaction.atomic():
        make.publish_list(stage, annual_list)
    challenge.refresh_from_db()
    annual_list.refresh_from_db()
    assert (challenge.state, challenge.code, annual_list.published_at) == ("selected", None, None)


def test_a_changed_text_or_another_key_is_said_and_not_taken_for_unopened(opened, settings):
    _stage, _challenge, bid = opened
    bid.technical_cipher = bid.technical_cipher[:-8] + "AAAAAAA="
    with pytest.raises(ContentUnreadable):
        _read = bid.technical_content
    bid.refresh_from_db()
    settings.CONTENT_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(ContentUnreadable):
        _read = bid.technical_content


def test_a_new_key_in_front_wraps_everything_and_the_old_one_may_go(opened, settings, capsys):
    _stage, _challenge, bid = opened
    with Path(settings.CONTENT_KEY_FILE).open(encoding="ascii") as file:
        old = file.read().strip()
    new = Fernet.generate_key().decode()
    settings.CONTENT_KEYS = [new, old]
    call_command("rewrap_content_keys")
    assert "已重新包裹 1 份数据密钥。" in capsys.readouterr().out
    settings.CONTENT_KEYS = [new]
    assert Bid.objects.get().technical_content["route"] == MARK
    with stored_content(Attachment.objects.get()) as content:
        assert content.read() == PDF
    settings.CONTENT_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SystemExit) as ended:
        call_command("rewrap_content_keys")
    assert ended.value.code == 2


def test_contents_are_erased_only_after_fifteen_years_and_the_record_still_verifies(
    opened, client, capsys, django_capture_on_commit_callbacks
):
    stage, challenge, _bid = opened
    ends = retention.retention_ends(challenge)
    assert ends.year == challenge.opened_at.year + 15
    with frozen(ends - timedelta(seconds=1)):
        with pytest.raises(DomainError) as refusal:
            retention.contents_erase(challenge_id=challenge.pk)
        assert refusal.value.code == "retention_runs"
        call_command("erase_expired_bids")
        assert "已销毁 0 项" in capsys.readouterr().out
    assert Bid.objects.get().technical_content["route"] == MARK
    assert Attachment.objects.count() == 1
    files = [Attachment.objects.get().file, *(row.file for row in SealedEnvelope.objects.all())]
    assert all(file.storage.exists(file.name) for file in files)

    with frozen(ends):
        with django_capture_on_commit_callbacks(execute=True):
            call_command("erase_expired_bids")
        assert "已销毁 1 项" in capsys.readouterr().out
        call_command("erase_expired_bids")
        assert "已销毁 0 项" in capsys.readouterr().out
    challenge.refresh_from_db()
    bid = Bid.objects.get()
    assert (challenge.content_key, challenge.contents_erased_at) == ("", ends)
    assert (bid.technical_content, bid.technical_cipher, Attachment.objects.count()) == (None, None, 0)
    assert not any(file.storage.exists(file.name) for file in files)
    assert not SealedEnvelope.objects.filter(destroyed_at=None).exists()
    assert AuditEntry.objects.filter(action="challenges.challenge.erase_contents").count() == 1
    assert verify_record(records.challenge_record(challenge)).failures == []
    assert all(row.ok for row in records.verify_files(challenge))
    client.force_login(stage.handler)
    page = client.get(reverse("challenges:bid", args=[bid.public_id])).content.decode()
    assert "保存期满，标书内容已按规定销毁" in page


def test_what_was_never_opened_has_no_end_of_keeping(clock):
    challenge = make.make_open_challenge(make.make_stage(expert_count=0))
    assert retention.retention_ends(challenge) is None
    with frozen(now() + timedelta(days=365 * 40)):
        assert retention.contents_erase_due() == 0
