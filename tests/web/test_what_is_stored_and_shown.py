"""What autosave has kept is not lost by pressing 保存; what a page shows is what is there (found by walking)."""

import ast
import re
from pathlib import Path

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.enums import Role
from challenges.enums import EnvelopeKind
from challenges.services import bids, decision
from core.clock import frozen
from core.middleware import request_id_scope
from core.quarters import Quarter
from marketplace import outages
from scenarios import services
from tests.factories import challenges as make
from tests.factories.accounts import make_organisation, make_person, region
from tests.factories.scenarios import make_pooled_scenario, make_published_list, make_submittable_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]

ROOT = Path(__file__).resolve().parents[2]
APPS = ("core", "accounts", "scenarios", "vendors", "challenges", "search", "matching", "notifications", "marketplace")


# --- rows that were stored already --------------------------------------------------------------------------------


def indicator_fields(rows, *, initial):
    fields = {"indicators-TOTAL_FORMS": str(len(rows) + 1), "indicators-INITIAL_FORMS": str(initial)}
    for number, row in enumerate(rows):
        fields |= {f"indicators-{number}-{name}": value for name, value in row.items()}
    return fields


def test_indicators_that_autosave_has_kept_are_still_there_after_pressing_save():
    stage = make.make_stage()
    programme = make.make_programme(stage)
    need = make.make_need(stage, programme)
    client = Client()
    client.force_login(stage.clerk)
    address = reverse("challenges:need", args=[need.public_id])
    typed = {"title": need.title, "version": "", **indicator_fields(make.INDICATORS, initial=0)}

    kept = client.post(address, typed, headers={"accept": "application/json"})
    assert kept.status_code == 200
    saved = client.post(address, typed)

    assert saved.status_code == 302
    assert [row.name for row in need.indicators.all()] == [row["name"] for row in make.INDICATORS]


def test_no_set_of_rows_is_bound_and_compared_with_what_is_stored():
    """The cause, for every page: `core.forms.rows_form` alone makes sets of rows."""
    found = []
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and _name(call.func).endswith("FormSet"):
                    found.append(f"{path.relative_to(ROOT)}:{call.lineno}")
    assert found == []


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


# --- templates over stored JSON -----------------------------------------------------------------------------------


def test_the_publicity_of_a_list_names_its_items_and_that_of_a_winner_names_the_winner():
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    bidder = make.make_bidder("甲公司")
    make.hand_in(challenge, bidder)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
        make.decide(stage, challenge, [make.winner(challenge.bids.get())])
        publicity = decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
        page = Client().get(reverse("challenges:publicity", args=[publicity.public_id])).content.decode()
    assert "甲公司" in page
    assert "（）" not in page


def test_no_template_asks_a_dictionary_for_a_word_that_is_its_method():
    methods = "|".join(("items", "keys", "values", "get", "pop", "copy", "update", "clear"))
    asked = re.compile(rf"\b(?:content|facts|detail|detail\w*|values|record|parameters|report)\.(?:{methods})\b")
    assert [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in ROOT.glob("*/templates/**/*.html")
        for match in asked.finditer(path.read_text(encoding="utf-8"))
    ] == []


def test_no_filter_takes_its_argument_out_of_stored_json():
    """A missing word fails the page there, where everywhere else it is empty."""
    asked = re.compile(r"\|\w+:(?:content|live\.\w+)\.\w+")
    assert [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in ROOT.glob("*/templates/**/*.html")
        for match in asked.finditer(path.read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize("name", ["scenarios:list", "scenarios:list_print"])
def test_a_list_that_is_still_collecting_can_be_previewed(name):
    bureau = make_organisation(region_code=region("370000").code)
    editor = make_person(Role.LIST_EDITOR, organisation=bureau)
    scenario = make_pooled_scenario(budget_text="")
    quarterly_list = services.list_create(quarter=Quarter(2026, 4), acting_user=editor)
    services.list_add_items(list_id=quarterly_list.pk, scenario_ids=[scenario.pk], acting_user=editor)
    client = Client()
    client.force_login(editor)

    answer = client.get(reverse(name, args=[quarterly_list.code]))

    assert answer.status_code == 200
    assert scenario.title in answer.content.decode()


# --- what was taken out before the publication --------------------------------------------------------------------


def test_only_versions_that_were_public_are_compared_in_public():
    scenario = make_submittable_scenario(description="含有安保岗位布置的一句话，审核时要求删除，此处补足字数以便提交。")
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    city = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code=scenario.region.code))
    province = make_person(Role.PROVINCIAL_REVIEWER)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    services.scenario_review(
        scenario_id=scenario.pk,
        action="return_first",
        acting_user=city,
        defects=[{"field": "description", "reason": "请删除安保内容"}],
    )
    services.scenario_save(
        scenario_id=scenario.pk,
        acting_user=clerk,
        values={"description": "已经删去不宜公开的内容，只保留需求本身的说明，此处补足字数。"},
    )
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    services.scenario_review(scenario_id=scenario.pk, action="pass_first", acting_user=city)
    services.scenario_review(scenario_id=scenario.pk, action="pool", acting_user=province, secrecy_reviewed=True)
    scenario.refresh_from_db()
    make_published_list([scenario])
    scenario.refresh_from_db()
    address = reverse("scenarios:scenario", args=[scenario.key])

    assert "安保岗位" not in Client().get(address).content.decode()
    owner = Client()
    owner.force_login(clerk)
    assert "安保岗位" in owner.get(address).content.decode()


# --- a mistake of ours --------------------------------------------------------------------------------------------


def test_the_page_of_an_unexpected_error_is_styled_and_names_the_request():
    with request_id_scope("a1b2c3"):
        answer = outages.server_error(RequestFactory().get("/"))
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "a1b2c3" in page
    assert 'rel="stylesheet"' in page
    assert "<style" not in page
