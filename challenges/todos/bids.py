"""Questions, bids and their formal check."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from challenges.enums import BidState, ChallengeState, QuestionState
from challenges.models import Bid, BidDraft, Challenge, Question
from challenges.permissions import handles_challenge
from challenges.selectors import own_bids, own_drafts
from challenges.services.bids import unconfirmed
from challenges.services.review import awaits_supplement
from challenges.todos.rows import (
    HANDLER,
    SINCE,
    SOLVER,
    act,
    challenges_in,
    holders,
    offered,
    permitted,
    title_of,
    title_of_challenge,
)
from core import todos
from core.todos import Duty, Expectation

S = ChallengeState
opened = challenges_in(S.OPENED)


def open_questions() -> QuerySet[Question]:
    related = ("challenge", "challenge__programme", "challenge__demander")
    asked = Question.objects.filter(state=QuestionState.ASKED, challenge__state=S.PUBLISHED)
    return asked.select_related(*related).order_by("pk")


def supplements_asked(user: Any) -> list[Bid]:
    asked = own_bids(user).filter(challenge__state=S.OPENED, state=BidState.OPENED).exclude(supplement_due_on=None)
    return [bid for bid in asked if awaits_supplement(bid)]


def outdated(user: Any) -> list[Bid]:
    """Own bids sealed before a material change of the call: they count only once confirmed or handed in anew."""
    sealed = own_bids(user).filter(challenge__state=S.PUBLISHED, state=BidState.SEALED)
    return [bid for bid in sealed if unconfirmed(bid)]


def drafts_without_bid(user: Any) -> list[BidDraft]:
    running = own_drafts(user).filter(challenge__state=S.PUBLISHED)
    handed_in = set(own_bids(user).exclude(state=BidState.WITHDRAWN).values_list("challenge_id", flat=True))
    return [draft for draft in running if draft.challenge_id not in handed_in]


def under_way(user: Any) -> list[Bid]:
    """Own bids that stand and of which nothing has been decided."""
    states = (BidState.SEALED, BidState.LOCKED, BidState.FORM_PASS, BidState.SCORED, BidState.PROPOSED)
    return list(own_bids(user).filter(state__in=states))


def sealing_page(challenge: Challenge) -> str:
    return reverse("challenges:sealing", args=[challenge.code])


todos.register(
    Duty(
        "question.answer",
        _("答复提问"),
        roles=HANDLER,
        rows=offered("question", "answer", open_questions, "challenge__programme__owner"),
        title=title_of_challenge,
        url=act("question", "answer"),
        since=todos.by_field("asked_at"),
        due=lambda question: question.challenge.question_deadline_at,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, open_questions, "challenge__programme__owner"),
    ),
    Duty(
        "bid.draft",
        _("完成并提交标书"),
        roles=SOLVER,
        rows=drafts_without_bid,
        title=title_of_challenge,
        url=lambda draft: sealing_page(draft.challenge),
        since=todos.by_field("saved_at"),
        due=lambda draft: draft.challenge.deadline_at,
        everything="challenges:board",
        own_work=True,
    ),
    Duty(
        "bid.confirm",
        _("榜单有重要修改，请确认标书继续有效或重新提交"),
        roles=SOLVER,
        rows=outdated,
        title=title_of_challenge,
        url=lambda bid: sealing_page(bid.challenge),
        due=lambda bid: bid.challenge.deadline_at,
        everything="challenges:board",
        told_by="challenge.clarified",
    ),
    Duty(
        "bid.formal_check",
        _("形式审查"),
        roles=HANDLER,
        rows=permitted(opened, "programme__owner", handles_challenge),
        title=title_of,
        url=lambda challenge: reverse("challenges:bids", args=[challenge.code]),
        since=SINCE,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, opened, "programme__owner"),
    ),
    Duty(
        "bid.supplement",
        _("提交补正"),
        roles=SOLVER,
        rows=supplements_asked,
        title=title_of_challenge,
        url=act("bid", "answer_supplement"),
        due=lambda bid: bid.supplement_due_on,
        everything="challenges:board",
        told_by="challenge.supplement_asked",
    ),
)

todos.expect(
    Expectation(
        "bid.result",
        _("揭榜结果"),
        _("组织单位"),
        roles=SOLVER,
        rows=under_way,
        title=title_of_challenge,
        url=lambda bid: reverse("challenges:bid", args=[bid.public_id]),
    ),
)
