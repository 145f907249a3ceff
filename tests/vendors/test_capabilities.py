"""The machine of a capability, its validity, and who may verify what (issue 3, point 6)."""

import itertools
from datetime import date, timedelta

import pytest

from accounts.enums import OrganisationState, Role
from core.clock import frozen
from core.errors import EditConflict, GuardFailed, IllegalTransition, InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry, OutboxEvent
from tests.factories import make_capability, make_listed_capability, make_organisation, make_person, make_vendor
from vendors import selectors, services
from vendors.enums import CapabilityState
from vendors.models import Capability, Credential, DeliveredCase
from vendors.states import CAPABILITY_MACHINE

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

ACTORS = {
    "submit": "staff",
    "list": "staff",
    "renew": "staff",
    "extend": "staff",
    "edit": "staff",
    "withdraw": "staff",
    "verify": "city",
    "verify_and_list": "city",
    "return": "city",
    "suspend": "province",
    "resume": "province",
    "expire": None,
}
CONTEXT = {"comment": "理由", "defects": [{"field": "title", "reason": "请写具体"}]}


@pytest.fixture
def people(clock):
    vendor = make_vendor()
    return {
        "vendor": vendor,
        "staff": make_person(Role.VENDOR_STAFF, organisation=vendor.organisation),
        "city": make_person(Role.FIRST_REVIEWER),
        "province": make_person(Role.PROVINCIAL_REVIEWER),
        "stranger": make_person(Role.VENDOR_STAFF),
        None: None,
    }


def test_every_action_has_an_actor_in_this_table():
    assert set(ACTORS) == set(CAPABILITY_MACHINE)


@pytest.mark.parametrize(("state", "action"), list(itertools.product(CapabilityState.values, CAPABILITY_MACHINE)))
def test_each_state_and_action_either_moves_as_the_table_says_or_changes_nothing(state, action, people):
    capability = make_capability(people["vendor"], state=state, expires_on=date(2026, 12, 24))
    before = Capability.objects.filter(pk=capability.pk).values().get()
    audits, events = AuditEntry.objects.count(), OutboxEvent.objects.count()

    if state in CAPABILITY_MACHINE[action].sources:
        services._move(services.locked_capability(capability.pk), action, people[ACTORS[action]], context=CONTEXT)
        assert Capability.objects.get(pk=capability.pk).state == CAPABILITY_MACHINE[action].target
        assert (AuditEntry.objects.count(), OutboxEvent.objects.count()) == (audits + 1, events + 2)
    else:
        with pytest.raises(IllegalTransition):
            services._move(services.locked_capability(capability.pk), action, people[ACTORS[action]], context=CONTEXT)
        assert Capability.objects.filter(pk=capability.pk).values().get() == before
        assert (AuditEntry.objects.count(), OutboxEvent.objects.count()) == (audits, events)


@pytest.mark.parametrize("action", list(CAPABILITY_MACHINE))
def test_a_stranger_is_refused_every_action(action, people):
    state = sorted(CAPABILITY_MACHINE[action].sources)[0]
    capability = make_capability(people["vendor"], state=state)

    with pytest.raises(NotPermitted):
        services._move(services.locked_capability(capability.pk), action, people["stranger"], context=CONTEXT)

    assert Capability.objects.get(pk=capability.pk).state == state
    assert OutboxEvent.objects.count() == 0


def test_verification_puts_it_on_the_shelf_for_twelve_months_with_a_number(people):
    capability = make_capability(people["vendor"])
    services.capability_submit(capability_id=capability.pk, acting_user=people["staff"])

    services.capability_verify(capability_id=capability.pk, acting_user=people["city"])

    capability.refresh_from_db()
    assert capability.state == CapabilityState.LISTED
    assert capability.code == f"C{capability.pk:06d}"
    assert capability.expires_on == date(2027, 11, 24)


def test_what_is_past_its_twelve_months_is_taken_down_by_the_clock_and_only_then(people, clock):
    capability = make_listed_capability(people["vendor"])

    with frozen(clock + timedelta(days=365)):
        assert services.capabilities_expire() == 0
    with frozen(clock + timedelta(days=366)):
        assert services.capabilities_expire() == 1
        assert services.capabilities_expire() == 0

    capability.refresh_from_db()
    assert capability.state == CapabilityState.EXPIRED


def test_extension_is_possible_in_the_last_sixty_days_and_adds_twelve_months(people, clock):
    capability = make_listed_capability(people["vendor"])
    with pytest.raises(GuardFailed):
        services.capability_act(capability_id=capability.pk, action="extend", acting_user=people["staff"])

    with frozen(clock + timedelta(days=320)):
        services.capability_act(capability_id=capability.pk, action="extend", acting_user=people["staff"])

    capability.refresh_from_db()
    assert (capability.state, capability.expires_on) == (CapabilityState.LISTED, date(2028, 11, 23))


def test_an_unverified_organisation_cannot_submit(people):
    vendor = make_vendor(make_organisation(kind="enterprise", state=OrganisationState.UNVERIFIED))
    staff = make_person(Role.VENDOR_STAFF, organisation=vendor.organisation)
    capability = make_capability(vendor)

    with pytest.raises(GuardFailed) as refusal:
        services.capability_submit(capability_id=capability.pk, acting_user=staff)

    assert [reason.code for reason in refusal.value.reasons] == ["vendor_not_verified"]


