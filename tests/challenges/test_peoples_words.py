"""Pages speak as people do: companies by name, money in 万元, 必填 where needed, what cannot be undone said before."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from challenges import forms
from challenges.actions import PROJECT_ACTIONS
from challenges.enums import EnvelopeKind
from challenges.models import Bid, SuspicionHint
from challenges.parameters import checked, default_parameters
from challenges.services import bids, decision
from challenges.validators import price_problems
from core.clock import frozen
from core.errors import InvalidInput
from core.forms import rows_form
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

ROOT = Path(__file__).parents[2]
#: 分 as a unit of money, in a text that people read.
IN_FEN = re.compile(r"以分计|单位为分|（分）")


@pytest.mark.parametrize("step", ["formal_check", "supplement"])
def test_a_step_about_a_bid_names_its_company(clock, client, settings, tmp_path, step):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("海河数据有限公司"))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        bid = Bid.objects.get()
        client.force_login(stage.handler)
        page = client.get(reverse("challenges:act", args=["bid", bid.public_id, step])).content.decode()
    lead = re.search(r'<p class="lead">(.*?)</p>', page, re.DOTALL).group(1)
    assert "海河数据有限公司" in lead
    assert bid.public_id.hex[:8] not in lead


def test_an_empty_price_is_asked_for_in_the_words_and_unit_of_the_form(clock):
    challenge = make.make_open_challenge(make.make_stage(expert_count=0))
    problem = price_problems({}, challenge, default_parameters("M1"))[0]
    assert "万元" in problem.message
    # The page's own check says the same.
    assert problem.message in (ROOT / "challenges/frontend/src/bid-rules.js").read_text(encoding="utf-8")


def test_no_text_of_a_page_asks_for_money_in_fen():
    places = [
        *ROOT.glob("challenges/*.py"),
        *ROOT.glob("challenges/services/*.py"),
        *ROOT.glob("challenges/frontend/src/*"),
    ]
    found = [path.name for path in places if path.is_file() and IN_FEN.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_parameter_sheet_takes_money_in_wan_and_says_its_bounds_so():
    sheet = default_parameters("M1")
    form = forms.ParameterForm(sheet=sheet, prefix="parameters")
    field = form["demand_minimum_own_funding_fen"]
    assert field.label == "需求单位最低自有投入（万元）"
    posted = {f"parameters-{name}": bound.value() for name, bound in ((one.name, one) for one in form)}
    posted["parameters-demand_minimum_own_funding_fen"] = "12.5"
    read = forms.ParameterForm({key: value for key, value in posted.items() if value}, sheet=sheet, prefix="parameters")
    read.full_clean()
    assert read.cleaned_data["demand_minimum_own_funding_fen"] == 12_500_000
    with pytest.raises(InvalidInput) as refusal:
        checked(type(sheet)(**{**vars(sheet), "demand_minimum_own_funding_fen": -1}))
    assert refusal.value.fields["demand_minimum_own_funding_fen"] == [
        "“需求单位最低自有投入”应在 0 到 10000000 万元之间。"
    ]


def test_the_contract_marks_what_a_milestone_needs_and_its_unit():
    rows = rows_form(forms.MilestoneFormSet, None, prefix="milestones")
    table = render_to_string("challenges/_formset.html", {"formset": rows})
    heads = [re.sub(r"<[^>]+>|\s", "", head) for head in re.findall(r"<th[^>]*>(.*?)</th>", table, re.DOTALL)]
    assert heads == ["里程碑必填", "考核内容", "经费（万元）必填", "期限必填"]


@pytest.mark.parametrize(
    ("step", "needed"),
    [
        ("suspend", ["comment"]),
        ("resume", ["comment"]),
        ("terminate_diligent", ["comment", "minutes_number"]),
        ("terminate_fault", ["comment", "statement_heard", "minutes_number"]),
        ("revoke", ["comment", "statement_heard", "minutes_number"]),
    ],
)
def test_an_end_of_a_project_asks_for_what_its_rule_demands_and_for_nothing_else(step, needed):
    form = PROJECT_ACTIONS[step].form()
    assert [name for name, field in form.fields.items() if field.required] == needed
    assert list(form.fields) == needed


def test_who_sets_a_passphrase_reads_that_nobody_can_recover_it(clock, client, monkeypatch):
    challenge = make.make_open_challenge(make.make_stage(expert_count=0))
    monkeypatch.setattr("challenges.views.sealing.module_address", lambda name: f"/static/{name}.js")
    client.force_login(make.make_bidder())
    page = client.get(reverse("challenges:sealing", args=[challenge.code])).content.decode()
    assert "忘记后任何人都无法找回" in page
    assert "忘记口令谁也无法找回" in (ROOT / "challenges/frontend/src/sealing-page.js").read_text(encoding="utf-8")


def test_who_awards_reads_whom_with_how_much_and_what_is_not_looked_into(clock):
    """One click makes it final (found by walking: the page named nobody)."""
    stage = make.make_stage()
    challenge = make.make_open_challenge(stage)
    for name in ("甲公司", "乙研究院"):
        make.hand_in(challenge, make.make_bidder(name))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
        best = decision.ranked_results(challenge)[0].bid
        make.decide(stage, challenge, [make.winner(best)])
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
    SuspicionHint.objects.filter(challenge=challenge).delete()
    hint = SuspicionHint.objects.create(challenge=challenge, kind="device", facts={})
    with frozen(make.after_deadline(challenge) + timedelta(days=8)):
        client = Client()
        client.force_login(stage.approver)
        address = reverse("challenges:act", args=["challenge", challenge.code, "award"])
        named = f"拟定榜：{best.organisation.name}（200万元）。"
        page = client.get(address).content.decode()
        assert f"{named}还有 1 条疑似串通线索没有登记核查情况。定榜后不能撤回。" in page
        hint.delete()
        assert f"{named}定榜后不能撤回。" in client.get(address).content.decode()
