"""The real published texts import with no code change (issue 3 point 7). They lie outside the repository."""

import os
from pathlib import Path

import pytest
from django.conf import settings

from accounts.enums import Role
from scenarios.importing import import_scenarios
from scenarios.models import Scenario
from tests.factories import make_organisation, make_person
from vendors.importing import import_capabilities
from vendors.models import Capability

FOLDER = Path(os.environ.get("MARKETPLACE_REAL_DATA", settings.PROJECT_ROOT.parent / "shared" / "data" / "real"))
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.integration,
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real texts at {FOLDER} (set MARKETPLACE_REAL_DATA)"),
]


@pytest.fixture
def person(clock):
    organisation = make_organisation("省级示范局", region_code="370000", level="province")
    return make_person(Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF, organisation=organisation)


def _content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def test_published_demands_import_whole(person):
    outcome = import_scenarios(
        acting_user=person,
        organisation=person.current_organisation,
        content=_content("scenarios.jsonl"),
        file_name="scenarios.jsonl",
    )
    assert (outcome.done, outcome.total, outcome.created, outcome.rejected) == (True, 309, 309, 0)
    assert outcome.unknown_headings == []
    scenarios = Scenario.objects.all()
    assert scenarios.filter(budget_max_fen__isnull=False).count() >= 265  # 266 have a budget
    assert scenarios.filter(deadline_at__isnull=False).count() == 263
    assert scenarios.filter(published_on__isnull=False).count() == 283
    assert scenarios.filter(region__code="370000", scenario_type="procurement", funding_nature="fiscal").count() == 35
    assert scenarios.filter(scenario_type="joint").count() == 1
    assert scenarios.filter(previous__isnull=False).count() == 1
    assert sum("再次发布" in entry.message for entry in outcome.warnings) >= 20


def test_challenges_import_as_research(person):
    outcome = import_scenarios(
        acting_user=person,
        organisation=person.current_organisation,
        content=_content("challenges.jsonl"),
        file_name="challenges.jsonl",
        defaults={"场景类型": "技术攻关"},
    )
    assert (outcome.created, outcome.rejected, outcome.unknown_headings) == (306, 0, [])
    assert Scenario.objects.filter(scenario_type="research").count() == 306
    assert Scenario.objects.exclude(target_indicators="").count() == 63
    assert Scenario.objects.filter(deadline_at__isnull=False).count() == 7


def test_product_texts_import_as_capabilities(person):
    outcome = import_capabilities(
        acting_user=person,
        organisation=person.current_organisation,
        content=_content("capabilities.jsonl"),
        file_name="capabilities.jsonl",
    )
    assert (outcome.created, outcome.rejected, outcome.unknown_headings) == (47, 0, [])
    assert Capability.objects.exclude(vendor_text="").count() == 47
