"""The vendor's pages and the verifiers': profile, capability by sections, credentials, cases, verification."""

import pytest
from django.urls import reverse

from accounts.enums import OrganisationKind, Role
from tests.factories import make_capability, make_listed_capability, make_organisation, make_person, make_vendor
from vendors import services
from vendors.enums import CapabilityState
from vendors.models import Capability, Credential, DeliveredCase, VendorProfile

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture
def firm():
    return make_organisation(kind=OrganisationKind.ENTERPRISE)


@pytest.fixture
def staff(firm):
    return make_person(Role.VENDOR_STAFF, organisation=firm)


@pytest.fixture
def desk(staff, sign_in):
    return sign_in(staff)


@pytest.fixture
def capability(firm):
    return make_capability(make_vendor(firm))


@pytest.fixture
def verifier(sign_in, firm):
    return sign_in(make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code=firm.region.code)))


def test_profile_is_opened_on_first_visit_and_saved(desk, firm):
    assert desk.get(reverse("vendors:profile")).status_code == 200
    desk.post(reverse("vendors:profile"), {"main_business": "监测", "accepts_recommendations": "on"})
    assert VendorProfile.objects.get(organisation=firm).main_business == "监测"


def test_profile_with_a_bad_address_keeps_what_was_typed(desk, firm):
    response = desk.post(reverse("vendors:profile"), {"main_business": "监测", "website": "不是网址"})
    html = response.content.decode()
    assert response.status_code == 400
    assert "不是网址" in html
    assert 'href="#id_website"' in html
    assert VendorProfile.objects.get(organisation=firm).main_business == ""


def test_only_vendor_staff_reach_the_desk(sign_in):
    client = sign_in(make_person(Role.DEMAND_SUBMITTER))
    for name in ("vendors:profile", "vendors:own", "vendors:create", "vendors:credentials", "matching:recommended"):
        assert client.get(reverse(name)).status_code == 403
    assert VendorProfile.objects.count() == 0


def test_a_capability_begins_and_grows_by_sections(desk):
    response = desk.post(reverse("vendors:create"), {"title": "桥梁监测", "summary": ""})
    made = Capability.objects.get()
    assert response["Location"] == reverse("vendors:edit", args=[made.key])
    desk.post(
        reverse("vendors:section", args=[made.key, "service"]),
        {"version": made.document_version, "serves_whole_province": "on", "price_text": "20万元至60万元"},
    )
    made.refresh_from_db()
    assert (made.price_min_fen, made.price_max_fen, made.serves_whole_province) == (20_000_000, 60_000_000, True)


def test_every_section_opens(desk, capability):
    for name in ("basics", "content", "service"):
        assert desk.get(reverse("vendors:section", args=[capability.key, name])).status_code == 200
    assert desk.get(reverse("vendors:section", args=[capability.key, "none"])).status_code == 404


def test_autosave_and_conflict(desk, capability):
    address = reverse("vendors:section", args=[capability.key, "content"])
    stale = capability.document_version
    answer = desk.post(address, {"version": stale, "description": "先"}, headers={"accept": "application/json"})
    assert answer.json()["saved_at"] == "10:00:00"
    refused = desk.post(address, {"version": stale, "description": "后来写的"})
    capability.refresh_from_db()
    assert refused.status_code == 409
    assert "后来写的" in refused.content.decode()
    assert capability.description == "先"


def test_another_vendor_does_not_see_the_draft(sign_in, capability):
    other = sign_in(make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind=OrganisationKind.ENTERPRISE)))
    for name in ("vendors:edit", "vendors:members", "vendors:cases", "vendors:capability"):
        assert other.get(reverse(name, args=[capability.key])).status_code == 404


def test_an_untouched_section_is_not_begun_and_none_is_done_before_it_is_filled(desk, firm):
    bare = Capability.objects.create(vendor=make_vendor(firm), title="只有名称")
    sections = desk.get(reverse("vendors:edit", args=[bare.key])).context["sections"]
    assert [section["state"] for section in sections] == ["in_progress", "not_started", "not_started"]


def test_incomplete_capability_is_not_submitted(desk, firm):
    capability = make_capability(make_vendor(firm), description="短", category=None)
    response = desk.post(reverse("vendors:submit", args=[capability.key]))
    capability.refresh_from_db()
    assert response.status_code == 409
    assert "请选择“应用领域”" in response.content.decode()
    assert capability.state == CapabilityState.DRAFT


def test_capability_is_submitted_verified_and_listed_through_pages(desk, verifier, visitor, capability):
    desk.post(reverse("vendors:submit", args=[capability.key]))
    assert capability.title in verifier.get(reverse("vendors:verification_queue")).content.decode()
    page = reverse("vendors:verification", args=[capability.key])
    assert verifier.get(page).status_code == 200
    verifier.post(page, {"action": "verify", "comment": "材料齐全"})
    capability.refresh_from_db()
    assert capability.state == CapabilityState.LISTED
    assert visitor.get(reverse("vendors:capability", args=[capability.code])).status_code == 200


