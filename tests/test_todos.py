"""Who has what to do, in every state of every machine: on the desk, told once, gone once it is done (ADR 0014)."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import resolve, reverse

from accounts.enums import OrganisationState, ProposalState, Role
from accounts.models import RoleProposal
from accounts.permissions import current_roles, forget_roles
from accounts.states import ORGANISATION_MACHINE, PROPOSAL_MACHINE
from challenges.enums import AnnualListState, ChallengeState, EnvelopeKind, PanelPurpose, ProgrammeState, ProjectState
from challenges.models import Award
from challenges.project_states import PROJECT_MACHINE
from challenges.services import bids, clarification, decision, needs, openers, openings, programmes, projects, review
from challenges.states import CHALLENGE_MACHINE, PROGRAMME_MACHINE
from challenges.states import LIST_MACHINE as ANNUAL_LIST_MACHINE
from core import todos
from core.clock import frozen, today
from core.quarters import Quarter
from core.relay import drain
from matching.enums import EngagementState
from matching.services import engagements
from matching.states import ENGAGEMENT_MACHINE
from notifications.catalogue import MESSAGES
from notifications.models import Notification
from notifications.todo_handlers import tell_what_waits
from scenarios.enums import ErratumDraftState, QuarterlyListState, ScenarioState
from scenarios.models import ErratumDraft
from scenarios.services import demands, lists
from scenarios.states import ERRATUM_MACHINE, LIST_MACHINE, SCENARIO_MACHINE
from tests.factories import challenges as make
from tests.factories import (
    make_capability,
    make_listed_capability,
    make_listed_scenario,
    make_organisation,
    make_person,
    make_pooled_scenario,
    make_submittable_scenario,
    make_vendor,
)
from vendors.confirmations import confirmation_ask
from vendors.enums import CapabilityState, ConfirmationState
from vendors.services import case_save
from vendors.states import CAPABILITY_MACHINE, CONFIRMATION_MACHINE

pytestmark = pytest.mark.django_db


def waits(*people):
    """Topics that wait for each of these people."""
    for person in people:
        forget_roles(person)
    return [
        [one.duty.topic for one in todos.waiting_for(person, roles=current_roles(person), shown=6)] for person in people
    ]


def expects(*people):
    """Topics of what each of these people waits for from others."""
    for person in people:
        forget_roles(person)
    return [
        [one.expectation.topic for one in todos.expected_by(person, roles=current_roles(person), shown=6)]
        for person in people
    ]


def topics_told(person):
    """What the person was told by the notices of duties, oldest first."""
    keys = (
        Notification.objects.filter(recipient=person, topic="todo.waits").order_by("pk").values_list("key", flat=True)
    )
    return [key.split(":")[1] for key in keys]


# --- the table ----------------------------------------------------------------------------------------------------

#: State → the duties somebody has in it, or the reason why nobody has any.
BY_CLOCK, OVER, OTHERS = "the clock acts", "it has come to its end", "duties of what belongs to it"
WHAT_IS_DUE = {
    (ScenarioState, "scenarios"): {
        "draft": ["scenario.draft"],
        "submitted": ["scenario.first_review"],
        "supplement": ["scenario.supplement"],
        "first_passed": ["scenario.provincial_review"],
        "pooled": OTHERS,
        "frozen": OTHERS,
        "listed": OTHERS,
        "suspended": "who suspended it may resume it; nothing is due",
        "not_accepted": OVER,
        "landed": OVER,
        "expired": OVER,
        "closed_unmatched": OVER,
        "converted": OVER,
        "withdrawn": OVER,
    },
    (QuarterlyListState, "lists"): {
        "collecting": ["list.compile"],
        "frozen": ["list.compile"],
        "in_review": ["list.approve"],
        "approved": ["list.publish"],
        "published": OVER,
        "archived": OVER,
    },
    (ErratumDraftState, "errata"): {
        "waiting": ["list.erratum"],
        "published": OVER,
        "returned": OVER,
    },
    (CapabilityState, "capabilities"): {
        "draft": ["capability.draft"],
        "submitted": ["capability.verify"],
        "returned": ["capability.supplement"],
        "verified": ["capability.list"],
        "listed": ["capability.renew"],
        "expired": ["capability.renew"],
        "suspended": "who suspended it may resume it; nothing is due",
        "withdrawn": OVER,
    },
    (OrganisationState, "organisations"): {
        "unverified": ["organisation.request_verification"],
        "pending": ["organisation.verify"],
        "returned": ["organisation.request_verification"],
        "verified": OVER,
        "suspended": "who suspended it may restore it; nothing is due",
    },
    (ProposalState, "role proposals"): {
        "waiting": ["role.confirm"],
        "confirmed": OVER,
        "refused": OVER,
        "withdrawn": OVER,
    },
    (ConfirmationState, "confirmations of cases"): {
        "asked": ["case.confirm"],
        "confirmed": OVER,
        "refused": OVER,
        "lapsed": OVER,
        "withdrawn": OVER,
    },
    (EngagementState, "engagements"): {
        "interested": ["engagement.answer"],
        "matching": ["engagement.confirm"],
        "trial": ["engagement.confirm", "engagement.trial_over"],
        "intent": ["engagement.confirm"],
        "contracted": ["engagement.confirm"],
        "delivered": OVER,
        "closed": OVER,
    },
    (ProgrammeState, "programmes"): {
        "preparing": "its handler writes it; nothing is due",
        "calling": BY_CLOCK,
        "collected": OTHERS,
        "archived": OVER,
    },
    (AnnualListState, "annual lists"): {
        "preparing": ["annual_list.send", "opener.key"],
        "list_publicity": ["annual_list.send", "opener.key"],
        "in_review": ["annual_list.publish"],
        "published": OTHERS,
        "archived": OVER,
    },
    (ChallengeState, "challenges"): {
        "draft": ["need.draft"],
        "submitted": ["need.check"],
        "returned": ["need.supplement"],
        "first_passed": [
            "need.argumentation_panel",
            "need.argue",
            "panel.draw",
            "panel.supplement",
            "panel.supplement_draw",
            "seat.answer",
        ],
        "arguing": ["seat.score", "seat.sign", "need.agree", "need.select"],
        "selected": ["need.list"],
        "published": ["question.answer", "bid.draft", "bid.confirm", "membership.look"],
        "closed": ["opening.technical", "opening.turn", "review.panel"],
        "opened": ["bid.formal_check", "bid.supplement", "panel.draw", "hint.handle"],
        "formal_checked": ["review.panel", "panel.draw", "seat.answer", "review.start"],
        "reviewing": ["seat.score", "seat.sign", "opening.price", "review.complete"],
        "reviewed": ["decision.take"],
        "negotiating": ["negotiation.end"],
        "decided": ["publicity.start"],
        "publicity": ["objection.admit", "objection.conclude", "decision.award"],
        "publicity_suspended": ["objection.conclude", "publicity.resume"],
        "awarded": [
            "contract.draw_up",
            "contract.sign_solver",
            "contract.sign_demander",
            "contract.sign_programme",
            "contract.late",
        ],
        "award_lapsed": ["decision.take"],
        "contracted": ["challenge.finish"],
        "no_bid": "it may be issued anew; nothing is due",
        "reissued": OVER,
        "rejected": OVER,
        "not_selected": OVER,
        "finished": OVER,
        "withdrawn": OVER,
        "cancelled": OVER,
    },
    (ProjectState, "projects"): {
        "signing": ["contract.sign_solver", "contract.sign_demander", "contract.sign_programme"],
        "in_progress": [
            "milestone.report",
            "milestone.confirm",
            "milestone.assess",
            "change.agree",
            "change.decide",
            "acceptance.apply",
        ],
        "overdue": ["acceptance.apply"],
        "suspended": "who suspended it may resume it; nothing is due",
        "acceptance_applied": ["acceptance.call"],
        "accepting": ["acceptance.conclude"],
        "rectifying": ["acceptance.apply"],
        "passed": ["project.evaluate"],
        "failed": OVER,
        "terminated_diligent": OVER,
        "terminated_fault": OVER,
        "revoked": OVER,
        "eliminated": OVER,
        "evaluated": OVER,
        "archived": OVER,
    },
}
MACHINES = (
    SCENARIO_MACHINE,
    LIST_MACHINE,
    ERRATUM_MACHINE,
    CAPABILITY_MACHINE,
    CONFIRMATION_MACHINE,
    ORGANISATION_MACHINE,
    PROPOSAL_MACHINE,
    ENGAGEMENT_MACHINE,
    PROGRAMME_MACHINE,
    ANNUAL_LIST_MACHINE,
    CHALLENGE_MACHINE,
    PROJECT_MACHINE,
)


def test_every_state_of_every_machine_says_what_is_due_in_it():
    for states, _name in WHAT_IS_DUE:
        assert set(WHAT_IS_DUE[states, _name]) == set(states.values)
    named = {
        topic for table in WHAT_IS_DUE.values() for due in table.values() if isinstance(due, list) for topic in due
    }
    assert named | {"membership.invitation", "workdays.load"} == {duty.topic for duty in todos.duties()}
    reached = {str(step.target) for machine in MACHINES for step in machine.values()}
    assert reached <= {state for table in WHAT_IS_DUE.values() for state in table}


def test_an_evaluation_is_due_exactly_where_the_machine_allows_it():
    due = {state for state, topics in WHAT_IS_DUE[ProjectState, "projects"].items() if "project.evaluate" in topics}
    assert due == {str(state) for state in PROJECT_MACHINE["evaluate"].sources}


def test_every_duty_is_told_in_one_way_and_leads_to_a_page():
    for duty in todos.duties():
        assert (duty.holders is not None) + bool(duty.told_by) + duty.own_work == 1
        assert not duty.told_by or duty.told_by in MESSAGES
        assert not duty.everything or resolve(reverse(duty.everything))


# --- demands, lists, capabilities, organisations ------------------------------------------------------------------


def test_a_demand_waits_for_one_desk_after_the_other():
    owner = make_organisation(region_code="370100")
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=owner)
    city = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100"))
    other_city = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370200"))
    bureau = make_organisation(region_code="370000")
    province = make_person(Role.PROVINCIAL_REVIEWER, organisation=bureau)
    people = (clerk, city, other_city, province)
    scenario = make_submittable_scenario(owner)
    assert waits(*people) == [["scenario.draft"], [], [], []]
    demands.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    drain()
    assert waits(*people) == [[], ["scenario.first_review"], [], []]
    defects = [{"field": "target_indicators", "reason": "写明指标。"}]
    demands.scenario_review(scenario_id=scenario.pk, acting_user=city, action="return_first", defects=defects)
    assert waits(*people) == [["scenario.supplement"], [], [], []]
    demands.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    demands.scenario_review(scenario_id=scenario.pk, acting_user=city, action="pass_first", comment="属实。")
    assert waits(*people) == [[], [], [], ["scenario.provincial_review"]]
    drain()
    told = set(Notification.objects.filter(group="todo").values_list("recipient_id", "topic"))
    assert told == {
        (city.pk, "scenario.waits_for_first_review"),
        (province.pk, "scenario.waits_for_provincial_review"),
    }


def test_a_list_waits_for_its_editor_then_for_an_approver_who_did_not_edit_it():
    bureau = make_organisation(region_code="370000")
    editor = make_person(Role.LIST_EDITOR, organisation=bureau)
    both = make_person(Role.LIST_EDITOR, Role.LIST_APPROVER, organisation=bureau)
    approver = make_person(Role.LIST_APPROVER, organisation=bureau)
    pooled = make_pooled_scenario()
    quarterly = lists.list_create(acting_user=both, quarter=Quarter.of(today()))
    assert waits(editor, both, approver) == [["list.compile"], ["list.compile"], []]
    lists.list_add_items(list_id=quarterly.pk, acting_user=both, scenario_ids=[pooled.pk])
    lists.list_freeze(list_id=quarterly.pk, acting_user=both)
    lists.list_send_to_approval(list_id=quarterly.pk, acting_user=both)
    assert waits(editor, both, approver) == [[], [], ["list.approve"]]
    lists.list_approve(list_id=quarterly.pk, acting_user=approver, secrecy_reviewer_name="李保密")
    assert waits(editor, both, approver) == [[], [], ["list.publish"]]
    assert tell_what_waits()["told"] >= 1
    assert topics_told(approver) == ["list.publish"]
    lists.list_publish(list_id=quarterly.pk, acting_user=approver)
    assert waits(editor, both, approver) == [[], [], []]


def test_a_capability_waits_for_its_verifier_and_goes_back_to_its_vendor():
    firm = make_organisation(region_code="370100")
    seller = make_person(Role.VENDOR_STAFF, organisation=firm)
    city = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100"))
    capability = make_capability(make_vendor(firm))
    assert waits(seller, city) == [["capability.draft"], []]
    capability.state = CapabilityState.SUBMITTED
    capability.save(update_fields=["state"])
    assert waits(seller, city) == [[], ["capability.verify"]]
    capability.state = CapabilityState.RETURNED
    capability.save(update_fields=["state"])
    assert waits(seller, city) == [["capability.supplement"], []]
    capability.state, capability.expires_on = CapabilityState.LISTED, today() + timedelta(days=61)
    capability.save(update_fields=["state", "expires_on"])
    assert waits(seller, city) == [[], []]
    capability.expires_on = today() + timedelta(days=60)
    capability.save(update_fields=["expires_on"])
    assert waits(seller, city) == [["capability.renew"], []]


def test_an_unverified_organisation_reminds_its_manager_and_a_pending_one_its_verifier():
    organisation = make_organisation(region_code="370100")
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=organisation)
    city = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100"))
    organisation.state = OrganisationState.UNVERIFIED
    organisation.save(update_fields=["state"])
    manager.current_organisation.refresh_from_db()
    assert waits(manager, city) == [["organisation.request_verification"], []]
    assert tell_what_waits() == {"told": 1, "done": 0}
    organisation.state = OrganisationState.PENDING
    organisation.save(update_fields=["state"])
    manager.current_organisation.refresh_from_db()
    assert waits(manager, city) == [[], ["organisation.verify"]]
    assert tell_what_waits() == {"told": 0, "done": 1}


def test_interest_waits_for_the_owner_and_a_confirmation_for_the_other_side(clock):
    scenario = make_listed_scenario()
    owner = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    capability = make_listed_capability()
    seller = make_person(Role.VENDOR_STAFF, organisation=capability.vendor.organisation)
    stranger = make_person(Role.VENDOR_STAFF)
    people = (owner, seller, stranger)
    engagement = engagements.engagement_begin(
        scenario_id=scenario.pk, acting_user=seller, message="可在三个月内部署。", capability_id=capability.pk
    )
    assert waits(*people) == [["engagement.answer"], [], []]
    step = {"public_id": engagement.public_id}
    engagements.engagement_accept(**step, acting_user=owner)
    assert waits(*people) == [[], [], []]
    engagements.engagement_trial(
        **step, acting_user=owner, trial_plan="在两个小区试用，数据不出域。", trial_ends_on=today() + timedelta(days=30)
    )
    engagements.engagement_confirm(**step, acting_user=seller, step="intent")
    assert waits(*people) == [["engagement.confirm"], [], []]
    with frozen(clock + timedelta(days=31)):
        assert waits(owner) == [["engagement.trial_over", "engagement.confirm"]]
        tell_what_waits()
        assert topics_told(owner) == ["engagement.trial_over"]
    engagements.engagement_confirm(**step, acting_user=owner, step="intent")
    assert waits(*people) == [[], [], []]


# --- one challenge, from its need to its end ----------------------------------------------------------------------


@pytest.fixture
def stage():
    return make.make_stage()


@pytest.fixture
def summer():
    """Early enough in the year for every term in working days."""
    with frozen(make.datetime(2026, 7, 1, 10, 0, tzinfo=make.clock.BEIJING)):
        yield


def desk_of(stage, *more):
    return waits(stage.clerk, stage.handler, stage.approver, stage.supervisor, *more)


def test_a_need_waits_for_clerk_reviewer_handler_supervisor_experts_and_approver(stage, clock):
    programme = make.make_programme(stage)
    need = make.make_need(stage, programme)
    assert waits(stage.clerk) == [["need.draft"]]
    needs.need_submit(challenge_id=need.pk, acting_user=stage.clerk)
    assert waits(stage.clerk, stage.city_reviewer) == [[], ["need.check"]]
    needs.need_check(challenge_id=need.pk, acting_user=stage.city_reviewer, conclusion="passed", comment="属实。")
    assert desk_of(stage, stage.city_reviewer) == [[], ["need.argumentation_panel"], [], [], []]
    panel = review.panel_commit(challenge_id=need.pk, acting_user=stage.handler, purpose=PanelPurpose.ARGUMENTATION)
    assert desk_of(stage) == [[], [], [], ["panel.draw"]]
    panel = review.panel_draw(panel_public_id=panel.public_id, acting_user=stage.supervisor, witness_words="见证")
    expert = panel.seats.order_by("draw_position").first().expert.user
    assert desk_of(stage, expert) == [[], ["need.argue"], [], [], ["seat.answer"]]
    needs.need_argue(challenge_id=need.pk, acting_user=stage.handler)
    make.declare_all(panel)
    assert desk_of(stage, expert) == [[], [], [], [], ["seat.score"]]
    make.score_all(panel)
    assert desk_of(stage, expert) == [[], [], [], [], []]


def test_a_list_waits_for_agreement_handler_officers_and_approver(stage, clock):
    programme = make.make_programme(stage)
    need = make.make_selected_need(stage, programme)
    assert desk_of(stage) == [[], ["need.list"], [], []]
    need.demander_agreed_at = None
    need.save(update_fields=["demander_agreed_at"])
    assert desk_of(stage) == [["need.agree"], ["need.list"], [], []]
    tell_what_waits()
    assert (topics_told(stage.clerk)[-1], topics_told(stage.handler)[-1]) == ("need.agree", "need.list")
    needs.need_agree(challenge_id=need.pk, acting_user=stage.clerk)
    annual_list = programmes.annual_list_create(programme_id=programme.pk, acting_user=stage.handler)
    programmes.annual_list_add(list_id=annual_list.pk, challenge_ids=[need.pk], acting_user=stage.handler)
    openers.opener_appoint(
        list_id=annual_list.pk,
        acting_user=stage.handler,
        capacity="supervision",
        user=stage.supervisor,
        organisation=stage.supervisor.current_organisation,
    )
    assert desk_of(stage) == [[], ["annual_list.send"], [], ["opener.key"]]
    tell_what_waits()
    assert topics_told(stage.supervisor)[-1] == "opener.key"


def test_a_list_in_review_waits_for_the_approver(stage, clock):
    programme = make.make_programme(stage)
    need = make.make_selected_challenge(stage, programme)
    annual_list = make.make_annual_list(stage, [need])
    programmes.annual_list_send_to_approval(list_id=annual_list.pk, acting_user=stage.handler)
    assert desk_of(stage) == [[], [], ["annual_list.publish"], []]
    assert tell_what_waits()["told"] == 1
    assert tell_what_waits() == {"told": 0, "done": 0}
    programmes.annual_list_publish(
        list_id=annual_list.pk, acting_user=stage.approver, minutes_number="纪要1号", secrecy_reviewer_name="李保密"
    )
    assert desk_of(stage) == [[], [], [], []]
    assert tell_what_waits() == {"told": 0, "done": 1}


def test_bids_openings_review_decision_and_contract_wait_for_their_people(summer, stage):
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder("甲公司")
    question = clarification.question_ask(challenge_id=challenge.pk, acting_user=bidder, text="可否分期？")
    assert desk_of(stage, bidder) == [[], ["question.answer"], [], [], []]
    clarification.question_answer(question_public_id=question.public_id, acting_user=stage.handler, answer="可以。")
    make.hand_in(challenge, bidder)
    make.hand_in(challenge, make.make_bidder("乙研究院"))
    assert desk_of(stage, bidder) == [[], [], [], [], []]
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        officers = ["opening.technical"]
        assert desk_of(stage, stage.platform) == [[], [*officers, "review.panel"], [], officers, officers]
        challenge.refresh_from_db()
        key = openings.key_for_opening(challenge, EnvelopeKind.TECHNICAL)
        owners = {str(user.officer_keys.get().public_id): user for user in (stage.handler, stage.supervisor)}
        subset = next(one["officers"] for one in key.wrapped if set(one["officers"]) == set(owners))
        first, second = (owners[name] for name in subset)
        opening = openings.opening_start(
            challenge_id=challenge.pk, acting_user=first, kind=EnvelopeKind.TECHNICAL, officers=subset
        )
        assert ["opening.turn" in topics for topics in waits(first, second, stage.platform)] == [True, False, False]
        openings.opening_peel(
            opening_public_id=opening.public_id, acting_user=first, peeled=make.peel(stage, challenge, opening, 0)
        )
        assert ["opening.turn" in topics for topics in waits(first, second, stage.platform)] == [False, True, False]
        tell_what_waits()
        assert "opening.turn" in topics_told(second)
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        assert desk_of(stage) == [[], ["bid.formal_check", "review.panel"], [], []]
        make.pass_formal_check(stage, challenge)
        panel = review.panel_commit(challenge_id=challenge.pk, acting_user=stage.handler, purpose=PanelPurpose.REVIEW)
        assert desk_of(stage) == [[], [], [], ["panel.draw"]]
        panel = review.panel_draw(panel_public_id=panel.public_id, acting_user=stage.supervisor, witness_words="见证")
        make.declare_all(panel)
        assert desk_of(stage) == [[], ["review.start"], [], []]
        review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
        make.score_all(panel)
        challenge.refresh_from_db()
        assert desk_of(stage, stage.platform) == [[], ["opening.price"], [], ["opening.price"], ["opening.price"]]
        make.open_envelopes(stage, challenge, EnvelopeKind.PRICE)
        assert desk_of(stage, stage.platform) == [[], ["review.complete"], [], [], []]
        review.review_complete(challenge_id=challenge.pk, acting_user=stage.handler)
        assert desk_of(stage) == [[], [], ["decision.take"], []]
        best = decision.ranked_results(challenge)[0].bid
        winner = best.submitted_by
        make.decide(stage, challenge, [make.winner(best)])
        assert desk_of(stage) == [[], [], ["publicity.start"], []]
        publicity = decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
        assert desk_of(stage) == [[], [], [], []]
        objection = decision.objection_file(
            publicity_public_id=publicity.public_id,
            acting_user=make.make_bidder("丙公司"),
            filer_name="丙公司",
            filer_phone="0531-66600002",
            subject="资格",
            facts="不具备所称的试验条件。",
            sworn=True,
        )
        assert desk_of(stage) == [[], [], [], ["objection.admit"]]
        decision.objection_admit(objection_public_id=objection.public_id, acting_user=stage.supervisor)
        assert desk_of(stage) == [[], [], [], ["objection.conclude"]]
        decision.objection_conclude(
            objection_public_id=objection.public_id,
            acting_user=stage.supervisor,
            conclusion="dismissed",
            findings="查阅了试验记录。",
            reply="经查，具备。",
        )
        assert desk_of(stage) == [[], [], [], ["publicity.resume"]]
        decision.publicity_resume(challenge_id=challenge.pk, acting_user=stage.supervisor)
        assert desk_of(stage) == [[], [], [], []]
    with frozen(make.after_deadline(challenge) + timedelta(days=60)):
        assert desk_of(stage) == [[], [], ["decision.award"], []]
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        assert desk_of(stage, winner) == [[], ["contract.draw_up"], [], [], []]


def test_a_project_waits_for_each_of_its_sides_in_turn(stage, clock):
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("甲公司"))
    make.hand_in(challenge, make.make_bidder("乙研究院"))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
        best = decision.ranked_results(challenge)[0].bid
        solver = best.submitted_by
        make.decide(stage, challenge, [make.winner(best)])
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
    with frozen(make.after_deadline(challenge) + timedelta(days=8)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        project = make.contract(stage, Award.objects.get(), solver, starts_on=date(2026, 12, 31))
        step = {"project_public_id": project.public_id}
        for sequence in (1, 2):
            day = project.milestones.get(sequence=sequence).due_on
            with frozen(make.datetime.combine(day, make.datetime.min.time(), make.clock.BEIJING)):
                assert desk_of(stage, solver) == [[], [], [], [], ["milestone.report"]]
                projects.milestone_report(**step, sequence=sequence, acting_user=solver, report="完成。")
                assert desk_of(stage, solver) == [["milestone.confirm"], [], [], [], []]
                projects.milestone_confirm(**step, sequence=sequence, acting_user=stage.clerk, opinion="属实。")
                assert desk_of(stage, solver) == [[], ["milestone.assess"], [], [], []]
                tell_what_waits()
                projects.milestone_assess(
                    **step, sequence=sequence, acting_user=stage.handler, conclusion="passed", assessment="通过。"
                )
        assert topics_told(stage.handler).count("milestone.assess") == 2
        assert desk_of(stage, solver) == [[], [], [], [], ["acceptance.apply"]]
        projects.acceptance_apply(**step, acting_user=solver, user_opinion="满意。", report_number="KJ-1")
        assert desk_of(stage, solver) == [[], ["acceptance.call"], [], [], []]
        projects.acceptance_call(**step, acting_user=stage.handler, meeting_on=date(2027, 1, 20))
        assert desk_of(stage, solver) == [[], [], ["acceptance.conclude"], [], []]
        projects.acceptance_conclude(
            **step,
            acting_user=stage.approver,
            technical_passed=True,
            technical_comment="达到指标。",
            financial_passed=True,
            financial_comment="经费合规。",
        )
        assert desk_of(stage, solver) == [[], ["project.evaluate", "challenge.finish"], [], [], []]


# --- the desk and the notices -------------------------------------------------------------------------------------


def test_the_desk_shows_each_step_once_with_a_link_to_where_it_is_taken(stage, clock):
    programme = make.make_programme(stage)
    annual_list = make.make_annual_list(stage, [make.make_selected_challenge(stage, programme)])
    programmes.annual_list_send_to_approval(list_id=annual_list.pk, acting_user=stage.handler)
    client = Client()
    client.force_login(stage.approver)
    html = client.get(reverse("desk")).content.decode()
    assert html.count('data-duty="annual_list.publish"') == 1
    link = reverse("challenges:working_list", args=[annual_list.code])
    assert f'<a href="{link}">{annual_list.title}</a>' in html
    assert client.get(link).status_code == 200
    assert "您还没有业务角色" not in html


def test_who_waits_is_told_whom_they_wait_for():
    owner = make_organisation(region_code="370100")
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=owner)
    scenario = make_submittable_scenario(owner)
    demands.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    client = Client()
    client.force_login(clerk)
    html = client.get(reverse("desk")).content.decode()
    assert "目前没有需要您办理的事项" in html
    assert "等待市级或部门初审单位" in html
    assert scenario.title in html


def test_everybody_sees_what_they_have_asked_of_others(clock):
    bureau = make_organisation(region_code="370000")
    proposer, confirmer = (make_person(Role.SECURITY_ADMINISTRATOR, organisation=bureau) for _number in range(2))
    person = make_person(organisation=bureau)
    membership = person.memberships.get()
    RoleProposal.objects.create(membership=membership, role=Role.LIST_APPROVER, proposed_by=proposer)
    assert expects(proposer, confirmer) == [["role.confirmation"], []]
    assert waits(proposer, confirmer) == [[], ["role.confirm"]]

    scenario = make_listed_scenario()
    editor, approver = (
        make_person(Role.LIST_EDITOR, organisation=bureau),
        make_person(Role.LIST_APPROVER, organisation=bureau),
    )
    quarterly = scenario.list_items.get().quarterly_list
    ErratumDraft.objects.create(quarterly_list=quarterly, corrected_text="改", reason="笔误", prepared_by=editor)
    assert expects(editor, approver) == [["list.erratum"], []]
    assert waits(editor, approver) == [[], ["list.erratum"]]

    capability = make_listed_capability()
    seller = make_person(Role.VENDOR_STAFF, organisation=capability.vendor.organisation)
    customer = make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation("示例公路局"))
    case = case_save(capability_id=capability.pk, acting_user=seller, title="某桥监测", customer="示例公路局")
    confirmation_ask(case_id=case.pk, acting_user=seller)
    assert expects(seller, customer) == [["case.confirmation"], []]
    assert waits(seller, customer) == [[], ["case.confirm"]]


def test_a_missing_year_waits_for_the_system_administrator(clock):
    administrator = make_person(Role.SYSTEM_ADMINISTRATOR)
    (waiting,) = todos.waiting_for(administrator, roles=current_roles(administrator), shown=6)
    assert [(todo.title, todo.url) for todo in waiting.todos] == [("2027 年节假日安排", reverse("workdays"))]
    with frozen(make.datetime(2026, 10, 31, 10, 0, tzinfo=make.clock.BEIJING)):
        assert waits(administrator) == [[]]


def test_a_notice_leads_to_the_step_and_counts_as_read_once_the_step_is_taken(stage, clock):
    programme = make.make_programme(stage)
    need = make.make_checked_need(stage, programme)
    tell_what_waits()
    notice = Notification.objects.get(recipient=stage.handler, topic="todo.waits")
    assert notice.title == f"组建论证专家组：{need.title}"
    assert notice.url == reverse("challenges:act", args=["challenge", str(need.public_id), "commit_argumentation"])
    assert notice.read_at is None
    review.panel_commit(challenge_id=need.pk, acting_user=stage.handler, purpose=PanelPurpose.ARGUMENTATION)
    tell_what_waits()
    notice.refresh_from_db()
    assert notice.read_at is not None


def test_before_the_opening_nobody_is_told_anything_that_depends_on_bids(stage, clock):
    challenge = make.make_open_challenge(stage)
    people = (stage.handler, stage.approver, stage.supervisor, stage.platform, stage.clerk)
    tell_what_waits()
    without = (waits(*people), Notification.objects.count())
    make.hand_in(challenge, make.make_bidder("甲公司"))
    tell_what_waits()
    assert (waits(*people), Notification.objects.filter(recipient__in=people).count()) == without
