"""Notices come exactly once; mail is promised in the same transaction and sent through the outbox."""

import re
import smtplib

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.urls import reverse

from accounts.enums import Role
from core import relay
from core.errors import InvalidInput, ObjectNotFound, ServiceUnavailable
from core.models import OutboxDelivery, OutboxEvent
from core.opaque import opaque
from notifications import selectors, services
from notifications.catalogue import MESSAGES
from notifications.enums import Group
from notifications.models import Delivery, Notification, Preference
from tests.factories import make_organisation, make_person, region

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
KEY = "00000000-0000-0000-0000-000000000000"
VALUES = {"title": "供水漏损识别", "reviewer": "济南示范局", "defects": "1. 请补充指标\n", "comment": ""}


def tell(*people, key="1", topic="scenario.returned"):
    return services.notify(topic, recipients=people, key=key, values=VALUES, url_arguments=["x"])


@pytest.fixture
def person(clock):
    return make_person(Role.DEMAND_SUBMITTER)


def test_a_notice_is_stored_and_its_mail_promised(person, clock):
    (row,) = tell(person)
    assert (row.title, row.group, row.read_at) == ("需要补充：供水漏损识别", Group.RESULT, None)
    assert row.body == "济南示范局 退回了需求“供水漏损识别”，请一次补齐下列内容后重新提交：\n1. 请补充指标"
    assert row.url == reverse("scenarios:tasks", args=["x"])
    assert list(row.deliveries.values_list("channel", "state")) == [("site", "sent"), ("mail", "pending")]
    assert OutboxEvent.objects.get().topic == "notifications.delivery.mail_requested"
    assert mail.outbox == []


def test_the_same_notice_twice_is_told_once(person):
    other = make_person(Role.DEMAND_SUBMITTER)
    tell(person)
    assert [row.recipient for row in tell(person, other)] == [other]
    assert Notification.objects.count() == 2
    assert tell(person, key="2") != []


def test_a_person_listed_twice_or_switched_off_is_told_once_or_not(person):
    gone = make_person(Role.DEMAND_SUBMITTER)
    gone.is_active = False
    assert len(tell(person, person, gone)) == 1


def test_the_relay_sends_the_mail_once(person):
    tell(person)
    relay.drain()
    relay.drain()
    (message,) = mail.outbox
    assert message.to == [person.email]
    assert message.subject == "需要补充：供水漏损识别"
    assert "1. 请补充指标" in message.body
    assert "http://127.0.0.1:8000/desk/scenarios/x/" in message.body
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"<[a-z2-7]{26}@[\w.-]+>", message.extra_headers["Message-ID"])
    delivery = Delivery.objects.get(channel="mail")
    assert (delivery.state, delivery.attempts) == ("sent", 1)
    assert services.delivery_send(delivery_id=delivery.pk).attempts == 1
    assert len(mail.outbox) == 1


class RefusingBackend(EmailBackend):
    """A mail server that answers as the test says."""

    error: Exception = ConnectionRefusedError("refused")

    def send_messages(self, messages):
        raise self.error


def test_a_server_that_is_down_loses_nothing(person, settings, monkeypatch):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    monkeypatch.setattr(RefusingBackend, "error", ConnectionRefusedError("refused"))
    tell(person)
    delivery = Delivery.objects.get(channel="mail")
    with pytest.raises(ServiceUnavailable):
        services.delivery_send(delivery_id=delivery.pk)
    relay.drain()
    assert Delivery.objects.get(channel="mail").state == "pending"
    waiting = OutboxDelivery.objects.get(handler="notifications.send_mail")
    assert (waiting.state, waiting.attempts) == ("pending", 0)  # an outage uses up no attempt
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    OutboxDelivery.objects.update(not_before=waiting.event.created_at)
    relay.drain()
    assert len(mail.outbox) == 1


def test_a_refused_address_is_final(person, settings, monkeypatch):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    refusal = smtplib.SMTPRecipientsRefused({person.email: (550, b"no such user")})
    monkeypatch.setattr(RefusingBackend, "error", refusal)
    tell(person)
    relay.drain()
    delivery = Delivery.objects.get(channel="mail")
    assert delivery.state == "failed"
    assert "no such user" in delivery.error


def test_who_switched_mail_off_gets_the_notice_only(person):
    services.preference_set(acting_user=person, group=Group.RESULT, mail=False)
    tell(person)
    assert list(Delivery.objects.values_list("channel", flat=True)) == ["site"]


