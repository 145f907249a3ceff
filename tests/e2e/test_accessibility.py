"""axe finds nothing on the main pages, at both widths and with every reading aid; nothing overflows a phone."""

import io

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.management import call_command
from playwright.sync_api import expect

from accounts.enums import OrganisationKind, Role
from accounts.invitations import member_invite
from accounts.models import RoleProposal
from core.relay import drain
from tests.e2e.conftest import WIDTHS
from tests.factories import (
    make_listed_capability,
    make_listed_scenario,
    make_organisation,
    make_person,
    make_scenario,
    make_submittable_scenario,
    make_vendor,
)

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}
PUBLIC = (
    "/",
    "/lists/",
    "/lists/{list}/",
    "/lists/{list}/print/",
    "/scenarios/",
    "/scenarios/{scenario}/",
    "/capabilities/",
    "/capabilities/{capability}/",
    "/vendors/",
    "/vendors/{vendor}/",
    "/search/?q=材料",
    "/search/?q=没有这个词",
    "/about/",
    "/about/matching/",
    "/site-map/",
    "/styleguide/",
    "/account/login/",
    "/account/signup/",
    "/account/password/reset/",
    "/no/such/page/",
)
CLERK = (
    "/desk/",
    "/desk/scenarios/",
    "/desk/scenarios/new/",
    "/desk/scenarios/{draft}/",
    "/desk/scenarios/{draft}/edit/basics/",
    "/desk/scenarios/{draft}/edit/need/",
    "/desk/scenarios/{draft}/edit/eligibility/",
    "/desk/scenarios/{draft}/edit/contact/",
    "/desk/scenarios/{draft}/check/",
    "/desk/scenarios/{draft}/attachments/",
    "/desk/scenarios/import/",
    "/desk/organisations/",
    "/desk/account/",
    "/desk/account/tokens/",
    "/desk/account/invitations/",
    "/desk/account/second-factor/",
    "/desk/account/kept-form/",
    "/desk/organisations/{owner_id}/",
    "/desk/notifications/",
    "/desk/notifications/settings/",
    "/scenarios/{scenario}/",
    "/account/password/change/",
    "/account/email/",
    "/account/2fa/",
    "/account/sessions/",
)
VENDOR = ("/desk/", "/desk/recommended/", "/desk/capabilities/", "/desk/vendor/", "/desk/vendor/credentials/")
REVIEWER = ("/desk/", "/desk/reviews/", "/desk/reviews/{submitted}/", "/desk/capabilities/verification/")
EDITOR = ("/desk/", "/desk/lists/", "/desk/lists/{list}/", "/desk/pool/")

SECURITY = (
    "/desk/",
    "/desk/organisations/grants/",
    "/desk/organisations/grants/holders/",
    "/desk/organisations/grants/proposals/",
    "/desk/organisations/grants/proposals/{proposal}/",
    "/desk/organisations/{owner_id}/members/{member}/roles/",
)


@pytest.fixture
def places(reference_data):
    """One of each thing, and its address."""
    capability = make_listed_capability(make_vendor(make_organisation("示例云岭科技有限公司", kind="enterprise")))
    scenario = make_listed_scenario(make_organisation("示例区政务服务局"))
    draft = make_scenario(scenario.owner, title="未写完的需求", restricts_by=["place"])
    submitted = make_submittable_scenario(make_organisation(), title="待审的需求")
    submitted.state = "submitted"
    submitted.save(update_fields=["state"])
    member = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner).memberships.get()
    proposal = RoleProposal.objects.create(membership=member, role=Role.LIST_EDITOR, grounds="任命文件")
    drain()
    call_command("reindex", stdout=io.StringIO())
    return {
        "capability": capability.key,
        "vendor": capability.vendor.public_id,
        "scenario": scenario.key,
        "list": scenario.list_items.get().quarterly_list.code,
        "draft": draft.key,
        "submitted": submitted.key,
        "owner": scenario.owner,
        "owner_id": scenario.owner.public_id,
        "member": member.pk,
        "proposal": proposal.public_id,
        "person": make_person(Role.VENDOR_STAFF, organisation=capability.vendor.organisation).pk,
        "firm": capability.vendor.organisation,
    }