def test_return_without_defects_is_refused_and_keeps_the_comment(desk, verifier, capability):
    desk.post(reverse("vendors:submit", args=[capability.key]))
    response = verifier.post(
        reverse("vendors:verification", args=[capability.key]), {"action": "return", "comment": "请完善"}
    )
    capability.refresh_from_db()
    assert response.status_code == 400
    assert "请完善" in response.content.decode()
    assert capability.state == CapabilityState.SUBMITTED


def test_returned_capability_shows_every_defect(desk, verifier, capability):
    desk.post(reverse("vendors:submit", args=[capability.key]))
    verifier.post(
        reverse("vendors:verification", args=[capability.key]),
        {"action": "return", "defects": "缺检测报告\n\n价格不明"},
    )
    html = desk.get(reverse("vendors:edit", args=[capability.key])).content.decode()
    assert "缺检测报告" in html
    assert "价格不明" in html


def test_nobody_verifies_their_own(sign_in, desk, staff, capability):
    desk.post(reverse("vendors:submit", args=[capability.key]))
    own = sign_in(make_person(Role.FIRST_REVIEWER, organisation=capability.vendor.organisation))
    assert own.get(reverse("vendors:verification", args=[capability.key])).status_code == 404


def test_listed_capability_is_taken_down_to_edit(desk, firm):
    capability = make_listed_capability(make_vendor(firm))
    response = desk.post(reverse("vendors:act", args=[capability.key, "edit"]), {})
    capability.refresh_from_db()
    assert response["Location"] == reverse("vendors:edit", args=[capability.key])
    assert capability.state == CapabilityState.DRAFT


def test_suspension_needs_a_reason(sign_in, firm):
    capability = make_listed_capability(make_vendor(firm))
    province = sign_in(make_person(Role.PROVINCIAL_REVIEWER))
    address = reverse("vendors:act", args=[capability.key, "suspend"])
    assert province.post(address, {"comment": ""}).status_code == 400
    capability.refresh_from_db()
    assert capability.state == CapabilityState.LISTED
    province.post(address, {"comment": "资质到期"})
    capability.refresh_from_db()
    assert capability.state == CapabilityState.SUSPENDED


def test_credential_with_its_end_before_its_beginning_is_refused(desk, firm):
    make_vendor(firm)
    values = {"name": "等级证书", "kind": "qualification", "valid_from": "2026-05-01", "valid_until": "2026-04-01"}
    response = desk.post(reverse("vendors:credentials"), values)
    assert response.status_code == 400
    assert "有效期止早于有效期起" in response.content.decode()
    assert Credential.objects.count() == 0
    desk.post(reverse("vendors:credentials"), values | {"valid_until": "2028-04-01"})
    kept = Credential.objects.get()
    assert "等级证书" in desk.get(reverse("vendors:credential", args=[kept.pk])).content.decode()
    desk.post(reverse("vendors:credential_remove", args=[kept.pk]))
    assert Credential.objects.count() == 0


def test_case_amount_is_read_and_a_wrong_one_named(desk, capability):
    address = reverse("vendors:cases", args=[capability.key])
    values = {"title": "某桥监测", "customer": "示例公路局", "amount": "八成"}
    response = desk.post(address, values)
    assert response.status_code == 400
    assert 'href="#id_amount"' in response.content.decode()
    assert DeliveredCase.objects.count() == 0
    desk.post(address, values | {"amount": "86万元"})
    kept = DeliveredCase.objects.get()
    assert kept.amount_fen == 86_000_000
    assert desk.get(reverse("vendors:case", args=[capability.key, kept.pk])).status_code == 200
    desk.post(reverse("vendors:case_remove", args=[capability.key, kept.pk]))
    assert DeliveredCase.objects.count() == 0


def test_members_are_named_and_repeated_ones_refused(desk, capability):
    address = reverse("vendors:members", args=[capability.key])
    frame = {"members-TOTAL_FORMS": 2, "members-INITIAL_FORMS": 0}
    twice = frame | {"members-0-name": "甲公司", "members-1-name": "甲公司"}
    response = desk.post(address, twice)
    assert response.status_code == 400
    assert "甲公司" in response.content.decode()
    assert capability.members.count() == 0
    desk.post(address, frame | {"members-0-name": "甲公司", "members-0-contribution": "设备", "members-1-name": ""})
    assert [member.name for member in capability.members.all()] == ["甲公司"]


def test_own_list_costs_the_same_for_one_and_three_rows(desk, capability, django_assert_max_num_queries):
    with django_assert_max_num_queries(15) as one:
        desk.get(reverse("vendors:own"))
    make_capability(capability.vendor, title="乙")
    make_capability(capability.vendor, title="丙")
    with django_assert_max_num_queries(15) as three:
        desk.get(reverse("vendors:own"))
    assert len(one) == len(three)


def test_verification_queue_costs_the_same_for_one_and_three_rows(
    verifier, staff, capability, django_assert_max_num_queries
):
    services.capability_submit(capability_id=capability.pk, acting_user=staff)
    with django_assert_max_num_queries(15) as one:
        verifier.get(reverse("vendors:verification_queue"))
    for title in ("乙", "丙"):
        other = make_capability(capability.vendor, title=title)
        services.capability_submit(capability_id=other.pk, acting_user=staff)
    with django_assert_max_num_queries(15) as three:
        verifier.get(reverse("vendors:verification_queue"))
    assert len(one) == len(three)