def test_who_unsubscribes_meanwhile_gets_no_mail(person):
    tell(person)
    services.unsubscribe(token=services.unsubscribe_token(person.pk, Group.RESULT))
    relay.drain()
    assert mail.outbox == []
    assert Delivery.objects.get(channel="mail").state == "skipped"


def test_the_token_of_a_mail_unsubscribes_without_signing_in(person, client):
    tell(person)
    relay.drain()
    address = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>").removeprefix("http://127.0.0.1:8000")
    assert client.get(address).status_code == 200
    assert not Preference.objects.exists()  # looking is not unsubscribing
    assert client.post(address).status_code == 200
    assert client.post(address).status_code == 200
    preference = Preference.objects.get()
    assert (preference.user, preference.group, preference.mail) == (person, Group.RESULT, False)


@pytest.mark.parametrize("token", ["", "nonsense", "a:b:c"])
def test_a_forged_token_changes_nothing(token, db):
    with pytest.raises(InvalidInput, match="内容有误"):
        services.unsubscribe(token=token)
    assert not Preference.objects.exists()


def test_mail_about_the_account_cannot_be_switched_off(person):
    with pytest.raises(InvalidInput):
        services.preference_set(acting_user=person, group=Group.ACCOUNT, mail=False)
    with pytest.raises(InvalidInput):
        services.preference_set(acting_user=person, group="nothing", mail=False)
    assert not Preference.objects.exists()
    assert {row.group: (row.mail, row.fixed) for row in selectors.preferences_of(person)}["account"] == (True, True)


def test_everybody_reads_their_own_only(person):
    other = make_person(Role.DEMAND_SUBMITTER)
    (mine,) = tell(person)
    (theirs,) = tell(other)
    assert [row.pk for row in selectors.notifications_of(person)] == [mine.pk]
    with pytest.raises(ObjectNotFound):
        selectors.notification_for(person, opaque(theirs))
    assert services.mark_read(acting_user=person, notification_ids=[mine.pk, theirs.pk]) == 1
    assert (selectors.unread_count(person), selectors.unread_count(other)) == (0, 1)
    assert services.mark_read(acting_user=other) == 1


def test_lists_narrow_by_group_and_unread(person):
    tell(person)
    tell(person, key="2", topic="scenario.resumed")
    services.mark_read(acting_user=person, notification_ids=[Notification.objects.first().pk])
    assert selectors.notifications_of(person, unread_only=True).count() == 1
    assert selectors.notifications_of(person, group=Group.LIST).count() == 0
    assert selectors.notifications_of(person, group=Group.RESULT).count() == 2


def test_reviewers_are_found_by_region_and_never_the_owners_own(clock):
    owner = make_organisation(region_code="370102")
    city = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100"))
    elsewhere = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370200"))
    own = make_person(Role.FIRST_REVIEWER, organisation=owner)
    department = make_organisation(region_code="370200")
    leading = make_person(Role.FIRST_REVIEWER, organisation=department)
    found = selectors.first_reviewers_for(region("370102"), not_of=owner, department=department)
    assert set(found) == {city, leading}
    assert elsewhere not in found
    assert own not in found


def test_every_message_of_the_catalogue_leads_somewhere_that_exists():
    arguments = {
        "scenarios:review": ["x"],
        "scenarios:tasks": ["x"],
        "scenarios:edit_list": ["2026Q4"],
        "scenarios:list": ["2026Q4"],
        "vendors:verification": ["x"],
        "vendors:capability": ["x"],
        "vendors:edit": ["x"],
        "vendors:cases": ["x"],
        "vendors:case_answer": [KEY],
        "accounts:organisation": [KEY],
        "accounts:proposal": [KEY],
        "matching:engagement": [KEY],
        "challenges:programme": [KEY],
        "challenges:need": [KEY],
        "challenges:challenge": ["JB2026-001"],
        "challenges:list": ["2026-1"],
        "challenges:bid": [KEY],
        "challenges:seat": [KEY],
        "challenges:publicity": [KEY],
        "challenges:objection": [KEY],
        "challenges:project": [KEY],
        "challenges:panel": [KEY],
        "challenges:working_list": ["2026-1"],
    }
    for message in MESSAGES.values():
        if message.url_name:
            assert reverse(message.url_name, args=arguments.get(message.url_name, []))


def test_a_text_that_lacks_a_value_is_refused_and_nobody_is_told(person):
    with pytest.raises(ValueError, match="todo.waits: no due, what"):
        services.notify("todo.waits", recipients=[person], key="1", values={"title": "一项", "what": None})
    assert not Notification.objects.exists()
