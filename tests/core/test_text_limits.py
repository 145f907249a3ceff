"""Every text column of ours has a limit that no path of writing gets round: the cause, not the entrances."""

import pytest
from django.db import models, transaction

from core.errors import InvalidInput
from core.models import AuditEntry
from core.texts import LONGEST_TEXT, TEXTS_INSIDE, WITHOUT_LIMIT, columns_of_ours, limit_of
from notifications.models import Notification
from notifications.services import notify
from scenarios.models import Scenario, ScenarioReview
from tests.factories import make_person, make_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def name_of(field: models.Field) -> str:
    return f"{field.model._meta.label_lower}.{field.name}"


TEXTS = [field for field in columns_of_ours() if isinstance(field, models.CharField | models.TextField)]
LIMITED = [field for field in columns_of_ours() if limit_of(field) is not None]


def test_every_text_column_has_a_limit_or_a_reason_against_it():
    assert len(TEXTS) > 200
    assert {name_of(field) for field in TEXTS if limit_of(field) is None} == set(WITHOUT_LIMIT)
    assert all(WITHOUT_LIMIT.values())


def test_every_name_of_texts_inside_belongs_to_a_column():
    assert {field.name for field in LIMITED if isinstance(field, models.JSONField)} == TEXTS_INSIDE


@pytest.mark.parametrize("field", LIMITED, ids=name_of)
def test_no_statement_carries_a_longer_text(field):
    text = "长" * ((limit_of(field) or 0) + 1)
    value = [{"reason": text}] if isinstance(field, models.JSONField) else text
    with pytest.raises(InvalidInput) as refusal:
        models.QuerySet(field.model).filter(pk=0).update(**{field.attname: value})
    assert list(refusal.value.fields) == [field.name]
    assert f"最多 {limit_of(field)} 个字，现有 {len(text)} 个字" in refusal.value.fields[field.name][0]


def saved(row):
    row.save()


def saved_in_part(row):
    row.save(update_fields=["description"])


def updated(row):
    Scenario.objects.filter(pk=row.pk).update(description=row.description)


def updated_in_bulk(row):
    Scenario.objects.bulk_update([row], ["description"])


def created(row):
    Scenario.objects.create(owner=row.owner, title="另一项", description=row.description)


def created_in_bulk(row):
    Scenario.objects.bulk_create([Scenario(owner=row.owner, title="另一项", description=row.description)])


@pytest.mark.parametrize(
    "write",
    [saved, saved_in_part, updated, updated_in_bulk, created, created_in_bulk],
    ids=lambda write: write.__name__,
)
def test_whatever_way_it_is_written_the_limit_holds_and_nothing_changes(write):
    row = make_scenario(description="原文")
    row.description = "长" * LONGEST_TEXT
    write(row)
    Scenario.objects.exclude(pk=row.pk).delete()
    before = list(Scenario.objects.values())

    row.description += "长"
    with pytest.raises(InvalidInput) as refusal, transaction.atomic():
        write(row)

    label = Scenario._meta.get_field("description").verbose_name
    told = f"“{label}”最多 {LONGEST_TEXT} 个字，现有 {LONGEST_TEXT + 1} 个字，请精简。"
    assert refusal.value.fields == {"description": [told]}
    assert list(Scenario.objects.values()) == before


def test_texts_inside_a_list_have_the_limit_too():
    scenario = make_scenario()
    defects = [{"field": "title", "reason": "长" * (LONGEST_TEXT + 1)}]
    with pytest.raises(InvalidInput), transaction.atomic():
        ScenarioReview.objects.create(scenario=scenario, stage="first", conclusion="return", defects=defects)
    assert ScenarioReview.objects.count() == 0


def test_a_column_without_a_name_of_its_own_is_not_shown_to_people():
    with pytest.raises(InvalidInput) as refusal:
        AuditEntry.objects.filter(pk=0).update(request_id="x" * 200)
    assert refusal.value.fields["request_id"][0].startswith("“该项内容”最多 ")


def test_a_notice_that_quotes_long_texts_is_cut_and_told():
    person = make_person()
    values = {"title": "需求", "reviewer": "某处", "defects": "长" * 30_000, "comment": ""}
    notify("scenario.returned", recipients=[person], key="1", values=values)
    body = Notification.objects.get(recipient=person).body
    assert (len(body), body[-1]) == (20_000, "…")
