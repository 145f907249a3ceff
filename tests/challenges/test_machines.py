"""Machines A and C: every state × action pair, and what a refusal leaves behind (architecture.md §3)."""

import itertools
from datetime import date

import pytest

from accounts.enums import Role
from challenges.enums import ChallengeState, ProjectState
from challenges.models import Award, Bid, Challenge, Decision, Programme, Project
from challenges.parameters import default_parameters, stored
from challenges.project_states import PROJECT_MACHINE
from challenges.services.movement import move
from challenges.services.projects import move_project
from challenges.states import CHALLENGE_MACHINE
from core.clock import now
from core.errors import GuardFailed, IllegalTransition, NotPermitted
from core.models import AuditEntry, OutboxEvent
from tests.factories import challenges as make
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

ACTORS = {
    "submit": "clerk",
    "withdraw": "clerk",
    "return": "city_reviewer",
    "pass_first": "city_reviewer",
    "reject": "city_reviewer",
    "argue": "handler",
    "formal_check": "handler",
    "review": "handler",
    "reissue": "handler",
    "negotiate": "handler",
    "end_negotiation": "handler",
    "finish": "handler",
    "select": "approver",
    "not_select": "approver",
    "publish": "approver",
    "decide": "approver",
    "publicise": "approver",
    "award": "approver",
    "lapse": "approver",
    "cancel": "approver",
    "suspend": "supervisor",
    "resume": "supervisor",
    "close": "clock",
    "fail": "clock",
    "open": "clock",
    "complete_review": "clock",
    "contract": "clock",
}
PROJECT_ACTORS = {
    "begin": "clock",
    "flag_overdue": "clock",
    "apply_acceptance": "solver",
    "suspend": "handler",
    "resume": "handler",
    "call_acceptance": "handler",
    "evaluate": "handler",
    "archive": "handler",
    "eliminate": "approver",
    "pass": "approver",
    "rectify": "approver",
    "fail": "approver",
    "terminate_diligent": "approver",
    "terminate_fault": "approver",
    "revoke": "approver",
}
#: Everything a guard may ask of the context; guards over the row are met by the row itself.
CONTEXT = {
    "comment": "理由",
    "defects": ["请写明考核方法"],
    "minutes_number": "纪要〔2026〕1号",
    "panel_signed": True,
    "valid_bids": 0,
    "minimum": 1,
    "all_signed": True,
    "all_contracted": True,
    "all_closed": True,
    "user_opinion": "满意",
    "report_number": "KJ-1",
    "statement_heard": "已听取",
}


@pytest.fixture
def cast(clock):
    stage = make.make_stage(expert_count=0)
    solver = make.make_bidder()
    return {
        "stage": stage,
        "clerk": stage.clerk,
        "city_reviewer": stage.city_reviewer,
        "handler": stage.handler,
        "approver": stage.approver,
        "supervisor": stage.supervisor,
        "solver": solver,
        "clock": None,
        "stranger": make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation("旁观单位")),
    }


def challenge_in(cast, state: str) -> Challenge:
    """A challenge that meets every condition of its row, put into `state` directly."""
    moment = now()
    programme = Programme.objects.create(
        year=2026,
        model="M2",
        title="计划",
        owner=cast["stage"].department,
        parameters=stored(default_parameters("M2")),
        needs_open_at=moment.replace(month=1),
        needs_close_at=moment.replace(month=12),
        state="calling",
    )
    values = {**make.NEED, "category": make.category(), "region": cast["stage"].demander.region}
    challenge = Challenge.objects.create(
        programme=programme,
        demander=cast["stage"].demander,
        state=state,
        deadline_at=moment,
        frozen_at=moment,
        demander_agreed_at=moment,
        **values,
    )
    challenge.indicators.create(sequence=1, name="识别率", target="97", unit="%", method="测试")
    decision = Decision.objects.create(
        challenge=challenge, number=1, minutes_number="1", meeting_on=date(2026, 11, 1), participants="甲"
    )
    challenge.publicities.create(
        decision=decision,
        working_days=5,
        first_day=date(2026, 11, 2),
        last_day=date(2026, 11, 9),
        started_by=cast["handler"],
    )
    return challenge


def footprint(model, obj):
    return (
        model.objects.filter(pk=obj.pk).values().get(),
        AuditEntry.objects.count(),
        OutboxEvent.objects.count(),
    )


