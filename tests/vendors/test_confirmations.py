"""A customer confirms a delivered case, refuses it, or lets thirty days pass; the vendor cannot do it for them."""

import itertools
import re
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse

from accounts.enums import Role
from core.clock import frozen
from core.errors import DomainError, GuardFailed, IllegalTransition, InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry
from core.relay import drain
from notifications.models import Notification
from tests.factories import make_listed_capability, make_organisation, make_person, make_vendor
from vendors import confirmations, services
from vendors.enums import ConfirmationState
from vendors.models import CaseConfirmation, DeliveredCase
from vendors.states import CONFIRMATION_MACHINE

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

MAIL = "office@customer.example.cn"


@pytest.fixture
def staff(clock):
    firm = make_organisation("案例公司", kind="enterprise")
    return make_person(Role.VENDOR_STAFF, organisation=firm)


@pytest.fixture
def case(staff):
    capability = make_listed_capability(make_vendor(staff.current_organisation))
    values = {"title": "某桥监测", "customer": "示例公路局", "description": "已运行一年。"}
    return services.case_save(capability_id=capability.pk, acting_user=staff, **values)


def customer_clerk(name: str = "示例公路局"):
    return make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation(name))


def ask(case, staff, **values) -> CaseConfirmation:
    return confirmations.confirmation_ask(case_id=case.pk, acting_user=staff, **values)


def answered(confirmation, person=None, confirmed=True, **values) -> CaseConfirmation:
    return confirmations.confirmation_answer(
        public_id=confirmation.public_id, acting_user=person, confirmed=confirmed, **values
    )


def state_of(case: DeliveredCase) -> str:
    return DeliveredCase.objects.get(pk=case.pk).confirmation


def mails() -> list:
    """To the customer; the vendor's notices go by mail, too."""
    return [message for message in mail.outbox if message.to == [MAIL]]


def mailed_address() -> str:
    return re.search(r"http\S+/cases/\S+", mails()[-1].body)[0].removeprefix("http://127.0.0.1:8000")


def told(topic: str) -> set:
    return {notice.recipient for notice in Notification.objects.filter(topic=topic)}


# --- a customer that is registered here --------------------------------------------------------------------------


def test_the_registered_customers_people_are_told_and_confirm_on_their_page(case, staff, client):
    clerk = customer_clerk()
    confirmation = ask(case, staff)
    drain()
    notice = Notification.objects.get(topic="case.waits_for_customer")
    assert notice.recipient == clerk
    assert list(confirmations.confirmations_waiting_for(clerk)) == [confirmation]
    client.force_login(clerk)
    assert "已运行一年。" in client.get(notice.url).content.decode()
    assert client.post(notice.url, {"answer": "confirm", "satisfaction": "5"}).status_code == 302
    case.refresh_from_db()
    assert (state_of(case), case.satisfaction, case.confirmed_by) == ("confirmed", 5, clerk)
    drain()
    assert staff in told("case.confirm")
    assert not confirmations.confirmations_waiting_for(clerk)
    assert not any("/cases/" in message.body and "desk" not in message.body for message in mail.outbox)


def test_a_refusal_says_why_and_the_case_is_not_shown_as_confirmed(case, staff, client):
    clerk = customer_clerk()
    confirmation = ask(case, staff)
    client.force_login(clerk)
    address = reverse("vendors:case_answer", args=[confirmation.public_id])
    page = client.post(address, {"answer": "refuse", "reason": " "})
    assert page.status_code == 400
    assert "请写明不认可的理由，供给方会看到。" in page.content.decode()
    assert state_of(case) == "asked"
    client.post(address, {"answer": "refuse", "reason": "项目没有验收。"})
    drain()
    assert state_of(case) == "refused"
    assert "项目没有验收" in Notification.objects.get(topic="case.refuse", recipient=staff).body
    client.logout()
    public = client.get(reverse("vendors:capability", args=[case.capability.key])).content.decode()
    assert "客户未认可" in public
    assert "客户已确认" not in public
    assert "项目没有验收" not in public


def test_nobody_but_the_customer_finds_the_question(case, staff, client):
    customer_clerk()
    confirmation = ask(case, staff)
    for person in (staff, customer_clerk("别的单位"), make_person(Role.PROVINCIAL_REVIEWER)):
        client.force_login(person)
        assert client.get(reverse("vendors:case_answer", args=[confirmation.public_id])).status_code == 404
        with pytest.raises(NotPermitted):
            answered(confirmation, person)
    assert state_of(case) == "asked"


