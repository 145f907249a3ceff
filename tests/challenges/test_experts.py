"""Experts are corrected, retired and reinstated; recusal reads names as people do, and looks back three years."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from accounts.enums import Role
from challenges.conflicts import concerned_parties, conflict_reasons
from challenges.enums import EnvelopeKind, PanelPurpose, SeatState
from challenges.models import Affiliation, Employment, Expert
from challenges.party_names import party_name
from challenges.services import bids, experts, review
from core.clock import frozen, today
from core.errors import InvalidInput, NotPermitted
from core.models import AuditEntry
from core.relay import drain
from notifications.models import Notification
from tests.factories import challenges as make
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def opened(clock, settings, tmp_path):
    """A consortium's bid lies open and checked: 海河数据（青岛）有限公司 leads, 参加公司 takes part without a code."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    stage = make.make_stage(expert_count=6)
    bidder = make.make_bidder("海河数据（青岛）有限公司")
    lead = bidder.current_organisation
    members = [
        {"unified_code": lead.unified_code, "name": lead.name, "role": "lead", "share_percent": "60"},
        {"unified_code": "", "name": "齐鲁测控股份有限公司", "role": "member", "share_percent": "40"},
    ]
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, bidder, manifest=make.manifest_of(bidder, members=members))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        challenge.refresh_from_db()
        yield stage, challenge, bidder


def codes_against(expert, challenge):
    parties = concerned_parties(challenge)
    return [reason.code for reason in conflict_reasons(expert, challenge, PanelPurpose.REVIEW, parties)]


def employed(expert, name, **values):
    return Employment.objects.create(
        expert=expert, organisation_name=name, **{"started_on": date(2015, 1, 1), **values}
    )


@pytest.mark.parametrize(
    "written",
    [
        "海河数据（青岛）有限公司",
        "海河数据(青岛)有限公司",
        " 海河数据 （青岛） 有限责任公司",
        "海河数据（青岛）",
        "齐鲁测控有限公司",
        "齐鲁测控",
    ],
)
def test_an_employer_written_without_a_code_is_met_by_its_name(opened, written):
    stage, challenge, _bidder = opened
    expert = stage.experts[0]
    assert codes_against(expert, challenge) == []
    employed(expert, written)
    assert codes_against(expert, challenge) == ["employment"]


@pytest.mark.parametrize("written", ["海河数据（济南）有限公司", "海河", "齐鲁测控研究院"])
def test_another_name_is_another_employer(opened, written):
    stage, challenge, _bidder = opened
    employed(stage.experts[0], written)
    assert codes_against(stage.experts[0], challenge) == []


def test_a_former_employer_counts_for_three_years_by_name_too(opened):
    stage, challenge, _bidder = opened
    recent, old = stage.experts[:2]
    employed(recent, "海河数据（青岛）有限公司", ended_on=today() - timedelta(days=3 * 365 - 5))
    employed(old, "海河数据（青岛）有限公司", ended_on=today() - timedelta(days=3 * 365 + 5))
    assert (codes_against(recent, challenge), codes_against(old, challenge)) == (["employment"], [])


def test_the_name_of_a_bidders_parent_counts(opened):
    stage, challenge, bidder = opened
    lead = bidder.current_organisation
    Affiliation.objects.create(
        parent_code="91370200MA3XXXXX1A",
        parent_name="海河控股集团有限公司",
        child_code=lead.unified_code,
        child_name=lead.name,
        kind="control",
    )
    employed(stage.experts[0], "海河控股")
    assert codes_against(stage.experts[0], challenge) == ["employment"]


