"""Searching and matching on the real published texts, which lie outside the repository (issue 3, point 7)."""

import json
import os
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from accounts.enums import OrganisationKind, Role
from core.clock import now
from matching import services
from matching.enums import Trigger
from matching.evaluation import evaluate, read_folder
from matching.models import MatchRun
from matching.scoring import Profile
from scenarios.importing import import_scenarios
from scenarios.models import Scenario
from search import indexing
from search.services import search
from tests.factories import make_organisation, make_person
from vendors.importing import import_capabilities
from vendors.models import Capability, VendorProfile

FOLDER = Path(os.environ.get("MARKETPLACE_REAL_DATA", settings.PROJECT_ROOT.parent / "shared" / "data" / "real"))
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.engine,
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real texts at {FOLDER} (set MARKETPLACE_REAL_DATA)"),
]


def _records(name: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if line.strip()]


@pytest.fixture
def province(clock, index_folder):
    """Everything imported, then put on the shelf as it is: reviewing 400 rows is another test's matter."""
    bureau = make_organisation("省级示范局", region_code="370000", level="province")
    vendor = make_organisation(kind=OrganisationKind.ENTERPRISE)
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=bureau)
    staff = make_person(Role.VENDOR_STAFF, organisation=vendor)
    for name in ("scenarios.jsonl", "challenges.jsonl"):
        import_scenarios(acting_user=clerk, organisation=bureau, content=(FOLDER / name).read_bytes(), file_name=name)
    import_capabilities(
        acting_user=staff,
        organisation=vendor,
        content=(FOLDER / "capabilities.jsonl").read_bytes(),
        file_name="capabilities.jsonl",
    )
    Scenario.objects.update(state="listed", listed_at=now(), deadline_at=None)
    Capability.objects.update(state="listed", listed_at=now(), verified_at=now())
    assert VendorProfile.objects.count() == 1
    assert set(indexing.heal()) == set(indexing.INDEXES)


def test_every_index_holds_what_was_imported(province):
    assert all(indexing.check(name).is_clean for name in indexing.INDEXES)


def test_a_title_finds_its_own_demand_on_the_first_page(province):
    wanted = Scenario.objects.order_by("pk")[::12]
    found = 0
    for scenario in wanted:
        page = search(kind="scenario", text=scenario.title[:100], viewer=AnonymousUser(), page_size=10)
        assert page.degraded is False
        found += scenario.title in [item.obj.title for item in page.items]
    assert found == len(wanted)


def test_both_directions_work_on_texts_nobody_prepared(province):
    for scenario in Scenario.objects.order_by("pk")[::60]:
        run = services.run_for_scenario(scenario, trigger=Trigger.PERSON)
        assert run.documents == 47
        for candidate in run.candidates.filter(rank__isnull=False):
            assert round(sum(reason["share"] for reason in candidate.reasons), 1) == float(candidate.score)
        assert services.replay(MatchRun.objects.get(pk=run.pk)).reproduced is True
    capability = Capability.objects.order_by("pk").first()
    run = services.run_for_capability(capability, trigger=Trigger.PERSON)
    assert run.compared > 20


def test_demands_find_what_was_bought_for_them(tmp_path):
    """Award and single-source notices: a demand's title and what was bought, among 309 other demands' texts."""
    pairs = [pair for pair in _records("pairs.jsonl") if not pair.get("scope_is_generic")]
    documents = [{"id": pair["id"], "text": pair["solution_text"] or ""} for pair in pairs]
    documents += [
        {"id": entry["id"], "text": entry["description"] or entry["title"]} for entry in _records("scenarios.jsonl")
    ]
    queries = [{"id": f"q-{pair['id']}", "text": pair["demand_text"]} for pair in pairs]
    for name, entries in (("docs", documents), ("queries", queries)):
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    judgements = "".join(f"q-{pair['id']}\t{pair['id']}\t1\n" for pair in pairs)
    (tmp_path / "qrels.tsv").write_text(judgements, encoding="utf-8")
    report = evaluate(read_folder(tmp_path), Profile())
    assert (report.queries, report.documents) == (36, 345)
    assert report.means["mrr@10"] >= 0.7
    assert report.means["recall@100"] >= 0.85
