"""People and organisations through their pages: register, verify, members and roles, tokens, accounts, desks."""

import re

import pytest
from django.urls import reverse

from accounts.enums import OrganisationKind, OrganisationState, Role
from accounts.models import AccessToken, Membership, MembershipInvitation, Organisation, RoleGrant, User
from core.clock import now
from core.unified_code import fictional_code
from tests.factories import make_organisation, make_person, region

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]

ROLE_DESKS = tuple(Role)


@pytest.mark.parametrize("role", ROLE_DESKS)
def test_every_role_has_a_desk(sign_in, role):
    response = sign_in(make_person(role)).get(reverse("desk"))
    assert response.status_code == 200
    assert "工作台" in response.content.decode()


def test_somebody_without_organisation_is_shown_the_way(sign_in):
    html = sign_in(make_person()).get(reverse("desk")).content.decode()
    assert "您还没有加入机构" in html
    assert reverse("accounts:register") in html


def values(**changes):
    return {
        "name": "济南示例软件有限公司",
        "unified_code": fictional_code("91", "370100", 77),
        "kind": "enterprise",
        "level": "city",
        "region": region("370100").pk,
    } | changes


def test_registering_makes_the_registrant_its_manager(sign_in):
    person = make_person()
    sign_in(person).post(reverse("accounts:register"), values())
    made = Organisation.objects.get()
    roles = set(RoleGrant.objects.filter(membership__user=person).values_list("role", flat=True))
    assert made.state == OrganisationState.UNVERIFIED
    assert Role.ORGANISATION_MANAGER in roles


def test_wrong_code_comes_back_with_everything_typed(sign_in):
    response = sign_in(make_person()).post(reverse("accounts:register"), values(unified_code="91370200165362681G"))
    html = response.content.decode()
    assert response.status_code == 400
    assert 'href="#id_unified_code"' in html
    assert "91370200165362681G" in html
    assert "济南示例软件有限公司" in html
    assert Organisation.objects.count() == 0


def test_missing_name_and_kind_are_both_named(sign_in):
    html = sign_in(make_person()).post(reverse("accounts:register"), values(name="", kind="")).content.decode()
    assert "请填写“名称”。" in html
    assert "请选择“类型”。" in html