def test_the_experts_account_counts_while_a_member_and_three_years_after(clock, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    stage = make.make_stage(expert_count=1)
    expert = stage.experts[0]
    membership = make_person(Role.DEMAND_SUBMITTER, organisation=stage.demander).memberships.get()
    type(membership).objects.filter(pk=membership.pk).update(user=expert.user)
    challenge = make.make_open_challenge(stage)
    assert codes_against(expert, challenge) == ["member"]
    type(membership).objects.filter(pk=membership.pk).update(
        started_at=challenge.published_at - timedelta(days=900), ended_at=challenge.published_at - timedelta(days=400)
    )
    assert codes_against(expert, challenge) == ["former_member"]
    type(membership).objects.filter(pk=membership.pk).update(
        started_at=challenge.published_at - timedelta(days=2000), ended_at=challenge.published_at - timedelta(days=1200)
    )
    assert codes_against(expert, challenge) == []


def test_a_name_is_compared_without_its_legal_form_but_never_by_a_single_letter():
    assert party_name("海河数据股份有限公司") == party_name("海河数据 有限责任公司") == "海河数据"
    assert party_name("有限公司") == "有限公司"
    assert party_name("河") == ""


# --- edited -------------------------------------------------------------------------------------------------------


def values_of(expert, **changes):
    row = expert.employments.get()
    return {
        "name": expert.name,
        "kind": expert.kind,
        "title": expert.title,
        "years": expert.years,
        "areas": list(expert.areas.all()),
        "user": expert.user,
        "employments": [{"organisation_name": row.organisation_name, "unified_code": "", "started_on": row.started_on}],
        **changes,
    }


def test_an_edit_leaves_what_stood_before_in_the_trail_and_the_draw_keeps_what_was_true(opened):
    stage, challenge, _bidder = opened
    panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
    expert = panel.seats.order_by("pk").first().expert
    school = expert.employments.get().organisation_name
    edited = {"organisation_name": "海河数据（青岛）有限公司", "unified_code": "", "started_on": date(2020, 1, 1)}
    experts.expert_edit(
        expert_public_id=expert.public_id,
        acting_user=stage.handler,
        **values_of(expert, title="教授", employments=[edited]),
    )
    entry = AuditEntry.objects.get(action="challenges.expert.edit")
    assert (entry.detail["before"]["title"], entry.detail["after"]["title"]) == ("研究员", "教授")
    assert entry.detail["before"]["employments"][0]["organisation_name"] == school
    panel.refresh_from_db()
    kept = panel.draw_record["experts"][str(expert.public_id)]
    assert (kept["title"], kept["employments"][0]["organisation_name"]) == ("研究员", school)


def test_the_handler_of_a_held_seat_hears_when_an_edit_shows_a_conflict(opened):
    stage, challenge, _bidder = opened
    panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
    first, second = (seat.expert for seat in panel.seats.order_by("pk")[:2])
    experts.expert_edit(expert_public_id=first.public_id, acting_user=stage.handler, **values_of(first, title="教授"))
    edited = {"organisation_name": "齐鲁测控", "unified_code": "", "started_on": date(2020, 1, 1)}
    experts.expert_edit(
        expert_public_id=second.public_id, acting_user=stage.handler, **values_of(second, employments=[edited])
    )
    drain()
    told = Notification.objects.get(topic="challenge.expert_moved")
    assert (told.recipient, second.name in told.body) == (stage.handler, True)


def test_an_account_cannot_be_exchanged_while_a_seat_is_held(opened):
    stage, challenge, _bidder = opened
    panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
    expert = panel.seats.order_by("pk").first().expert
    another = make_person(Role.EXPERT, organisation=make_organisation())
    with pytest.raises(InvalidInput) as refusal:
        experts.expert_edit(
            expert_public_id=expert.public_id,
            acting_user=stage.handler,
            **values_of(expert, user=another, title="教授"),
        )
    assert list(refusal.value.fields) == ["username"]
    expert.refresh_from_db()
    assert (expert.title, expert.user == another) == ("研究员", False)


def test_an_edit_is_judged_as_an_entry_is_and_only_a_handler_makes_it(opened):
    stage, _challenge, bidder = opened
    expert = stage.experts[0]
    with pytest.raises(InvalidInput) as refusal:
        experts.expert_edit(
            expert_public_id=expert.public_id, acting_user=stage.handler, **values_of(expert, years=7, employments=[])
        )
    assert sorted(refusal.value.fields) == ["employments", "years"]
    with pytest.raises(NotPermitted):
        experts.expert_edit(expert_public_id=expert.public_id, acting_user=bidder, **values_of(expert))
    assert not AuditEntry.objects.filter(action="challenges.expert.edit").exists()


# --- retired ------------------------------------------------------------------------------------------------------


def test_a_retired_expert_is_in_no_draw_and_no_reserve_until_reinstated(opened):
    stage, challenge, _bidder = opened
    expert = stage.experts[0]
    experts.expert_retire(expert_public_id=expert.public_id, acting_user=stage.handler, reason="已退休")
    fit, _excluded = review.pool_of(challenge, PanelPurpose.REVIEW)
    assert expert not in fit
    experts.expert_reinstate(expert_public_id=expert.public_id, acting_user=stage.handler, reason="返聘")
    fit, _excluded = review.pool_of(challenge, PanelPurpose.REVIEW)
    assert expert in fit
    steps = AuditEntry.objects.filter(action__startswith="challenges.expert.re").order_by("pk")
    assert [(row.action, row.detail["reason"]) for row in steps] == [
        ("challenges.expert.retired", "已退休"),
        ("challenges.expert.reinstated", "返聘"),
    ]


def test_seats_already_held_stay_and_their_handler_and_the_expert_are_told(opened):
    stage, challenge, _bidder = opened
    panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
    seat = panel.seats.select_related("expert__user").order_by("pk").first()
    experts.expert_retire(expert_public_id=seat.expert.public_id, acting_user=stage.handler, reason="已退休")
    drain()
    seat.refresh_from_db()
    assert seat.state == SeatState.NOTIFIED
    assert Notification.objects.get(topic="challenge.expert_moved").recipient == stage.handler
    assert Notification.objects.get(topic="challenge.expert_retired").recipient == seat.expert.user


def test_the_page_corrects_retires_and_shows_the_trail(opened, client):
    stage, _challenge, _bidder = opened
    expert = stage.experts[0]
    page = reverse("challenges:expert", args=[expert.public_id])
    client.force_login(stage.handler)
    assert page in client.get(reverse("challenges:experts")).content.decode()
    shown = client.get(page)
    form = {name: shown.context["form"].initial[name] for name in ("name", "kind", "years", "username")}
    rows = {
        "jobs-TOTAL_FORMS": "1",
        "jobs-INITIAL_FORMS": "0",
        "jobs-0-organisation_name": "青岛大学",
        "jobs-0-started_on": "2019-09-01",
    }
    assert client.post(page, {**form, **rows, "title": "教授"}).status_code == 302
    client.post(reverse("challenges:act", args=["expert", expert.public_id, "retire"]), {"reason": "已退休"})
    text = client.get(page).content.decode()
    assert all(words in text for words in ("研究员 → 教授", "青岛大学", "已出库", "已退休", "重新入库"))
    assert Expert.objects.get(pk=expert.pk).employments.get().organisation_name == "青岛大学"