def test_submission_tells_all_that_is_missing_at_once(people):
    capability = make_capability(
        people["vendor"], description="请致电 13800138000 洽谈", category=None, serves_whole_province=False
    )

    with pytest.raises(GuardFailed) as refusal:
        services.capability_submit(capability_id=capability.pk, acting_user=people["staff"])

    assert sorted((reason.field, reason.code) for reason in refusal.value.reasons) == [
        ("category", "required"),
        ("description", "personal_information"),
        ("description", "too_short"),
        ("service_regions", "required"),
    ]
    assert Capability.objects.get(pk=capability.pk).state == CapabilityState.DRAFT


def test_nobody_verifies_a_capability_of_an_organisation_they_belong_to(people):
    capability = make_capability(people["vendor"], state=CapabilityState.SUBMITTED)
    both = make_person(Role.FIRST_REVIEWER)
    both.memberships.create(organisation=people["vendor"].organisation)

    with pytest.raises(NotPermitted):
        services.capability_verify(capability_id=capability.pk, acting_user=both)
    assert list(selectors.verification_queue(both)) == []


def test_a_price_is_kept_as_money_and_as_typed(people):
    capability = services.capability_create(
        acting_user=people["staff"], values={"title": "数据治理服务", "price_text": "20-80万元"}
    )

    assert (capability.price_min_fen, capability.price_max_fen, capability.price_text) == (
        20_000_000,
        80_000_000,
        "20-80万元",
    )


def test_a_stale_save_is_refused_and_overwrites_nothing(people):
    capability = make_capability(people["vendor"])
    version = capability.document_version
    services.capability_save(
        capability_id=capability.pk,
        acting_user=people["staff"],
        values={"summary": "先到的"},
        expected_version=version,
    )

    with pytest.raises(EditConflict):
        services.capability_save(
            capability_id=capability.pk,
            acting_user=people["staff"],
            values={"summary": "后到的"},
            expected_version=version,
        )

    assert Capability.objects.get(pk=capability.pk).summary == "先到的"


def test_partners_are_named_once_and_never_the_vendor_itself(people):
    capability = make_capability(people["vendor"])
    services.capability_members_set(
        capability_id=capability.pk,
        acting_user=people["staff"],
        members=[{"name": "合作研究院", "contribution": "算法"}],
    )

    for members in ([{"name": "甲"}, {"name": "甲"}], [{"name": people["vendor"].organisation.name}], [{"name": ""}]):
        with pytest.raises(InvalidInput):
            services.capability_members_set(capability_id=capability.pk, acting_user=people["staff"], members=members)

    assert list(capability.members.values_list("name", flat=True)) == ["合作研究院"]


def test_credentials_count_only_while_in_force(people):
    for name, start, end in (
        ("在期", date(2026, 1, 1), date(2026, 12, 31)),
        ("过期", date(2020, 1, 1), date(2026, 11, 23)),
        ("未到", date(2027, 1, 1), None),
        ("长期", None, None),
    ):
        services.credential_save(
            profile_id=people["vendor"].pk,
            acting_user=people["staff"],
            name=name,
            valid_from=start,
            valid_until=end,
        )

    in_force = Credential.objects.in_force(date(2026, 11, 24)).values_list("name", flat=True)
    assert sorted(in_force) == ["在期", "长期"]


def test_a_credential_that_ends_before_it_begins_is_refused(people):
    with pytest.raises(InvalidInput):
        services.credential_save(
            profile_id=people["vendor"].pk,
            acting_user=people["staff"],
            name="颠倒",
            valid_from=date(2026, 2, 1),
            valid_until=date(2026, 1, 1),
        )
    assert Credential.objects.count() == 0


def test_a_case_in_the_future_is_refused_and_a_changed_case_is_unconfirmed_again(people, clock):
    capability = make_capability(people["vendor"])
    with pytest.raises(InvalidInput):
        services.case_save(
            capability_id=capability.pk,
            acting_user=people["staff"],
            title="项目",
            customer="客户",
            delivered_on=date(2026, 11, 25),
        )
    case = services.case_save(capability_id=capability.pk, acting_user=people["staff"], title="项目", customer="客户")
    DeliveredCase.objects.filter(pk=case.pk).update(confirmed_at=clock, satisfaction=5)

    services.case_save(
        capability_id=capability.pk, acting_user=people["staff"], title="改名", customer="客户", case_id=case.pk
    )

    case.refresh_from_db()
    assert (case.title, case.confirmed_at, case.satisfaction) == ("改名", None, None)


def test_a_draft_is_there_for_its_vendor_and_missing_for_everybody_else(people):
    capability = make_capability(people["vendor"])

    assert selectors.capability_for(people["staff"], str(capability.public_id)) == capability
    for stranger in (people["stranger"], people["city"], people["province"]):
        with pytest.raises(ObjectNotFound):
            selectors.capability_for(stranger, str(capability.public_id))