def test_whoever_works_for_both_sides_does_not_answer(case, staff):
    customer = make_organisation("示例公路局")
    both = make_person(Role.ORGANISATION_MANAGER, organisation=customer)
    staff.current_organisation.memberships.create(user=both)
    with pytest.raises(InvalidInput):
        ask(case, staff)
    assert not CaseConfirmation.objects.exists()


# --- a customer without an account -------------------------------------------------------------------------------


def test_the_mailed_link_answers_once_without_signing_in(case, staff, client):
    ask(case, staff, address=MAIL)
    drain()
    assert len(mails()) == 1
    address = mailed_address()
    page = client.get(address)
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "same-origin"
    assert state_of(case) == "asked"
    assert client.post(address, {"answer": "confirm"}).status_code == 400
    assert client.post(address, {"answer": "confirm", "name": "李工，养护科"}).status_code == 302
    assert state_of(case) == "confirmed"
    again = client.post(address, {"answer": "refuse", "reason": "反悔", "name": "别人"})
    assert "已确认属实" in again.content.decode()
    assert CaseConfirmation.objects.get().answered_name == "李工，养护科"
    drain()
    assert Notification.objects.filter(topic="case.confirm", recipient=staff).count() == 1
    assert len(mails()) == 1


def test_the_vendor_never_sees_the_link(case, staff, client):
    confirmation = ask(case, staff, address=MAIL)
    drain()
    token = mailed_address().rstrip("/").rpartition("/")[2]
    client.force_login(staff)
    page = client.get(reverse("vendors:cases", args=[case.capability.key])).content.decode()
    assert MAIL in page
    assert token not in page
    assert confirmation.nonce not in page
    trail = " ".join(str(entry.detail) for entry in AuditEntry.objects.all())
    assert confirmation.nonce not in trail


@pytest.mark.parametrize("spoil", ["forged", "other_case", "taken_back"])
def test_a_link_that_is_not_this_questions_finds_nothing(case, staff, client, spoil):
    confirmation = ask(case, staff, address=MAIL)
    token = confirmations.link_token(confirmation)
    if spoil == "forged":
        token = token[:-2] + ("aa" if token[-2:] != "aa" else "bb")
    elif spoil == "other_case":
        confirmation.nonce = "another"
        token = confirmations.link_token(confirmation)
    else:
        ask(case, staff, address=MAIL)
    assert client.get(reverse("vendors:case_link", args=[token])).status_code == 404


def test_a_registered_customers_question_has_no_link(case, staff):
    customer_clerk()
    token = confirmations.link_token(ask(case, staff))
    with pytest.raises(ObjectNotFound):
        confirmations.confirmation_behind(token)
    with pytest.raises(NotPermitted):
        answered(CaseConfirmation.objects.get(), None, name="某人")


@pytest.mark.parametrize("address", ["", "sales@vendor.example", "other@vendor.example", "PERSON@own.example"])
def test_the_vendor_cannot_be_its_own_customer(case, staff, address):
    profile = case.capability.vendor
    profile.contact_email = "sales@vendor.example"
    profile.save()
    staff.email = "person@own.example"
    staff.save()
    with pytest.raises(InvalidInput) as refusal:
        ask(case, staff, address=address)
    assert [reason.field for reason in refusal.value.reasons] == ["address"]
    with pytest.raises(InvalidInput):
        ask(case, staff, customer="案例公司", address=MAIL)
    assert not CaseConfirmation.objects.exists()


def test_an_address_at_a_public_provider_is_not_the_vendors_own(case, staff):
    staff.email = "person@qq.com"
    staff.save()
    assert ask(case, staff, address="customer@qq.com").address == "customer@qq.com"