def test_verification_is_asked_for_and_given(sign_in):
    organisation = make_organisation(kind=OrganisationKind.ENTERPRISE, state=OrganisationState.UNVERIFIED)
    manager = sign_in(make_person(Role.ORGANISATION_MANAGER, organisation=organisation))
    manager.post(reverse("accounts:act", args=[organisation.public_id, "request_verification"]))
    city = sign_in(make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100")))
    assert organisation.name in city.get(reverse("accounts:verification_queue")).content.decode()
    city.post(reverse("accounts:act", args=[organisation.public_id, "verify"]), {"comment": ""})
    organisation.refresh_from_db()
    assert organisation.state == OrganisationState.VERIFIED


def test_return_without_comment_is_refused(sign_in):
    organisation = make_organisation(state=OrganisationState.PENDING)
    city = sign_in(make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100")))
    response = city.post(reverse("accounts:act", args=[organisation.public_id, "return"]), {"comment": ""})
    organisation.refresh_from_db()
    assert response.status_code == 400
    assert 'href="#id_comment"' in response.content.decode()
    assert organisation.state == OrganisationState.PENDING


def test_a_stranger_does_not_see_an_organisations_page(sign_in):
    organisation = make_organisation()
    client = sign_in(make_person(Role.VENDOR_STAFF))
    for name in ("accounts:organisation", "accounts:edit_organisation"):
        assert client.get(reverse(name, args=[organisation.public_id])).status_code == 404


def test_verified_name_is_not_changed(sign_in):
    organisation = make_organisation(name="原名称")
    manager = sign_in(make_person(Role.ORGANISATION_MANAGER, organisation=organisation))
    response = manager.post(
        reverse("accounts:edit_organisation", args=[organisation.public_id]),
        values(name="新名称", unified_code=organisation.unified_code, kind=organisation.kind),
    )
    organisation.refresh_from_db()
    assert response.status_code == 400
    assert "新名称" in response.content.decode()
    assert organisation.name == "原名称"


def test_switching_changes_who_one_acts_for(sign_in):
    first, second = make_organisation(), make_organisation()
    person = make_person(Role.DEMAND_SUBMITTER, organisation=first)
    Membership.objects.create(user=person, organisation=second)
    client = sign_in(person)
    assert second.name in client.get(reverse("accounts:organisations")).content.decode()
    client.post(reverse("accounts:switch"), {"organisation": second.public_id})
    person.refresh_from_db()
    assert person.current_organisation == second


@pytest.mark.parametrize("wanted", ["", "x", "a60bbe41-cd6a-43d7-b295-26589d2d7417"])
def test_switching_to_a_strange_organisation_is_not_found(sign_in, wanted):
    person = make_person(Role.DEMAND_SUBMITTER)
    before = person.current_organisation_id
    assert sign_in(person).post(reverse("accounts:switch"), {"organisation": wanted}).status_code == 404
    person.refresh_from_db()
    assert person.current_organisation_id == before


def test_member_is_invited_accepts_is_given_roles_and_leaves(sign_in):
    organisation = make_organisation()
    manager = sign_in(make_person(Role.ORGANISATION_MANAGER, organisation=organisation))
    newcomer = make_person(username="newcomer")
    manager.post(reverse("accounts:members", args=[organisation.public_id]), {"username": "newcomer"})
    assert not Membership.objects.filter(user=newcomer).exists()
    desk = sign_in(newcomer)
    assert organisation.name in desk.get(reverse("desk")).content.decode()
    invitation = MembershipInvitation.objects.get()
    assert (
        reverse("accounts:accept_invitation", args=[invitation.public_id])
        in desk.get(reverse("accounts:invitations")).content.decode()
    )
    desk.post(reverse("accounts:accept_invitation", args=[invitation.public_id]))
    membership = Membership.objects.get(user=newcomer)
    page = reverse("accounts:roles", args=[organisation.public_id, membership.pk])
    manager.post(page, {"roles": [Role.DEMAND_SUBMITTER]})
    assert [grant.role for grant in membership.grants.all()] == [Role.DEMAND_SUBMITTER]
    refused = manager.post(page, {"roles": [Role.PROVINCIAL_REVIEWER]})
    assert refused.status_code == 400
    assert [grant.role for grant in membership.grants.all()] == [Role.DEMAND_SUBMITTER]
    manager.post(reverse("accounts:end_member", args=[organisation.public_id, membership.pk]))
    membership.refresh_from_db()
    assert membership.ended_at is not None


def test_security_administrator_grants_platform_roles(sign_in):
    member = make_person(Role.DEMAND_SUBMITTER)
    membership = member.memberships.get()
    client = sign_in(make_person(Role.SECURITY_ADMINISTRATOR))
    assert membership.organisation.name in client.get(reverse("accounts:grants")).content.decode()
    client.post(
        reverse("accounts:roles", args=[membership.organisation.public_id, membership.pk]),
        {"roles": [Role.FIRST_REVIEWER]},
    )
    assert [grant.role for grant in membership.grants.all()] == [Role.FIRST_REVIEWER]


def test_system_administrator_makes_an_account_without_roles(sign_in):
    client = sign_in(make_person(Role.SYSTEM_ADMINISTRATOR))
    address = reverse("accounts:create_account")
    given = {"username": "li", "display_name": "李", "email": "li@example.org", "password": "123456789012"}
    refused = client.post(address, given)
    assert refused.status_code == 400
    assert not User.objects.filter(username="li").exists()
    client.post(address, given | {"password": "a-long-enough-phrase"})
    assert User.objects.get(username="li").memberships.count() == 0


def test_token_is_shown_once(sign_in):
    client = sign_in(make_person(Role.DEMAND_SUBMITTER))
    address = reverse("accounts:tokens")
    html = client.post(address, {"name": "数据交换", "scope": "read", "days": "90"}).content.decode()
    kept = AccessToken.objects.get()
    assert kept.prefix in html
    assert "smt_" in html
    later = client.get(address).content.decode()
    assert later.count("smt_") == 1
    client.post(reverse("accounts:revoke_token", args=[kept.pk]))
    kept.refresh_from_db()
    assert kept.revoked_at is not None


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("operations", Role.OPERATOR),
        ("audit", Role.AUDIT_ADMINISTRATOR),
        ("accounts:grants", Role.SECURITY_ADMINISTRATOR),
        ("accounts:create_account", Role.SYSTEM_ADMINISTRATOR),
        ("accounts:verification_queue", Role.FIRST_REVIEWER),
    ],
)
def test_page_of_one_role_is_closed_to_others(sign_in, name, role):
    assert sign_in(make_person(role)).get(reverse(name)).status_code == 200
    assert sign_in(make_person(Role.DEMAND_SUBMITTER)).get(reverse(name)).status_code == 403


def test_audit_chain_can_be_checked_from_its_page(sign_in):
    html = sign_in(make_person(Role.AUDIT_ADMINISTRATOR)).get(reverse("audit"), {"verify": "1"}).content.decode()
    assert "校验通过" in html