def faults(page, addresses, places):
    """Violations and sideways overflow of each address, in words."""
    axe, found = Axe(), []
    for pattern in addresses:
        address = pattern.format(**places)
        page.goto(address)
        result = axe.run(page, options=OPTIONS)
        found += [
            f"{address} {violation['id']}: {violation['nodes'][0]['html'][:160]}"
            for violation in result.response["violations"]
        ]
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            found.append(f"{address} overflows by {overflow} px")
    return found


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_public_pages(open_page, places, width):
    assert faults(open_page(width=width, bypass_csp=True), PUBLIC, places) == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_clerks_pages(open_page, places, width):
    person = make_person(Role.DEMAND_SUBMITTER, Role.ORGANISATION_MANAGER, organisation=places["owner"])
    other = make_person(Role.ORGANISATION_MANAGER)
    for asked, manager in ((person.username, other), ("nobody-here", person)):
        member_invite(organisation_id=manager.current_organisation_id, username_or_email=asked, acting_user=manager)
    assert faults(open_page(person, width=width, bypass_csp=True), CLERK, places) == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize(
    ("roles", "addresses"),
    [
        ((Role.VENDOR_STAFF,), VENDOR),
        ((Role.FIRST_REVIEWER,), REVIEWER),
        ((Role.LIST_EDITOR,), EDITOR),
        ((Role.OPERATOR,), ("/desk/", "/desk/operations/", "/desk/workdays/")),
        ((Role.AUDIT_ADMINISTRATOR,), ("/desk/", "/desk/audit/", "/desk/organisations/grants/holders/")),
        ((Role.SECURITY_ADMINISTRATOR,), SECURITY),
        (
            (Role.SYSTEM_ADMINISTRATOR,),
            ("/desk/accounts/new/", "/desk/accounts/", "/desk/accounts/{person}/", "/desk/workdays/"),
        ),
        ((Role.SUPERVISOR,), ("/desk/", "/desk/challenges/", "/desk/challenges/memberships/")),
        ((Role.EXPERT,), ("/account/2fa/", "/desk/account/")),
    ],
    ids=["vendor", "reviewer", "editor", "operator", "audit", "security", "system", "supervisor", "expert"],
)
def test_desks(open_page, places, roles, addresses, width):
    organisation = places["firm"] if Role.VENDOR_STAFF in roles else None
    if organisation is None:
        kind = OrganisationKind.AGENCY
        organisation = make_organisation(kind=kind, region_code="370000" if Role.LIST_EDITOR in roles else "370100")
    person = make_person(*roles, organisation=organisation)
    assert faults(open_page(person, width=width, bypass_csp=True), addresses, places) == []


@pytest.mark.parametrize("option", ["text", "contrast"])
def test_reading_aids(open_page, places, option):
    page = open_page(width=WIDTHS["phone"], bypass_csp=True)
    page.goto("/about/")
    page.click(f"button[value={option}]")
    expect(page.locator(f"button[value={option}][aria-pressed=true]")).to_have_count(1)
    assert faults(page, PUBLIC, places) == []


def test_refused_form_moves_the_focus_to_its_summary_and_stays_accessible(open_page, places):
    page = open_page(make_person(Role.DEMAND_SUBMITTER), bypass_csp=True)
    page.goto("/desk/scenarios/new/")
    page.click("button:text('建立草稿')")
    expect(page.locator("#error-summary")).to_be_focused()
    assert Axe().run(page, options=OPTIONS).violations_count == 0
    page.click("#error-summary a")
    expect(page.locator("input[name=title]")).to_be_focused()