def test_a_customer_is_asked_three_times_in_thirty_days_and_no_more(case, staff, clock):
    for _time in range(3):
        ask(case, staff, address=MAIL)
    with pytest.raises(DomainError) as refusal:
        ask(case, staff, address=MAIL)
    assert refusal.value.code == "asked_too_often"
    states = list(CaseConfirmation.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["withdrawn", "withdrawn", "asked"]
    with frozen(clock + timedelta(days=30)):
        ask(case, staff, address=MAIL)


# --- time, change, machine ---------------------------------------------------------------------------------------


def test_after_thirty_days_it_lapses_once_and_the_vendor_is_told(case, staff, clock, client):
    confirmation = ask(case, staff, address=MAIL)
    address = reverse("vendors:case_link", args=[confirmations.link_token(confirmation)])
    with frozen(clock + timedelta(days=30, seconds=-1)):
        assert confirmations.confirmations_lapse() == 0
        assert "提交答复" in client.get(address).content.decode()
    with frozen(clock + timedelta(days=30)):
        assert "答复期限已过" in client.get(address).content.decode()
        with pytest.raises(DomainError) as refusal:
            answered(confirmation, None, name="李工")
        assert refusal.value.code == "confirmation_lapsed"
        assert [confirmations.confirmations_lapse(), confirmations.confirmations_lapse()] == [1, 0]
        drain()
    assert state_of(case) == "lapsed"
    assert staff in told("case.lapse")


def test_a_changed_case_takes_the_question_back(case, staff):
    confirmation = ask(case, staff, address=MAIL)
    services.case_save(
        capability_id=case.capability_id, acting_user=staff, title="两桥监测", customer="示例公路局", case_id=case.pk
    )
    confirmation.refresh_from_db()
    assert (confirmation.state, state_of(case)) == ("withdrawn", "unconfirmed")
    with pytest.raises(IllegalTransition):
        answered(confirmation, None, name="李工")


def test_the_answer_holds_for_the_text_that_was_asked_about(case, staff):
    confirmation = ask(case, staff, address=MAIL)
    DeliveredCase.objects.filter(pk=case.pk).update(amount_fen=1)
    with pytest.raises(DomainError) as refusal:
        answered(confirmation, None, name="李工")
    assert refusal.value.code == "case_changed"
    assert state_of(case) == "asked"


@pytest.mark.parametrize(("state", "action"), list(itertools.product(ConfirmationState.values, CONFIRMATION_MACHINE)))
def test_each_state_and_action_either_moves_or_changes_nothing(case, staff, clock, state, action):
    confirmation = ask(case, staff, address=MAIL)
    CaseConfirmation.objects.filter(pk=confirmation.pk).update(state=state)
    steps = {
        "confirm": lambda: answered(confirmation, None, name="李工"),
        "refuse": lambda: answered(confirmation, None, confirmed=False, reason="不属实", name="李工"),
        "lapse": confirmations.confirmations_lapse,
        "withdraw": lambda: services.withdraw_open_question(case, staff),
    }
    with frozen(clock + timedelta(days=30 if action == "lapse" else 1)):
        if state == "asked" or action in ("lapse", "withdraw"):
            steps[action]()
        else:
            with pytest.raises(IllegalTransition):
                steps[action]()
    confirmation.refresh_from_db()
    assert confirmation.state == (CONFIRMATION_MACHINE[action].target if state == "asked" else state)
    assert (DeliveredCase.objects.get(pk=case.pk).confirmed_at is not None) == (
        state == "asked" and action == "confirm"
    )


def test_a_refusal_without_a_reason_is_refused_by_the_machine(case, staff):
    confirmation = ask(case, staff, address=MAIL)
    with pytest.raises(GuardFailed):
        answered(confirmation, None, confirmed=False, reason=" ", name="李工")
    assert state_of(case) == "asked"


def test_a_mail_that_may_have_been_sent_is_not_sent_again(case, staff, client):
    confirmation = ask(case, staff, address=MAIL)
    CaseConfirmation.objects.filter(pk=confirmation.pk).update(mail_state="sending")
    drain()
    confirmation.refresh_from_db()
    assert (confirmation.mail_state, mails()) == ("uncertain", [])
    client.force_login(staff)
    page = client.get(reverse("vendors:cases", args=[case.capability.key])).content.decode()
    assert "邮件可能没有送达" in page


def test_the_api_says_how_a_case_stands(case, staff, client):
    address = f"/api/v1/capabilities/{case.capability.key}/"
    assert client.get(address).json()["cases"][0]["confirmation"] == "unconfirmed"
    ask(case, staff, address=MAIL)
    shown = client.get(address).json()["cases"][0]
    assert (shown["confirmation"], shown["confirmation_label"], shown["confirmed_at"]) == ("asked", "待客户确认", None)
    assert MAIL not in str(shown)


def test_the_vendor_asks_on_a_page(case, staff, client):
    client.force_login(staff)
    address = reverse("vendors:case_ask", args=[case.capability.key, case.pk])
    assert address in client.get(reverse("vendors:cases", args=[case.capability.key])).content.decode()
    refused = client.post(address, {"customer": "示例公路局", "address": ""})
    assert refused.status_code == 400
    assert "请填写客户的电子邮箱" in refused.content.decode()
    assert client.post(address, {"customer": "示例公路局", "address": MAIL}).status_code == 302
    assert state_of(case) == "asked"
