"""The audit chain: what was sealed cannot be changed unseen (V27)."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from core import audit
from core.clock import frozen, now
from core.models import AuditAnchor, AuditEntry, AuditHead
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def sealed():
    for name in ("甲", "乙", "丙"):
        audit.record(None, "tests.thing.happened", make_organisation(name))
    assert audit.seal_pending() == 3


def test_a_sealed_chain_verifies_and_tells_its_unsealed_tail(sealed):
    audit.record(None, "tests.thing.happened")

    assert audit.verify() == audit.ChainReport(checked=3, unsealed=1, fault="")


def test_sealing_again_changes_nothing(sealed):
    before = list(AuditEntry.objects.values())
    assert audit.seal_pending() == 0
    assert list(AuditEntry.objects.values()) == before


@contextmanager
def as_the_database_s_master():
    """Whoever may switch the database's own guard off; the chain is what finds them out."""
    guarded = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if guarded:
            cursor.execute("ALTER TABLE core_auditentry DISABLE TRIGGER audit_entry_append_only")
        yield
        if guarded:
            cursor.execute("ALTER TABLE core_auditentry ENABLE TRIGGER audit_entry_append_only")


@pytest.mark.parametrize("field", ["actor_text", "action", "subject_text", "request_id"])
def test_a_changed_text_is_found(sealed, field):
    with as_the_database_s_master():
        AuditEntry.objects.filter(sequence=2).update(**{field: "改过"})

    assert audit.verify().fault == "第 2 条记录与其校验值不符"


def test_a_removed_entry_in_the_middle_is_found(sealed):
    with as_the_database_s_master():
        AuditEntry.objects.filter(sequence=2).delete()

    assert audit.verify().fault == "缺少第 2 条记录"


def test_a_removed_last_entry_is_found(sealed):
    with as_the_database_s_master():
        AuditEntry.objects.filter(sequence=3).delete()

    assert audit.verify().fault == "链尾与登记的最后一条不符，末尾记录可能被删除"


def test_the_head_names_the_last_link(sealed):
    last = AuditEntry.objects.get(sequence=3)
    head = AuditHead.objects.get(pk=1)
    assert (head.sequence, head.hash) == (3, last.hash)


def test_actor_and_organisation_stay_as_text_when_the_account_is_deleted():
    person = make_person("operator")
    name, organisation = str(person), str(person.current_organisation)
    entry = audit.record(person, "tests.thing.happened")
    person.delete()

    entry.refresh_from_db()
    assert (entry.actor, entry.actor_text, entry.organisation_text) == (None, name, organisation)


def test_the_head_is_made_public_once_a_day_and_a_rewritten_chain_does_not_agree_with_it(sealed, client):
    first = audit.anchor_today()
    assert (first.sequence, audit.anchor_today()) == (3, None)
    audit.record(None, "tests.thing.happened")
    audit.seal_pending()
    with frozen(now() + timedelta(days=1)):
        assert audit.anchor_today().sequence == 4
    page = client.get(reverse("audit_anchors"))
    assert page.status_code == 200
    assert first.hash in page.content.decode()
    assert audit.verify().fault == ""
    AuditAnchor.objects.filter(pk=first.pk).update(hash="0" * 64)
    assert "第 3 条" in audit.verify().fault


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the embedded database has no such guard")
def test_the_database_itself_refuses_to_change_or_delete_what_is_sealed(sealed):
    for attempt in (
        lambda: AuditEntry.objects.filter(sequence=2).update(action="改过"),
        lambda: AuditEntry.objects.filter(sequence=2).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    assert audit.verify().fault == ""