def test_account_page_lists_roles(sign_in):
    html = sign_in(make_person(Role.LIST_EDITOR)).get(reverse("accounts:profile")).content.decode()
    assert "清单编制人" in html


# --- what a walk through the pages found (issue 12) -----------------------------------------------------------------


def test_a_reload_of_the_page_with_the_secret_makes_no_second_token(sign_in):
    client = sign_in(make_person(Role.DEMAND_SUBMITTER))
    address = reverse("accounts:tokens")
    page = client.get(address).content.decode()
    once = re.search(r'name="once" value="([0-9a-f-]{36})"', page)[1]
    given = {"name": "数据交换", "scope": "read", "days": "90", "once": once}
    assert "令牌已生成" in client.post(address, given).content.decode()

    again = client.post(address, given, follow=True).content.decode()

    assert AccessToken.objects.count() == 1
    assert "这张表已经生成过令牌" in again
    assert "令牌已生成" not in again
    fresh = re.search(r'name="once" value="([0-9a-f-]{36})"', again)[1]
    client.post(address, given | {"once": fresh})
    assert AccessToken.objects.count() == 2


def test_an_invitation_stands_on_the_page_of_ones_organisations(sign_in):
    organisation = make_organisation("邀请单位")
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=organisation)
    person = make_person(username="newcomer")
    page = reverse("accounts:organisations")
    assert "邀请您加入的机构" not in sign_in(person).get(page).content.decode()
    sign_in(manager).post(reverse("accounts:members", args=[organisation.public_id]), {"username": "newcomer"})

    html = sign_in(person).get(page).content.decode()

    assert "邀请单位" in html
    assert reverse("accounts:invitations") in html


def test_a_member_leaves_from_the_organisations_own_page(sign_in):
    organisation = make_organisation()
    make_person(Role.ORGANISATION_MANAGER, organisation=organisation)
    member = make_person(Role.DEMAND_SUBMITTER, organisation=organisation)
    reviewer = make_person(Role.PROVINCIAL_REVIEWER)
    page = reverse("accounts:organisation", args=[organisation.public_id])
    leave = reverse("accounts:leave", args=[member.memberships.get().pk])
    assert leave in sign_in(member).get(page).content.decode()
    assert "离开本机构</button>" not in sign_in(reviewer).get(page).content.decode()

    sign_in(member).post(leave)

    assert member.memberships.active().count() == 0


def test_nothing_says_that_somebody_adds_people(visitor, sign_in):
    pages = [
        visitor.get(reverse("account_signup")),
        sign_in(make_person()).get(reverse("accounts:organisations")),
    ]
    for page in pages:
        html = page.content.decode()
        assert "加为成员" not in html
        assert "邀请您" in html


# --- who holds which role ---------------------------------------------------------------------------------------


def test_the_register_of_roles_is_read_by_role_and_by_name(sign_in):
    bureau = make_organisation("省示范局", region_code="370000", level="province")
    approver = make_person(Role.LIST_APPROVER, organisation=bureau, username="shenpi")
    make_person(Role.LIST_EDITOR, organisation=bureau, username="bianzhi")
    gone = make_person(Role.LIST_APPROVER, organisation=bureau, username="zouren")
    gone.memberships.update(ended_at=now())
    client, page = sign_in(make_person(Role.AUDIT_ADMINISTRATOR)), reverse("accounts:holders")

    found = client.get(page, {"role": Role.LIST_APPROVER}).content.decode()

    assert approver.username in found
    assert not {"bianzhi", "zouren"} & set(re.findall(r"[a-z]+", found))
    assert "bianzhi" in client.get(page, {"q": "bianzhi"}).content.decode()
    assert client.get(page, {"role": "nonsense", "q": "没有的"}).status_code == 200


def test_the_register_points_at_what_would_not_be_given_today(sign_in):
    vendor = make_organisation("示例软件公司", kind="enterprise", level="province")
    make_person(Role.VENDOR_STAFF, Role.SUPERVISOR, organisation=vendor, username="xiaoshou")
    html = sign_in(make_person(Role.SECURITY_ADMINISTRATOR)).get(reverse("accounts:holders"), {"q": "xiaoshou"})
    text = html.content.decode()
    assert "“监督人员”只能由省级机关的人员担任，“示例软件公司”登记为省级企业。" in text
    assert text.count("“监督人员”与“供给方经办人”不能由同一人在同一机构兼任。") == 2
    assert text.count("须核实") == 3


@pytest.mark.parametrize("role", Role.values)
def test_the_register_of_roles_opens_for_two_administrators(sign_in, role):
    expected = 200 if role in (Role.SECURITY_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR) else 403
    assert sign_in(make_person(role)).get(reverse("accounts:holders")).status_code == expected
