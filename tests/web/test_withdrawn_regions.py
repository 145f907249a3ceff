"""A withdrawn city is shown where an old record names it, and offered nowhere and taken from nobody for a new one."""

import pytest
from django.urls import reverse

from accounts.enums import Role
from challenges.forms import NeedForm
from core.models import Region
from scenarios.forms import ScenarioSectionForm
from tests.factories import make_capability, make_organisation, make_person, make_scenario, make_vendor
from vendors.forms import CapabilitySectionForm, CaseForm

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture
def withdrawn():
    region = Region.objects.get(valid_until__isnull=False)
    assert "莱芜" in region.name
    return region


def offered(form, name: str) -> str:
    return str(form[name])


def test_no_form_and_no_filter_offers_it(withdrawn, client):
    scenario, capability = make_scenario(), make_capability()
    forms = [
        (ScenarioSectionForm(instance=scenario, section="basics"), "region"),
        (CapabilitySectionForm(instance=capability, section="service"), "service_regions"),
        (CaseForm(), "region"),
        (NeedForm(), "region"),
    ]
    for form, name in forms:
        assert "济南市" in offered(form, name)
        assert withdrawn.name not in offered(form, name)
    for name in ("scenarios:catalogue", "vendors:catalogue"):
        page = client.get(reverse(name)).content.decode()
        assert "济南市" in page
        assert withdrawn.name not in page


def test_nobody_can_post_it_for_a_new_record(withdrawn):
    scenario, capability = make_scenario(), make_capability()
    several = {"service_regions": [withdrawn.pk]}
    for form, name in (
        (ScenarioSectionForm({"region": withdrawn.pk}, instance=scenario, section="basics"), "region"),
        (
            CapabilitySectionForm(several, instance=capability, section="service"),
            "service_regions",
        ),
        (CaseForm({"title": "甲", "customer": "乙", "region": withdrawn.pk}), "region"),
        (NeedForm({"region": withdrawn.pk}), "region"),
    ):
        assert name in form.errors


def test_an_old_record_shows_it_and_keeps_it(withdrawn, sign_in):
    clerk = make_person(Role.DEMAND_SUBMITTER)
    scenario = make_scenario(clerk.current_organisation, region=withdrawn)
    address = reverse("scenarios:edit", args=[scenario.key, "basics"])
    desk = sign_in(clerk)
    form = desk.get(address).context["form"]
    assert withdrawn.name in offered(form, "region")
    posted = {name: form[name].value() or "" for name in form.fields if name not in ("is_cross_region", "previous")}
    desk.post(address, posted | {"version": scenario.document_version, "title": "改过的名称"})
    scenario.refresh_from_db()
    assert (scenario.title, scenario.region) == ("改过的名称", withdrawn)
    firm = make_organisation(kind="enterprise")
    capability = make_capability(make_vendor(firm))
    capability.service_regions.set([withdrawn])
    form = CapabilitySectionForm({"service_regions": [withdrawn.pk]}, instance=capability, section="service")
    assert "service_regions" not in form.errors
