"""S7 of security.md: any order of submit, replace, withdraw, time jumps, freeze, open, score, decide, object, award.

Whatever is tried, in whatever state: nothing is read before the opening, the manifest is the receipts in force, the
record verifies, one decision is awarded. Among the random steps are short stretches of the rightful next ones, so that
lives come as far as an award. `STATEFUL_RUNS` and `STATEFUL_STEPS` set the size; drills/sealed_states runs it at full
count.
"""

import json
import os
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from challenges import records, selectors
from challenges.enums import AwardState, BidState, ChallengeState, EnvelopeKind, PanelPurpose
from challenges.models import Award, Challenge
from challenges.sealing.verification import verify_record
from challenges.services import bids, decision, review
from challenges.services.diagnosis import OpeningInterrupted
from core.clock import BEIJING, frozen
from core.errors import DomainError
from tests.challenges.damaged.containers import CONTAINERS, MANIFESTS, PRICES, container, index_of
from tests.challenges.damaged.files import damaged_files
from tests.challenges.damaged.hand_in import hand_in_content
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db(transaction=False), pytest.mark.integration]

RUNS = int(os.environ.get("STATEFUL_RUNS", "12"))
STEPS = int(os.environ.get("STATEFUL_STEPS", "50"))
BEGINNING = make.datetime(2026, 11, 2, 10, tzinfo=BEIJING)
BIDDERS = 3
FILES = damaged_files()
#: Of every kind of damage some; all of them are opened in test_damaged_bids.
WAYS = {
    "members of numbers": ("technical", MANIFESTS["members of numbers"]),
    "plan with half a character": ("technical", MANIFESTS["plan with half a character"]),
    "the platform's refused files": ("technical", MANIFESTS["the platform's refused files"]),
    "price below nothing": ("price", PRICES["total below nothing"]),
    "price a list": ("price", PRICES["a list"]),
    "deep lists": ("container", CONTAINERS["lists of 900 levels"]),
    "index cut short": ("container", CONTAINERS["index cut short"]),
    "newer zip": ("file", FILES["docx: asks for a newer zip version"]),
    "broken deflate": ("file", FILES["xlsx: broken deflate"]),
    "odd pdf": ("file", FILES["pdf: a cross reference to nowhere"]),
}
_BEFORE = (ChallengeState.PUBLISHED, ChallengeState.CLOSED)


def hand_in_odd(challenge, user, kind, oddity):
    """A bid with an odd technical manifest, price or container, or with an odd file."""
    if kind == "file":
        name, content = oddity
        return make.hand_in(challenge, user, files=[(name, content())])
    if kind == "technical":
        return hand_in_content(challenge, user, technical=container(index_of(oddity)))
    if kind == "price":
        return hand_in_content(challenge, user, price=container(index_of(oddity)))
    return hand_in_content(challenge, user, technical=oddity)


