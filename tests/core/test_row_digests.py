"""Every write through Django leaves a digest; every write around it is found (ADR 0010)."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, models, transaction

from accounts.enums import Role
from accounts.models import Membership, Organisation, RoleGrant
from core import audit, row_digests
from core.clock import now
from core.deciding import DecidingModel
from core.heads import kept_heads_fault
from core.models import AuditAnchor, DigestBlock, RowDigest, WorkdayException
from core.row_digests import ADDED, CHANGED, MISSING, UNKNOWN_KEY, compare_all, deciding_columns, deciding_models
from scenarios.models import Scenario
from tests.factories.accounts import make_organisation, make_person
from tests.factories.scenarios import make_scenario, make_submittable_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@contextmanager
def as_the_database_s_master():
    """Without the guard that PostgreSQL has."""
    guarded = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if guarded:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE core_rowdigest DISABLE TRIGGER row_digest_append_only")
        yield
        if guarded:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE core_rowdigest ENABLE TRIGGER row_digest_append_only")


def around(model):
    """Rows as somebody with the database reaches them: nothing notices."""
    return models.QuerySet(model)


def found(model=Organisation):
    return [(finding.row, finding.kind) for finding in compare_all(model)]


def test_saved_partly_saved_created_updated_and_removed_rows_agree_with_their_digests():
    organisation = make_organisation()
    organisation.name = "改名后的单位"
    organisation.save()
    organisation.address = "未保存的地址"
    organisation.short_name = "短名"
    organisation.save(update_fields=["short_name"])
    Organisation.objects.filter(pk=organisation.pk).update(address="泉城路 1 号")
    extra = Organisation.objects.bulk_create([Organisation(name=name, kind="agency") for name in "甲乙"])
    extra[0].delete()
    extra[1].name = "丙"
    Organisation.objects.bulk_update([extra[1]], ["name"])
    person = make_person(Role.LIST_EDITOR, organisation=organisation)
    person.memberships.get().grants.all().delete()

    assert [(model.__name__, found(model)) for model in deciding_models() if found(model)] == []


def test_a_count_of_updated_rows_still_tells_who_was_first():
    organisation = make_organisation()
    change = Organisation.objects.filter(pk=organisation.pk, address="")
    assert change.update(address="一") == 1
    assert change.update(address="二") == 0
    assert Organisation.objects.get(pk=organisation.pk).address == "一"


def test_a_row_changed_added_or_removed_around_the_platform_is_found():
    kept, removed = make_organisation(), make_organisation()
    around(Organisation).filter(pk=kept.pk).update(name="冒名的厅局")
    around(Organisation).filter(pk=removed.pk)._raw_delete("default")
    around(Organisation).bulk_create([Organisation(name="凭空出现", kind="agency")])
    added = Organisation.objects.get(name="凭空出现")

    assert found() == [(kept.pk, CHANGED), (removed.pk, MISSING), (added.pk, ADDED)]


def test_a_role_given_in_the_database_is_found():
    person = make_person(Role.VENDOR_STAFF)
    membership = Membership.objects.get(user=person)
    around(RoleGrant).bulk_create([RoleGrant(membership=membership, role=Role.LIST_APPROVER)])

    assert [kind for _row, kind in found(RoleGrant)] == [ADDED]


def test_an_older_state_cannot_be_brought_back_with_its_older_digest():
    organisation = make_organisation(name="原名")
    organisation.name = "新名"
    organisation.save()
    audit.seal_pending_rows()
    assert row_digests.block_fault() == ""

    with as_the_database_s_master():
        around(Organisation).filter(pk=organisation.pk).update(name="原名")
        RowDigest.objects.filter(table="accounts.organisation", row=organisation.pk).order_by("-pk").first().delete()

    assert found() == []  # the row agrees with what is now the last digest …
    assert row_digests.block_fault() == "第 1 组数据校验值被改动、增加或删除"  # … and the chain tells


def test_a_digest_made_without_the_key_is_found(settings):
    organisation = make_organisation()
    around(Organisation).filter(pk=organisation.pk).update(name="冒名的厅局")
    own, settings.INTEGRITY_KEYS = settings.INTEGRITY_KEYS, ["a key of somebody else, 32 characters"]
    row_digests.record_rows(Organisation, [organisation.pk])
    settings.INTEGRITY_KEYS = own

    assert (organisation.pk, UNKNOWN_KEY) in found()


def test_a_new_key_in_front_leaves_older_digests_comparable(settings):
    settings.INTEGRITY_KEYS = ["the first key, at least 32 characters"]
    first = make_organisation()
    settings.INTEGRITY_KEYS = ["the second key, 32 characters or more", "the first key, at least 32 characters"]
    second = make_organisation()
    assert {row for row, _kind in found()}.isdisjoint({first.pk, second.pk})
    settings.INTEGRITY_KEYS = ["the second key, 32 characters or more"]
    kinds = dict(found())
    assert (kinds[first.pk], kinds.get(second.pk)) == (UNKNOWN_KEY, None)


def test_a_draft_has_no_digest_until_somebody_relies_on_it_and_then_keeps_it():
    draft = make_scenario()
    assert not RowDigest.objects.filter(table="scenarios.scenario", row=draft.pk).exists()
    around(Scenario).filter(pk=draft.pk).update(title="草稿")
    assert found(Scenario) == []

    sent = make_submittable_scenario(state="submitted")
    around(Scenario).filter(pk=sent.pk).update(state="draft", title="藏回草稿")
    assert found(Scenario) == [(sent.pk, CHANGED)]


def test_digests_of_many_writes_are_taken_together(django_assert_num_queries):
    organisation = make_organisation()
    before = RowDigest.objects.count()
    with transaction.atomic(), django_assert_num_queries(4), row_digests.taken_together():
        for name in ("一", "二", "三"):
            organisation.name = name
            organisation.save()
    assert RowDigest.objects.count() == before + 1
    assert found() == []


def test_what_fails_leaves_no_digest():
    before = RowDigest.objects.count()

    def failing():
        with transaction.atomic(), row_digests.taken_together():
            make_organisation()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert RowDigest.objects.count() == before


def test_a_column_that_a_release_adds_does_not_make_older_rows_suspicious(monkeypatch):
    """The former release covered fewer columns; its digests are compared by these."""
    columns = deciding_columns(Organisation)
    with monkeypatch.context() as former:
        former.setattr(row_digests, "deciding_columns", lambda model: tuple(columns[:-1]))
        organisation = make_organisation()
        row_digests.keep_forms()
    assert found() == []
    around(Organisation).filter(pk=organisation.pk).update(name="冒名的厅局")
    assert found() == [(organisation.pk, CHANGED)]


def test_an_upgrade_takes_over_what_was_there_and_refuses_what_an_older_digest_objects_to():
    changed = make_organisation()
    around(Organisation).bulk_create([Organisation(name="升级前就有", kind="agency")])
    around(Organisation).filter(pk=changed.pk).update(name="冒名的厅局")

    adopted, refused = row_digests.adopt_rows(Organisation)

    assert (adopted, [(one.row, one.kind) for one in refused]) == (1, [(changed.pk, CHANGED)])
    assert found() == [(changed.pk, CHANGED)]


def test_rows_are_never_merged_in_silence():
    with pytest.raises(NotImplementedError):
        WorkdayException.objects.bulk_create([], ignore_conflicts=True)


def test_what_decides_nothing_says_why():
    for model in deciding_models():
        assert issubclass(model, DecidingModel)
        for column, reason in model.not_deciding.items():
            model._meta.get_field(column)
            assert reason


def test_blocks_follow_each_other_and_a_cut_end_is_found(settings, tmp_path, django_capture_on_commit_callbacks):
    settings.INTEGRITY_HEADS_FILE = str(tmp_path / "heads.jsonl")
    make_organisation()
    with django_capture_on_commit_callbacks(execute=True):
        audit.seal_pending_rows()
    make_organisation()
    with django_capture_on_commit_callbacks(execute=True):
        audit.seal_pending_rows()
    last = DigestBlock.objects.latest("sequence")
    assert row_digests.block_fault() == ""

    with as_the_database_s_master():
        RowDigest.objects.filter(block=last).delete()
        last.delete()

    assert row_digests.block_fault() == ""  # a chain cut at its end is a chain …
    assert kept_heads_fault() != ""  # … but its head had left the database


def test_the_days_heads_name_both_chains():
    make_organisation()
    audit.record(None, "tests.thing.happened")
    audit.seal_pending()
    audit.seal_pending_rows()
    anchor = audit.anchor_today()
    block = DigestBlock.objects.latest("sequence")
    assert (anchor.block_sequence, anchor.block_hash) == (block.sequence, block.hash)
    around(AuditAnchor).filter(pk=anchor.pk).update(day=now().date() - timedelta(days=400))
    assert [kind for _row, kind in found(AuditAnchor)] == [CHANGED]
