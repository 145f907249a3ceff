"""A name that reads like an authority's waits for a reviewer before it shows anywhere (issue 11)."""

import pytest
from django.urls import reverse

from accounts import naming, services
from accounts.enums import OrganisationKind, OrganisationState, Role
from accounts.models import Organisation
from core.errors import DomainError, GuardFailed, InvalidInput, NotPermitted
from core.unified_code import fictional_code
from tests.factories import make_organisation, make_person, region

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

AUTHORITY = "山东省科学技术厅"
ALIKE = [
    "山东省科学技术厅",
    "山东 省科学技术厅",
    "山东省科学技术厅 ",
    "山东省（科学技术）厅",
    "山东科学技术厅",
    "科学技术厅",
    "山东省科學技術廳",
    "山东省科学技术庁",
    "山东省科学技\u200b术厅",
    "中华人民共和国山东省科学技术厅",
    "⼭东省科学技术厅",
    "「山东省科学技术厅」",
]
DIFFERENT = [
    "济南市科学技术局",
    "山东省科学技术馆",
    "山东科学技术厅服务有限公司",
    "青岛市科学技术厅",
    "济南示例软件有限公司",
]


def register(name: str, *, number: int = 1, kind: str = "enterprise", **values: object) -> Organisation:
    return services.organisation_register(
        values={
            "name": name,
            "kind": kind,
            "unified_code": fictional_code("91", "370100", number),
            "region": region(),
            **values,
        },
        acting_user=make_person(),
    )


@pytest.fixture
def authority() -> Organisation:
    return make_organisation(AUTHORITY, region_code="370000", level="province")


@pytest.mark.parametrize("name", ALIKE)
def test_what_reads_alike_is_held_under_a_neutral_name(authority, name):
    made = register(name)
    assert made.claimed_name == name.strip()
    assert made.name.startswith("名称核对中的机构（")


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_reads_differently_is_not(authority, name):
    made = register(name)
    assert (made.name, made.claimed_name) == (name, "")


def test_latin_letters_that_look_alike_and_width_and_case(authority):
    make_organisation("山东大数据中心ABC", kind=OrganisationKind.INSTITUTION)
    for number, name in enumerate(("山东大数据中心ａｂｃ", "山东大数据中心АВС".replace("В", "b").replace("С", "c"))):
        assert register(name, number=number + 1).claimed_name == name


def test_the_same_office_of_another_place_is_another_office():
    make_organisation("济南市科学技术局")
    assert register("青岛市科学技术局").claimed_name == ""
    assert register("济南科学技术局", number=2).claimed_name == "济南科学技术局"


def test_nothing_shows_the_name_until_a_reviewer_confirms_it(authority, sign_in, visitor):
    made = register(AUTHORITY)
    manager = made.memberships.get().user
    with pytest.raises(GuardFailed) as refusal:
        services.organisation_transition(organisation_id=made.pk, action="request_verification", acting_user=manager)
    assert [reason.code for reason in refusal.value.reasons] == ["name_waits"]
    assert AUTHORITY not in sign_in(manager).get(reverse("desk")).content.decode()

    reviewer = make_person(Role.FIRST_REVIEWER)
    queue = sign_in(reviewer).get(reverse("accounts:verification_queue")).content.decode()
    assert AUTHORITY in queue
    sign_in(reviewer).post(reverse("accounts:decide_name", args=[made.public_id, "confirm"]))
    made.refresh_from_db()
    assert (made.name, made.claimed_name) == (AUTHORITY, "")


def test_refused_it_has_to_choose_another_name(authority):
    made = register(AUTHORITY)
    manager = made.memberships.get().user
    naming.name_decide(organisation_id=made.pk, confirmed=False, acting_user=make_person(Role.FIRST_REVIEWER))
    with pytest.raises(GuardFailed) as refusal:
        services.organisation_transition(organisation_id=made.pk, action="request_verification", acting_user=manager)
    assert [reason.code for reason in refusal.value.reasons] == ["name_refused"]
    services.organisation_update(organisation_id=made.pk, values={"name": "济南示例公司"}, acting_user=manager)
    services.organisation_transition(organisation_id=made.pk, action="request_verification", acting_user=manager)
    made.refresh_from_db()
    assert (made.name, made.state) == ("济南示例公司", OrganisationState.PENDING)


def test_renaming_later_is_no_way_round_and_saving_something_else_keeps_it_waiting(authority):
    made = register("济南示例公司")
    manager = made.memberships.get().user
    services.organisation_update(organisation_id=made.pk, values={"name": AUTHORITY}, acting_user=manager)
    made.refresh_from_db()
    assert made.claimed_name == AUTHORITY
    services.organisation_update(
        organisation_id=made.pk, values={"name": made.name, "address": "新址"}, acting_user=manager
    )
    made.refresh_from_db()
    assert (made.claimed_name, made.address) == (AUTHORITY, "新址")


def test_nor_is_the_short_name(authority):
    with pytest.raises(InvalidInput) as refusal:
        register("济南示例公司", short_name=AUTHORITY)
    assert list(refusal.value.fields) == ["short_name"]
    assert Organisation.objects.count() == 1


def test_only_a_reviewer_of_the_place_decides_and_only_once(authority):
    made = register(AUTHORITY)
    manager = made.memberships.get().user
    elsewhere = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370200"))
    for person in (manager, elsewhere, make_person(Role.SYSTEM_ADMINISTRATOR)):
        with pytest.raises(NotPermitted):
            naming.name_decide(organisation_id=made.pk, confirmed=True, acting_user=person)
    naming.name_decide(organisation_id=made.pk, confirmed=True, acting_user=make_person(Role.PROVINCIAL_REVIEWER))
    with pytest.raises(DomainError) as refusal:
        naming.name_decide(organisation_id=made.pk, confirmed=True, acting_user=make_person(Role.FIRST_REVIEWER))
    assert refusal.value.code == "no_name_waits"