class Life(RuleBasedStateMachine):
    """One challenge and three bidders; every step is tried by its rightful person at a moment that only grows."""

    stage: make.Stage
    bidders: list
    #: Of the whole run: lives, steps taken and refused, and how many lives came to which state.
    played: Counter[str] = Counter()

    @initialize()
    def begin(self):
        self.savepoint = transaction.savepoint()
        self.moment = BEGINNING
        with frozen(self.moment):
            self.challenge = make.make_open_challenge(self.stage, days_open=21)
        self.receipts = {}
        self.withdrawn = []
        self.states = {str(self.challenge.state)}

    def teardown(self):
        if hasattr(self, "states"):
            self.played.update(["lives", *(f"reached {state}" for state in self.states)])
        transaction.savepoint_rollback(self.savepoint)

    def try_to(self, step):
        """Take a step or be refused; a refusal is a DomainError and nothing else."""
        with frozen(self.moment):
            try:
                with transaction.atomic():
                    result = step()
            except OpeningInterrupted:
                raise  # no odd bid may be taken for trouble of the platform's own
            except DomainError:
                self.played["refused"] += 1
                return None
            finally:
                self.played["steps"] += 1
        self.challenge = Challenge.objects.select_related("programme", "demander", "annual_list").get(
            pk=self.challenge.pk
        )
        self.states.add(str(self.challenge.state))
        return result

    # --- time ---------------------------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 24, 24 * 5, 24 * 10]))
    def time_passes(self, hours):
        self.moment += timedelta(hours=hours)

    @rule(offset=st.sampled_from([-1, 0, 1]))
    def time_jumps_to_the_deadline(self, offset):
        target = self.challenge.deadline_at + timedelta(seconds=offset)
        self.moment = max(self.moment, target)

    # --- bidders ------------------------------------------------------------------------------------------------

    @rule(number=st.integers(0, BIDDERS - 1), price=st.integers(1, 300))
    def submit(self, number, price):
        user = self.bidders[number]
        version = self.try_to(lambda: make.hand_in(self.challenge, user, price=make.price_of(price * 1_000_000)))
        if version is not None:
            assert version.received_at < self.challenge.deadline_at
            assert self.challenge.state == ChallengeState.PUBLISHED
            self.receipts[number] = version.receipt

    @rule(number=st.integers(0, BIDDERS - 1), way=st.sampled_from([*WAYS]))
    def submit_something_odd(self, number, way):
        """A manifest, a container or a file that is odd: taken like any bid, for nobody can look inside."""
        user = self.bidders[number]
        version = self.try_to(lambda: hand_in_odd(self.challenge, user, *WAYS[way]))
        if version is not None:
            self.played["odd bids taken"] += 1
            self.receipts[number] = version.receipt

    @rule(number=st.integers(0, BIDDERS - 1))
    def withdraw(self, number):
        user = self.bidders[number]
        confirmation = self.try_to(lambda: bids.bid_withdraw(challenge_id=self.challenge.pk, acting_user=user))
        if confirmation is not None:
            self.withdrawn.append(confirmation)
            self.receipts.pop(number, None)

    # --- the platform's side ------------------------------------------------------------------------------------

    @rule()
    def freeze(self):
        self.try_to(bids.challenges_freeze_due)

    @rule(kind=st.sampled_from(EnvelopeKind.values))
    def open(self, kind):
        self.try_to(lambda: make.open_envelopes(self.stage, self.challenge, kind))

    @rule()
    def formal_check(self):
        self.try_to(lambda: make.pass_formal_check(self.stage, self.challenge))

    @rule()
    def form_and_run_the_panel(self):
        def step():
            panel = review.review_panel(self.challenge) or make.draw_panel(
                self.stage, self.challenge, PanelPurpose.REVIEW
            )
            make.declare_all(panel)
            if self.challenge.state == ChallengeState.FORMAL_CHECKED:
                review.review_start(challenge_id=self.challenge.pk, acting_user=self.stage.handler)
            panel.challenge.refresh_from_db()
            make.score_all(panel)

        self.try_to(step)

    @rule()
    def complete_review(self):
        self.try_to(lambda: review.review_complete(challenge_id=self.challenge.pk, acting_user=self.stage.handler))

    @rule(place=st.integers(0, BIDDERS - 1), reason=st.sampled_from(["", "按会议决定。"]))
    def decide(self, place, reason):
        ranked = decision.ranked_results(self.challenge)
        chosen = [make.winner(ranked[place % len(ranked)].bid)] if ranked else []
        self.try_to(lambda: make.decide(self.stage, self.challenge, chosen, reason))

    @rule()
    def publicise(self):
        self.try_to(lambda: decision.publicity_start(challenge_id=self.challenge.pk, acting_user=self.stage.approver))

    @rule(number=st.integers(0, BIDDERS - 1))
    def object(self, number):
        publicity = self.challenge.publicities.order_by("-pk").first()
        if publicity is None:
            return
        self.try_to(
            lambda: decision.objection_file(
                publicity_public_id=publicity.public_id,
                acting_user=self.bidders[number],
                filer_name="异议单位",
                filer_phone="0531-66600003",
                subject="资格",
                facts="不符合条件。",
                sworn=True,
            )
        )

    @rule(admit=st.booleans())
    def answer_objections(self, admit):
        for publicity in self.challenge.publicities.all():
            for objection in publicity.objections.all():
                if admit:
                    self.try_to(
                        lambda objection=objection: decision.objection_admit(
                            objection_public_id=objection.public_id, acting_user=self.stage.supervisor
                        )
                    )
                self.try_to(
                    lambda objection=objection: decision.objection_conclude(
                        objection_public_id=objection.public_id,
                        acting_user=self.stage.supervisor,
                        conclusion="dismissed" if admit else "inadmissible",
                        findings="已核查。",
                        reply="异议不成立。",
                    )
                )

    @rule()
    def resume(self):
        self.try_to(
            lambda: decision.publicity_resume(challenge_id=self.challenge.pk, acting_user=self.stage.supervisor)
        )

    @rule()
    def award(self):
        before = self.challenge.state
        if (
            self.try_to(
                lambda: decision.challenge_award(challenge_id=self.challenge.pk, acting_user=self.stage.approver)
            )
            is not None
        ):
            assert before == ChallengeState.PUBLICITY
            publicity = self.challenge.publicities.order_by("-pk").first()
            assert self.moment.astimezone(BEIJING).date() > publicity.last_day

    # --- the rightful way ---------------------------------------------------------------------------------------

    def next_step(self):
        """What the state asks for next; prices are opened when the scores are locked, the publicity runs out first."""
        state = self.challenge.state
        if state == ChallengeState.PUBLISHED:
            if not self.receipts:
                self.submit(0, 200)
            self.time_jumps_to_the_deadline(0)
            self.freeze()
        elif state == ChallengeState.CLOSED:
            self.open(EnvelopeKind.TECHNICAL)
        elif state == ChallengeState.OPENED:
            self.formal_check()
        elif state == ChallengeState.FORMAL_CHECKED:
            self.form_and_run_the_panel()
        elif state == ChallengeState.REVIEWING:
            if self.challenge.price_opened_at is None:
                self.open(EnvelopeKind.PRICE)
            else:
                self.complete_review()
        elif state == ChallengeState.REVIEWED:
            self.decide(0, "")
        elif state == ChallengeState.DECIDED:
            self.publicise()
        elif state == ChallengeState.PUBLICITY:
            self.time_passes(24 * 10)
            self.award()

    @rule(steps=st.integers(1, 4))
    def go_on(self, steps):
        for _step in range(steps):
            self.next_step()

    # --- what always holds --------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_read_before_the_opening(self):
        if not hasattr(self, "challenge") or self.challenge.opened_at is not None:
            return
        assert not self.challenge.bids.exclude(technical_cipher=None).exists()
        for person in (self.stage.handler, self.stage.approver, self.stage.supervisor):
            with pytest.raises(DomainError), transaction.atomic():
                selectors.bids_of(person, self.challenge)

    @invariant()
    def the_manifest_is_the_receipts_in_force(self):
        if not hasattr(self, "challenge"):
            return
        bodies = {body["organisation"]: body for body in bids.final_bodies(self.challenge)}
        held = {receipt["body"]["organisation"]: receipt["body"] for receipt in self.receipts.values()}
        assert bodies == held

    @invariant()
    def the_record_verifies_once_opened(self):
        if not hasattr(self, "challenge") or self.challenge.opened_at is None:
            return
        record = records.challenge_record(self.challenge)
        record["receipts"] = [*self.receipts.values(), *self.withdrawn]
        assert verify_record(record).failures == []

    @invariant()
    def an_opening_leaves_no_bid_without_a_word(self):
        if not hasattr(self, "challenge") or self.challenge.opened_at is None:
            return
        for bid in self.challenge.bids.all():
            assert bid.state != BidState.LOCKED
            if bid.state == BidState.UNREADABLE:
                assert bid.unreadable_reason
                assert None not in (bid.unreadable_by_bidder, bid.unreadable_at)

    @invariant()
    def at_most_one_decision_is_awarded(self):
        if not hasattr(self, "challenge"):
            return
        decisions = set(
            Award.objects.filter(decision__challenge=self.challenge, state=AwardState.AWARDED).values_list(
                "decision_id", flat=True
            )
        )
        assert len(decisions) <= 1
        if self.challenge.state in _BEFORE:
            assert not decisions
        assert self.challenge.bids.filter(state=BidState.AWARDED).count() <= 1


def test_whatever_the_order_the_seal_holds(db):
    Life.stage = None
    Life.played.clear()
    with frozen(BEGINNING):
        Life.stage = make.make_stage(expert_count=9)
        Life.bidders = [make.make_bidder(f"揭榜单位{number}") for number in range(BIDDERS)]
    try:
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=RUNS,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        print(json.dumps(Life.played))
    assert Life.played["lives"] >= RUNS
