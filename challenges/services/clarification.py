"""Questions, answers, clarifications, invitations: the same facts for everybody at one instant (domain.md §2.4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Organisation, User
from accounts.permissions import organisation_of, refuse_suspended
from challenges.enums import ChallengeState, QuestionState
from challenges.events import ChallengeClarified, DeadlineNears, QuestionAnswered, SolverInvited
from challenges.models import Challenge, ChallengeFollower, ChallengeVersion, Invitation, Question
from challenges.permissions import handles_challenge, may_bid
from challenges.sealing.verification import PUBLISHED
from challenges.services.chain import chain_append
from challenges.services.movement import locked_challenge, touch
from challenges.services.needs import apply_values, put_indicators
from challenges.services.openers import store_envelope_keys
from challenges.services.programmes import keep_version, published_body
from challenges.states import programme_parameters
from challenges.validators import fair_competition_problems, personal_information_problems
from core import audit, outbox
from core.clock import database_now, now
from core.errors import DomainError, GuardFailed, InvalidInput, NotPermitted, ObjectNotFound

LONGEST_QUESTION = 2000
#: What a clarification may change. Criteria, weights and funding caps are the rules of the game: only with `material`.
CLARIFIABLE_FIELDS = frozenset(
    {
        "background",
        "content",
        "expected_result",
        "intellectual_property",
        "acceptance_method",
        "eligibility_conditions",
        "duration_months",
        "public_contact_office",
        "public_contact_phone",
        "public_contact_email",
    }
)
MATERIAL_FIELDS = frozenset({"criteria", "grant_cap_fen", "budget_source", "restricts_by"})


# --- questions ----------------------------------------------------------------------------------------------------


def takes_questions(challenge: Challenge) -> bool:
    """Published, and before the cut-off; a page offers the question only while this holds."""
    cut_off = challenge.question_deadline_at
    return challenge.state == ChallengeState.PUBLISHED and (cut_off is None or database_now() < cut_off)


@transaction.atomic
def question_ask(*, challenge_id: int, acting_user: User, text: str) -> Question:
    """Ask before the cut-off. Who asked is shown to nobody but themselves."""
    own = organisation_of(acting_user)
    challenge = Challenge.objects.filter(pk=challenge_id).first()
    if challenge is None or own is None or not (challenge.is_public or challenge.directed_to_id == own.pk):
        raise ObjectNotFound()
    if not may_bid(acting_user):
        raise NotPermitted(_("提问需要“供给方经办人”角色。"))
    if not takes_questions(challenge):
        raise DomainError(_("提问已经截止。"), code="questions_closed")
    if not text.strip():
        raise InvalidInput({"text": [_("请填写问题。")]})
    if len(text) > LONGEST_QUESTION:
        raise InvalidInput({"text": [_("问题最多 %d 个字，请精简。") % LONGEST_QUESTION]})
    question = Question.objects.create(challenge=challenge, asked_by=acting_user, organisation=own, text=text.strip())
    ChallengeFollower.objects.get_or_create(challenge=challenge, organisation=own)
    return question


@transaction.atomic
def question_answer(*, question_public_id: UUID, acting_user: User, answer: str, declined: bool = False) -> Question:
    """Answer to all at once. An answer is never changed: a second one comes by clarification."""
    question = (
        Question.objects.select_for_update(of=("self",))
        .select_related("challenge", "challenge__programme")
        .filter(public_id=question_public_id)
        .first()
    )
    if question is None or not handles_challenge(acting_user, question.challenge):
        raise ObjectNotFound()
    if question.state != QuestionState.ASKED:
        raise DomainError(_("该问题已经答复；需要更正时请发布澄清。"), code="question_answered")
    if not answer.strip():
        raise InvalidInput({"answer": [_("请填写答复内容。")]})
    question.answer, question.answered_by, question.answered_at = answer.strip(), acting_user, now()
    question.state = QuestionState.DECLINED if declined else QuestionState.ANSWERED
    question.save(update_fields=["answer", "answered_by", "answered_at", "state"])
    audit.record(acting_user, "challenges.question.answer", question.challenge, {"question": str(question.public_id)})
    outbox.publish(QuestionAnswered(question.pk))
    return question


@transaction.atomic
def challenge_follow(*, challenge_id: int, acting_user: User, follow: bool = True) -> bool:
    """Be told of every answer and change, or no longer. Who bids stays a follower."""
    own = organisation_of(acting_user)
    challenge = Challenge.objects.filter(pk=challenge_id).first()
    if challenge is None or own is None or not (challenge.is_public or challenge.directed_to_id == own.pk):
        raise ObjectNotFound()
    refuse_suspended(acting_user)
    if follow:
        ChallengeFollower.objects.get_or_create(challenge=challenge, organisation=own)
    elif not challenge.bids.filter(organisation=own).exists():
        ChallengeFollower.objects.filter(challenge=challenge, organisation=own).delete()
    return follow


# --- clarifications -----------------------------------------------------------------------------------------------


@transaction.atomic
def challenge_clarify(
    *,
    challenge_id: int,
    acting_user: User,
    values: Mapping[str, Any],
    reason: str,
    material: bool,
    deadline_at: datetime | None = None,
    made_keys: Sequence[Mapping[str, Any]] | None = None,
) -> ChallengeVersion:
    """Publish the next version of a call. Nothing published is edited in place.

    A material change with less than `clarification_minimum_days` left moves the deadline out to that many days
    (招标投标法 23); bids must be reconfirmed. The deadline may be extended, never shortened, and only before it has
    passed. New `made_keys` (after officers were replaced) make it material, and every bid is to be sealed again.
    """
    challenge = locked_challenge(challenge_id)
    if not handles_challenge(acting_user, challenge):
        raise ObjectNotFound()
    moment = database_now()
    if challenge.state != ChallengeState.PUBLISHED or challenge.deadline_at is None or moment >= challenge.deadline_at:
        raise DomainError(_("揭榜已经截止，不能再修改榜单。"), code="clarification_late")
    if not reason.strip():
        raise InvalidInput({"reason": [_("请写明修改了什么、为什么，所有关注者都会收到。")]})
    material = material or made_keys is not None or bool(set(values) & MATERIAL_FIELDS) or "indicators" in values
    apply_values(challenge, values, CLARIFIABLE_FIELDS | MATERIAL_FIELDS)
    if "indicators" in values:
        put_indicators(challenge, values["indicators"])
    sheet = programme_parameters(challenge)
    wanted = deadline_at or challenge.deadline_at
    if wanted < challenge.deadline_at:
        raise InvalidInput({"deadline_at": [_("截止时间只能推迟，不能提前。")]})
    if material:
        wanted = max(wanted, moment + timedelta(days=sheet.clarification_minimum_days))
    problems = fair_competition_problems(challenge) + personal_information_problems(challenge)
    if problems:
        raise GuardFailed(problems)
    challenge.deadline_at = wanted
    if made_keys is not None:
        store_envelope_keys(challenge, acting_user, made_keys, sheet)
    touch(challenge)
    challenge.save()
    version = keep_version(challenge, acting_user, reason=reason.strip(), material=material)
    chain_append(challenge, PUBLISHED, published_body(challenge, version))
    audit.record(
        acting_user,
        "challenges.challenge.clarify",
        challenge,
        {"version": version.number, "material": material, "deadline_at": wanted.isoformat()},
    )
    outbox.publish(ChallengeClarified(challenge.pk, version.number, material))
    return version


# --- invitations --------------------------------------------------------------------------------------------------


@transaction.atomic
def solver_invite(
    *, challenge_id: int, organisation: Organisation, acting_user: User, reasons: Sequence[str] = ()
) -> Invitation:
    """Tell one proposed solver of a published challenge. The notice names nobody else (招标投标法 22)."""
    challenge = Challenge.objects.select_related("programme", "demander").filter(pk=challenge_id).first()
    if challenge is None or not handles_challenge(acting_user, challenge):
        raise ObjectNotFound()
    if challenge.state != ChallengeState.PUBLISHED or not challenge.is_public:
        raise DomainError(_("只有正在公开揭榜的榜单可以邀请。"), code="not_open")
    if organisation.pk == challenge.demander_id:
        raise DomainError(_("不能邀请需求单位自己揭榜。"), code="bidder_is_demander")
    invitation, created = Invitation.objects.get_or_create(
        challenge=challenge,
        organisation=organisation,
        defaults={"reasons": list(reasons), "invited_by": acting_user},
    )
    if created:
        audit.record(acting_user, "challenges.solver.invite", challenge, {"organisation": str(organisation)})
        outbox.publish(SolverInvited(invitation.pk))
    return invitation


# --- reminders ----------------------------------------------------------------------------------------------------


def deadlines_remind() -> int:
    """Announce each deadline 7 days, 3 days, 24 and 2 hours before, once each (reliability: a promise kept).

    What was announced stands on the challenge with the deadline it was about; after an extension the marks count
    anew. A clock that slept over several marks announces only the nearest.
    """
    announced = 0
    for challenge in Challenge.objects.filter(state=ChallengeState.PUBLISHED).select_related(
        "annual_list", "programme"
    ):
        if challenge.deadline_at is None:
            continue
        left = challenge.deadline_at - now()
        marks = [
            hours
            for hours in programme_parameters(challenge).reminder_hours
            if timedelta(0) < left <= timedelta(hours=hours)
        ]
        if marks and _announce(challenge.pk, min(marks), challenge.deadline_at):
            announced += 1
    return announced


@transaction.atomic
def _announce(challenge_id: int, hours: int, deadline_at: datetime) -> bool:
    challenge = locked_challenge(challenge_id)
    key = f"{deadline_at.isoformat()}/{hours}"
    if challenge.deadline_at != deadline_at or key in challenge.reminders_sent:
        return False
    challenge.reminders_sent = [*challenge.reminders_sent, key]
    challenge.save(update_fields=["reminders_sent"])
    outbox.publish(DeadlineNears(challenge.pk, hours))
    return True