def test_every_action_has_an_actor_in_these_tables():
    assert set(ACTORS) == set(CHALLENGE_MACHINE)
    assert set(PROJECT_ACTORS) == set(PROJECT_MACHINE)


@pytest.mark.parametrize("action", list(CHALLENGE_MACHINE))
def test_from_each_state_an_action_of_a_challenge_moves_as_the_table_says_or_changes_nothing(action, cast):
    step = CHALLENGE_MACHINE[action]
    for state in ChallengeState.values:
        challenge = challenge_in(cast, state)
        before = footprint(Challenge, challenge)
        if state in step.sources:
            move(challenge, action, acting_user=cast[ACTORS[action]], context=CONTEXT)
            after = footprint(Challenge, challenge)
            assert (after[0]["state"], after[1], after[2]) == (step.target, before[1] + 1, before[2] + 2)
        else:
            with pytest.raises(IllegalTransition):
                move(challenge, action, acting_user=cast[ACTORS[action]], context=CONTEXT)
            assert footprint(Challenge, challenge) == before


@pytest.mark.parametrize("action", list(CHALLENGE_MACHINE))
def test_a_stranger_is_refused_every_action_of_a_challenge_and_nothing_changes(action, cast):
    challenge = challenge_in(cast, sorted(CHALLENGE_MACHINE[action].sources)[0])
    before = footprint(Challenge, challenge)
    with pytest.raises(NotPermitted):
        move(challenge, action, acting_user=cast["stranger"], context=CONTEXT)
    assert footprint(Challenge, challenge) == before


@pytest.mark.parametrize(
    ("action", "missing"),
    [
        ("select", "panel_signed"),
        ("select", "minutes_number"),
        ("not_select", "comment"),
        ("decide", "minutes_number"),
        ("cancel", "comment"),
        ("lapse", "comment"),
        ("return", "defects"),
        ("reject", "comment"),
        ("complete_review", "all_signed"),
        ("contract", "all_contracted"),
        ("finish", "all_closed"),
    ],
)
def test_without_what_a_guard_asks_for_a_challenge_stays(action, missing, cast):
    challenge = challenge_in(cast, sorted(CHALLENGE_MACHINE[action].sources)[0])
    before = footprint(Challenge, challenge)
    context = {key: value for key, value in CONTEXT.items() if key != missing}
    with pytest.raises(GuardFailed):
        move(challenge, action, acting_user=cast[ACTORS[action]], context=context)
    assert footprint(Challenge, challenge) == before


def project_in(cast, state: str) -> Project:
    challenge = challenge_in(cast, ChallengeState.CONTRACTED)
    bid = Bid.objects.create(challenge=challenge, organisation=cast["solver"].current_organisation)
    award = Award.objects.create(decision=challenge.decisions.get(), bid=bid, rank=1, grant_fen=100)
    return Project.objects.create(
        award=award,
        challenge=challenge,
        solver=bid.organisation,
        state=state,
        leader="王工",
        task_book="任务",
        pledge="军令状",
        intellectual_property="共有",
        grant_fen=100,
        starts_on=date(2026, 1, 1),
        ends_on=date(2026, 12, 1),
    )


@pytest.mark.parametrize(("state", "action"), list(itertools.product(ProjectState.values, PROJECT_MACHINE)))
def test_each_state_and_action_of_a_project_moves_as_the_table_says_or_changes_nothing(state, action, cast):
    project = project_in(cast, state)
    before = footprint(Project, project)
    step = PROJECT_MACHINE[action]
    if state in step.sources:
        move_project(project, action, acting_user=cast[PROJECT_ACTORS[action]], context=CONTEXT)
        after = footprint(Project, project)
        assert (after[0]["state"], after[1], after[2]) == (step.target, before[1] + 1, before[2] + 1)
    else:
        with pytest.raises(IllegalTransition):
            move_project(project, action, acting_user=cast[PROJECT_ACTORS[action]], context=CONTEXT)
        assert footprint(Project, project) == before


@pytest.mark.parametrize("action", list(PROJECT_MACHINE))
def test_a_stranger_is_refused_every_action_of_a_project_and_nothing_changes(action, cast):
    project = project_in(cast, sorted(PROJECT_MACHINE[action].sources)[0])
    before = footprint(Project, project)
    with pytest.raises(NotPermitted):
        move_project(project, action, acting_user=cast["stranger"], context=CONTEXT)
    assert footprint(Project, project) == before
