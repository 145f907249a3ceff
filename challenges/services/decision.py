"""Collective decision, publicity, objections, award (domain.md §2.2 e–f, §2.4, §2.8; V10–V11)."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.permissions import organisation_of, refuse_suspended
from challenges.conflicts import member_codes
from challenges.enums import (
    AwardState,
    BidState,
    ChallengeState,
    CreditGate,
    ObjectionState,
    PanelPurpose,
    PanelState,
    ProgrammeModel,
    PublicityState,
)
from challenges.events import BidConcluded, ContractLate, ObjectionMoved, PublicityEnded, PublicityStarted
from challenges.models import Award, Bid, BidResult, Challenge, Decision, Objection, Publicity
from challenges.permissions import handles_challenge, may_handle_objection
from challenges.scoring import sound_price
from challenges.sealing.verification import AWARDED
from challenges.services.chain import chain_append
from challenges.services.credit import credit_check
from challenges.services.movement import locked_challenge, move
from challenges.states import beijing_day, programme_parameters
from core import audit, outbox
from core.clock import database_now, now, today
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound, Reason
from core.personal_information import masked
from core.working_days import Period, period, working_days_between

LIVE_PUBLICITY = (PublicityState.RUNNING, PublicityState.SUSPENDED)
#: A period that ended without an award yet: an objection filed in time may still stop it, a new decision replaces it.
UNDECIDED_PUBLICITY = (*LIVE_PUBLICITY, PublicityState.ENDED)
_IN_PUBLICITY = (ChallengeState.PUBLICITY, ChallengeState.PUBLICITY_SUSPENDED)


# --- decision -----------------------------------------------------------------------------------------------------


def ranked_results(challenge: Challenge) -> list[BidResult]:
    """Results of the signed review, best first."""
    return list(
        BidResult.objects.filter(
            panel__challenge=challenge, panel__purpose=PanelPurpose.REVIEW, panel__state=PanelState.SIGNED
        )
        .select_related("bid", "bid__organisation")
        .order_by("rank")
    )


def decision_reasons(challenge: Challenge, winners: Sequence[Mapping[str, Any]], deviation_reason: str) -> list[Reason]:
    """What stands against deciding so: unfit bids, too many racers, amounts, a departure without its reason."""
    sheet = programme_parameters(challenge)
    results = {str(row.bid.public_id): row for row in ranked_results(challenge) if row.bid is not None}
    reasons = []
    if not winners:
        return [Reason("winners_missing", challenge.outcome_name(_("请至少选择一个拟中榜单位。")), "winners")]
    if len(winners) > sheet.race_maximum:
        reasons.append(Reason("race_too_many", _("同时支持的单位最多 %d 家。") % sheet.race_maximum, "winners"))
    # In M4 several are shortlisted in one direction, at their own cost: neither grants nor routes are compared.
    if len(winners) > 1 and challenge.programme.model != ProgrammeModel.SHORTLIST:
        if len({row.get("grant_fen") for row in winners}) != 1:
            reasons.append(Reason("race_unequal", _("赛马各单位的前期资助额度应当相同。"), "winners"))
        routes = [str(row.get("technical_route", "")).strip() for row in winners]
        if len(set(routes)) != len(routes) or "" in routes:
            reasons.append(Reason("race_routes", _("赛马各单位应当采用不同的技术路线，请逐一写明。"), "winners"))
    chosen = []
    for row in winners:
        result = results.get(str(row.get("bid")))
        if result is None or result.bid is None or result.bid.state == BidState.DISQUALIFIED:
            reasons.append(Reason("winner_unknown", _("所选申请没有有效的评审结果。"), "winners"))
            continue
        chosen.append(result)
        if result.below_minimum:
            reasons.append(
                Reason(
                    "winner_below_minimum",
                    challenge.outcome_name(_("“%s”有指标低于最低分，不能中榜。")) % result.bid.organisation,
                    "winners",
                )
            )
        if sound_price(result.bid.price_content) is None:
            reasons.append(
                Reason(
                    "winner_price",
                    challenge.outcome_name(_("“%s”没有有效的报价，不能中榜。")) % result.bid.organisation,
                    "winners",
                )
            )
        grant = row.get("grant_fen")
        if (
            not isinstance(grant, int)
            or grant < 0
            or (challenge.grant_cap_fen is not None and grant > challenge.grant_cap_fen)
        ):
            reasons.append(Reason("grant_above_cap", _("拟资助金额应在 0 和榜单上限之间。"), "winners"))
    if len({row.pk for row in chosen}) != len(chosen):
        reasons.append(Reason("winner_twice", _("同一申请被选择了两次。"), "winners"))
    fit = [
        row
        for row in results.values()
        if row.bid is not None and row.bid.state != BidState.DISQUALIFIED and not row.below_minimum
    ]
    best = {row.pk for row in sorted(fit, key=lambda row: row.rank)[: len(chosen)]}
    if not reasons and {row.pk for row in chosen} != best and not deviation_reason.strip():
        reasons.append(
            Reason(
                "deviation_reason",
                _("决策与评审排序不一致，请写明理由，理由将随决策保存并可被查阅。"),
                "deviation_reason",
            )
        )
    return reasons


@transaction.atomic
def decision_make(
    *,
    challenge_id: int,
    acting_user: User,
    minutes_number: str,
    meeting_on: date,
    participants: str,
    winners: Sequence[Mapping[str, Any]],
    deviation_reason: str = "",
) -> Decision:
    """The meeting's decision, with minutes. `winners`: [{"bid", "grant_fen", "technical_route"}], best first.

    A second decision replaces the first, and needs its own full publicity (V11).
    """
    challenge = locked_challenge(challenge_id)
    reasons = decision_reasons(challenge, winners, deviation_reason)
    if not participants.strip():
        reasons.append(Reason("participants_missing", _("请填写参会人员。"), "participants"))
    if meeting_on > today():
        reasons.append(Reason("meeting_ahead", _("会议日期不能晚于今天。"), "meeting_on"))
    source = challenge.state
    move(
        challenge,
        "decide",
        acting_user=acting_user,
        context={"minutes_number": minutes_number, "decision_reasons": reasons},
        detail={"minutes_number": minutes_number, "deviation": bool(deviation_reason.strip())},
    )
    _void_publicities(challenge, source)
    replaced = challenge.decisions.filter(replaced_at=None)
    Award.objects.filter(decision__in=replaced, state=AwardState.PROPOSED).update(state=AwardState.LAPSED)
    replaced.update(replaced_at=now())
    last = challenge.decisions.order_by("-number").first()
    decision = Decision.objects.create(
        challenge=challenge,
        number=last.number + 1 if last is not None else 1,
        minutes_number=minutes_number.strip(),
        meeting_on=meeting_on,
        participants=participants.strip(),
        deviation_reason=deviation_reason.strip(),
        decided_by=acting_user,
    )
    ranks = {str(row.bid.public_id): (row, row.bid) for row in ranked_results(challenge) if row.bid is not None}
    chosen = {str(row["bid"]) for row in winners}
    for row in winners:
        result, bid = ranks[str(row["bid"])]
        Award.objects.create(
            decision=decision,
            bid=bid,
            rank=result.rank,
            grant_fen=row["grant_fen"],
            technical_route=str(row.get("technical_route", "")).strip(),
        )
    for key, (_result, bid) in ranks.items():
        if bid.state == BidState.DISQUALIFIED:
            continue
        state = BidState.PROPOSED if key in chosen else BidState.RESERVE
        Bid.objects.filter(pk=bid.pk).update(state=state)
    chain_append(
        challenge,
        "decided",
        {
            "decision": decision.number,
            "minutes_number": decision.minutes_number,
            "bids": sorted(chosen),
            "from": source,
        },
    )
    return decision


@transaction.atomic
def bid_disqualify(*, bid_public_id: UUID, acting_user: User, reason: str) -> Bid:
    """Take a bid out of the running after opening — withdrawal of a winner, proven falsehood, an upheld objection."""
    bid = Bid.objects.select_related("challenge").filter(public_id=bid_public_id).first()
    if bid is None:
        raise ObjectNotFound()
    challenge = locked_challenge(bid.challenge_id)
    if not handles_challenge(acting_user, challenge):
        raise ObjectNotFound()
    bid = Bid.objects.select_for_update().get(pk=bid.pk)
    if bid.state not in (BidState.SCORED, BidState.PROPOSED, BidState.RESERVE, BidState.AWARDED, BidState.FORM_PASS):
        raise DomainError(_("当前状态不能取消资格。"), code="not_disqualifiable")
    if not reason.strip():
        raise InvalidInput({"reason": [_("请写明依据和理由，当事单位会看到。")]})
    bid.state, bid.disqualified_reason = BidState.DISQUALIFIED, reason.strip()
    bid.save(update_fields=["state", "disqualified_reason"])
    bid.awards.filter(state__in=(AwardState.PROPOSED, AwardState.AWARDED)).update(state=AwardState.WITHDRAWN)
    audit.record(acting_user, "challenges.bid.disqualify", challenge, {"bid": str(bid.public_id), "reason": reason})
    outbox.publish(BidConcluded(bid.pk, "disqualified"))
    return bid


# --- publicity ----------------------------------------------------------------------------------------------------


def current_decision(challenge: Challenge) -> Decision | None:
    return challenge.decisions.filter(replaced_at=None).order_by("-number").first()


def publicity_content(challenge: Challenge, decision: Decision) -> dict[str, Any]:
    """What was decided, as everybody may read it; personal numbers masked (domain.md §2.4)."""
    awards = decision.awards.exclude(state=AwardState.WITHDRAWN).select_related("bid__organisation").order_by("rank")
    return {
        "code": challenge.code,
        "title": masked(challenge.title),
        "demander": str(challenge.demander),
        "winners": [
            {
                "organisation": str(award.bid.organisation),
                "members": [
                    masked(str(row.get("name", "")))
                    for row in (award.bid.technical_content or {}).get("members", ())
                    if row.get("role") != "lead"
                ],
                "grant_fen": award.grant_fen,
                "route": masked(award.technical_route),
            }
            for award in awards
        ],
        "race": len(awards) > 1,
    }


@transaction.atomic
def publicity_start(*, challenge_id: int, acting_user: User) -> Publicity:
    """公示 of the decision: explicit days by the loaded calendars, or a loud failure (V09). Credit gate 3 of 4."""
    challenge = locked_challenge(challenge_id)
    decision = current_decision(challenge)
    span = period(today(), programme_parameters(challenge).publicity_working_days)
    awards = list(decision.awards.filter(state=AwardState.PROPOSED).select_related("bid")) if decision else []
    reasons = [
        reason
        for award in awards
        for reason in credit_check(gate=CreditGate.PUBLICITY, codes=list(member_codes(award.bid)), bid=award.bid)
    ]
    if not awards:
        reasons.append(
            Reason("awards_missing", challenge.outcome_name(_("当前决策没有有效的拟中榜单位，请重新决策。")))
        )
    move(challenge, "publicise", acting_user=acting_user, context={"credit_reasons": reasons})
    publicity = Publicity.objects.create(
        challenge=challenge,
        decision=decision,
        working_days=span.working_days,
        first_day=span.first_day,
        last_day=span.last_day,
        calendar_versions=list(span.calendar_versions),
        content=publicity_content(challenge, decision) if decision is not None else {},
        started_by=decision.decided_by if decision is not None else None,
        approved_by=acting_user,
    )
    chain_append(
        challenge,
        "publicity",
        {
            "first_day": span.first_day.isoformat(),
            "last_day": span.last_day.isoformat(),
            "calendars": list(span.calendar_versions),
            "content": publicity.content,
        },
    )
    outbox.publish(PublicityStarted(publicity.pk))
    return publicity


def live_publicity(challenge: Challenge) -> Publicity | None:
    """The publicity of a challenge that is publicised now; over or not, as long as nothing was awarded on it."""
    states = UNDECIDED_PUBLICITY if challenge.state in _IN_PUBLICITY else LIVE_PUBLICITY
    return challenge.publicities.filter(state__in=states).order_by("-pk").first()


def _void_publicities(challenge: Challenge, source: str) -> None:
    """What was publicised is no longer to be decided on. `source`: the challenge's state before."""
    states = UNDECIDED_PUBLICITY if source in _IN_PUBLICITY else LIVE_PUBLICITY
    current = challenge.publicities.filter(state__in=states)
    if source in _IN_PUBLICITY:
        current = current.filter(decision__replaced_at=None)
    current.update(state=PublicityState.VOID, ended_at=now())


def publicities_end() -> int:
    """The clock's job: each 公示 ends with the last second of its last day in Beijing; who awards is told."""
    moment = database_now()
    due = Publicity.objects.filter(state=PublicityState.RUNNING, last_day__lt=beijing_day(moment))
    count = 0
    for key, challenge_id in list(due.values_list("pk", "challenge_id")):
        with transaction.atomic():
            if challenge_id is not None:
                locked_challenge(challenge_id)
            publicity = Publicity.objects.select_for_update(of=("self",)).get(pk=key)
            if publicity.state != PublicityState.RUNNING or publicity.last_day >= beijing_day(moment):
                continue
            publicity.state, publicity.ended_at = PublicityState.ENDED, moment
            publicity.save(update_fields=["state", "ended_at"])
            audit.record(None, "challenges.publicity.end", publicity, {"last_day": publicity.last_day.isoformat()})
            outbox.publish(PublicityEnded(publicity.pk))
            count += 1
    return count


@transaction.atomic
def publicity_suspend(*, challenge_id: int, acting_user: User) -> Publicity:
    """Stop the clock of this item while an objection is looked into (招标投标法实施条例 54); others run on."""
    challenge = locked_challenge(challenge_id)
    return _suspend(challenge, acting_user)


def _suspend(challenge: Challenge, acting_user: User) -> Publicity:
    publicity = live_publicity(challenge)
    if publicity is None:
        raise DomainError(_("没有正在进行的公示。"), code="publicity_missing")
    move(challenge, "suspend", acting_user=acting_user)
    left = working_days_between(today(), publicity.last_day) if today() <= publicity.last_day else 0
    publicity.state, publicity.suspended_on, publicity.working_days_left = PublicityState.SUSPENDED, today(), left
    publicity.save(update_fields=["state", "suspended_on", "working_days_left"])
    return publicity


@transaction.atomic
def publicity_resume(*, challenge_id: int, acting_user: User) -> Publicity:
    """Go on with what was left, counted from the day after; never less than one working day for late objections."""
    challenge = locked_challenge(challenge_id)
    publicity = live_publicity(challenge)
    if publicity is None:
        raise DomainError(_("没有已中止的公示。"), code="publicity_missing")
    span: Period = period(today(), max(publicity.working_days_left or 0, 1))
    move(challenge, "resume", acting_user=acting_user)
    publicity.state, publicity.last_day = PublicityState.RUNNING, span.last_day
    publicity.suspended_on, publicity.working_days_left, publicity.ended_at = None, None, None
    publicity.calendar_versions = sorted({*publicity.calendar_versions, *span.calendar_versions})
    publicity.save(
        update_fields=["state", "last_day", "suspended_on", "working_days_left", "calendar_versions", "ended_at"]
    )
    audit.record(acting_user, "challenges.publicity.resume", challenge, {"last_day": span.last_day.isoformat()})
    return publicity


# --- objections ---------------------------------------------------------------------------------------------------


@transaction.atomic
def objection_file(
    *,
    publicity_public_id: UUID,
    acting_user: User,
    filer_name: str,
    filer_phone: str,
    subject: str,
    facts: str,
    evidence: str = "",
    sworn: bool = False,
) -> Objection:
    """A named objection with facts, while the publicity runs: to the last minute of its last day in Beijing.

    One filed later is kept too, as inadmissible with its reply: nobody is met with silence (domain.md §8.3, 6).
    """
    publicity = Publicity.objects.select_for_update(of=("self",)).filter(public_id=publicity_public_id).first()
    if publicity is None:
        raise ObjectNotFound()
    refuse_suspended(acting_user)
    problems: dict[str, list[str]] = {}
    for name, value, label in (
        ("filer_name", filer_name, _("异议人姓名或单位名称")),
        ("filer_phone", filer_phone, _("联系电话")),
        ("subject", subject, _("异议事项")),
        ("facts", facts, _("事实和理由")),
    ):
        if not value.strip():
            problems[name] = [_("请填写“%s”。异议须实名并写明事实和理由。") % label]
    if not sworn:
        problems["sworn"] = [_("请确认所述内容真实。")]
    if problems:
        raise InvalidInput(problems)
    filed_at = database_now()
    late = publicity.state not in LIVE_PUBLICITY or (
        publicity.state == PublicityState.RUNNING and beijing_day(filed_at) > publicity.last_day
    )
    objection = Objection.objects.create(
        publicity=publicity,
        filed_by=acting_user,
        organisation=organisation_of(acting_user),
        filer_name=filer_name.strip(),
        filer_phone=filer_phone.strip(),
        subject=subject.strip(),
        facts=facts.strip(),
        evidence=evidence.strip(),
        sworn=True,
        filed_at=filed_at,
        state=ObjectionState.INADMISSIBLE if late else ObjectionState.FILED,
        reply=str(_("公示期已满，依公示公告不予受理。您仍可依法向有关部门反映。")) if late else "",
        replied_at=filed_at if late else None,
    )
    # The trail names the objection, not who filed it: only its handler and the supervisor see that.
    audit.record(None, "challenges.objection.file", publicity, {"objection": str(objection.public_id), "late": late})
    outbox.publish(ObjectionMoved(objection.pk, "inadmissible" if late else "filed"))
    return objection


def _locked_objection(public_id: UUID, acting_user: User) -> Objection:
    objection = (
        Objection.objects.select_related("publicity__decision", "publicity__challenge")
        .filter(public_id=public_id)
        .first()
    )
    if objection is None:
        raise ObjectNotFound()
    if not may_handle_objection(acting_user, objection):
        raise NotPermitted(_("异议由没有参与评审和决策的监督人员处理。"))
    if objection.publicity.challenge_id is not None:
        locked_challenge(objection.publicity.challenge_id)
    return (
        Objection.objects.select_for_update(of=("self",))
        .select_related("publicity", "publicity__challenge", "publicity__decision")
        .get(pk=objection.pk)
    )


def _reply_limit(objection: Objection) -> date:
    challenge = objection.publicity.challenge
    days = programme_parameters(challenge).objection_reply_working_days if challenge is not None else 7
    return period(today(), days).last_day


@transaction.atomic
def objection_admit(*, objection_public_id: UUID, acting_user: User) -> Objection:
    """Take it on: the clock of this item stops, the limit for the reply starts (domain.md §2.8)."""
    objection = _locked_objection(objection_public_id, acting_user)
    if objection.state != ObjectionState.FILED:
        raise DomainError(_("该异议当前为“%s”。") % objection.get_state_display(), code="objection_state")
    objection.state, objection.handler, objection.admitted_at = ObjectionState.INVESTIGATING, acting_user, now()
    objection.reply_due_on = _reply_limit(objection)
    objection.save(update_fields=["state", "handler", "admitted_at", "reply_due_on"])
    challenge = objection.publicity.challenge
    if challenge is not None and challenge.state == ChallengeState.PUBLICITY:
        _suspend(locked_challenge(challenge.pk), acting_user)
    audit.record(
        acting_user, "challenges.objection.admit", objection.publicity, {"objection": str(objection.public_id)}
    )
    outbox.publish(ObjectionMoved(objection.pk, "admitted"))
    return objection


@transaction.atomic
def objection_testing(*, objection_public_id: UUID, acting_user: User, working_days: int, reason: str) -> Objection:
    """Time an expert test takes is not counted (招标投标法实施条例 61): the limit moves by those working days."""
    objection = _locked_objection(objection_public_id, acting_user)
    if objection.state != ObjectionState.INVESTIGATING or objection.reply_due_on is None:
        raise DomainError(_("只有调查中的异议可以登记检验鉴定时间。"), code="objection_state")
    if working_days < 1 or not reason.strip():
        raise InvalidInput({"working_days": [_("请填写检验鉴定占用的工作日数和事由。")]})
    objection.testing_days += working_days
    objection.reply_due_on = period(objection.reply_due_on, working_days).last_day
    objection.findings = f"{objection.findings}\n{reason.strip()}".strip()
    objection.save(update_fields=["testing_days", "reply_due_on", "findings"])
    audit.record(acting_user, "challenges.objection.testing", objection.publicity, {"working_days": working_days})
    return objection


_CONCLUSIONS = {
    ObjectionState.INADMISSIBLE: (ObjectionState.FILED,),
    ObjectionState.UPHELD: (ObjectionState.INVESTIGATING,),
    ObjectionState.PARTLY: (ObjectionState.INVESTIGATING,),
    ObjectionState.DISMISSED: (ObjectionState.INVESTIGATING,),
}


@transaction.atomic
def objection_conclude(
    *, objection_public_id: UUID, acting_user: User, conclusion: str, findings: str, reply: str
) -> Objection:
    """Close with findings and a reply; inadmissible ones get theirs too. What follows for the award is apart."""
    objection = _locked_objection(objection_public_id, acting_user)
    if conclusion not in _CONCLUSIONS:
        raise InvalidInput({"conclusion": [_("请选择结论。")]})
    if objection.state not in _CONCLUSIONS[ObjectionState(conclusion)]:
        raise DomainError(_("该异议当前为“%s”。") % objection.get_state_display(), code="objection_state")
    problems = {
        name: [_("请填写。")] for name, value in (("findings", findings), ("reply", reply)) if not value.strip()
    }
    if problems:
        raise InvalidInput(problems)
    objection.state, objection.handler = conclusion, acting_user
    objection.findings = f"{objection.findings}\n{findings.strip()}".strip()
    objection.reply, objection.replied_at = reply.strip(), now()
    objection.save(update_fields=["state", "handler", "findings", "reply", "replied_at"])
    audit.record(
        acting_user,
        "challenges.objection.conclude",
        objection.publicity,
        {"objection": str(objection.public_id), "conclusion": conclusion},
    )
    outbox.publish(ObjectionMoved(objection.pk, "concluded"))
    return objection


# --- award --------------------------------------------------------------------------------------------------------


@transaction.atomic
def challenge_award(*, challenge_id: int, acting_user: User) -> Challenge:
    """定榜: the period has fully elapsed, no objection is open; winners and losers are told in one transaction."""
    challenge = locked_challenge(challenge_id)
    decision = current_decision(challenge)
    awards = list(decision.awards.filter(state=AwardState.PROPOSED).select_related("bid")) if decision else []
    reasons = [
        reason
        for award in awards
        for reason in credit_check(gate=CreditGate.CONTRACT, codes=list(member_codes(award.bid)), bid=award.bid)
    ]
    if not awards:
        reasons.append(
            Reason("awards_missing", challenge.outcome_name(_("当前决策没有有效的拟中榜单位，请重新决策并公示。")))
        )
    challenge.awarded_at = now()
    move(
        challenge,
        "award",
        acting_user=acting_user,
        context={"credit_reasons": reasons},
        update_fields=["awarded_at"],
    )
    challenge.publicities.filter(state=PublicityState.RUNNING).update(state=PublicityState.ENDED, ended_at=now())
    due = today() + timedelta(days=programme_parameters(challenge).contract_days)
    events = []
    for award in awards:
        award.state, award.awarded_at, award.contract_due_on = AwardState.AWARDED, now(), due
        award.save(update_fields=["state", "awarded_at", "contract_due_on"])
        Bid.objects.filter(pk=award.bid_id).update(state=BidState.AWARDED)
        events.append(BidConcluded(award.bid_id, "awarded"))
    losers = challenge.bids.filter(state__in=(BidState.RESERVE, BidState.SCORED, BidState.FORM_FAIL))
    for bid in losers:
        if bid.state != BidState.FORM_FAIL:
            Bid.objects.filter(pk=bid.pk, state=BidState.SCORED).update(state=BidState.NOT_SELECTED)
        events.append(BidConcluded(bid.pk, "not_selected"))
    outbox.publish_many(events)
    chain_append(
        challenge,
        AWARDED,
        {
            "winners": [
                {"bid": str(award.bid.public_id), "organisation": str(award.bid.organisation.public_id)}
                for award in awards
            ]
        },
    )
    return challenge


@transaction.atomic
def award_lapse(*, award_public_id: UUID, acting_user: User, comment: str) -> Challenge:
    """A winner withdrew or did not sign in time: the award lapses. The next needs a decision and a 公示 (V11)."""
    award = Award.objects.select_related("bid").filter(public_id=award_public_id, state=AwardState.AWARDED).first()
    if award is None:
        raise ObjectNotFound()
    challenge = locked_challenge(award.bid.challenge_id)
    move(challenge, "lapse", acting_user=acting_user, context={"comment": comment}, detail={"comment": comment})
    Award.objects.filter(pk=award.pk).update(state=AwardState.LAPSED)
    bid = Bid.objects.select_for_update().get(pk=award.bid_id)
    bid.state, bid.disqualified_reason = BidState.DISQUALIFIED, comment.strip()
    bid.save(update_fields=["state", "disqualified_reason"])
    outbox.publish(BidConcluded(bid.pk, "lapsed"))
    return challenge


@transaction.atomic
def challenge_cancel(*, challenge_id: int, acting_user: User, comment: str) -> Challenge:
    """Stop a published challenge: public reason, every bidder told; sealed bids are never opened (domain.md §2.4)."""
    challenge = locked_challenge(challenge_id)
    source, challenge.closing_comment = challenge.state, comment.strip()
    move(
        challenge,
        "cancel",
        acting_user=acting_user,
        context={"comment": comment},
        update_fields=["closing_comment"],
        detail={"comment": comment},
    )
    _void_publicities(challenge, source)
    if challenge.opened_at is None:
        challenge.bids.filter(state__in=(BidState.SEALED, BidState.LOCKED)).update(state=BidState.RETURNED)
    chain_append(challenge, "cancelled", {"comment": comment.strip()})
    return challenge


@transaction.atomic
def negotiation_start(*, challenge_id: int, acting_user: User) -> Challenge:
    """M2: demander and solvers talk before the decision. Other models never do (招标投标法 43)."""
    return move(locked_challenge(challenge_id), "negotiate", acting_user=acting_user)


@transaction.atomic
def negotiation_end(*, challenge_id: int, acting_user: User, record: str) -> Challenge:
    """Back to the decision, with what was agreed."""
    if not record.strip():
        raise InvalidInput({"record": [_("请写明洽谈结果。")]})
    challenge = move(
        locked_challenge(challenge_id), "end_negotiation", acting_user=acting_user, detail={"record": record}
    )
    chain_append(challenge, "negotiated", {"record": record.strip()})
    return challenge


def contracts_flag_late() -> int:
    """The clock's job: announce awards not signed in time, once each (招标投标法 46). A person decides the lapse."""
    due = Award.objects.filter(
        state=AwardState.AWARDED,
        contract_due_on__lt=today(),
        late_told_at=None,
        decision__challenge__state=ChallengeState.AWARDED,
    )
    count = 0
    for key, challenge_id in list(due.values_list("pk", "decision__challenge_id")):
        with transaction.atomic():
            locked_challenge(challenge_id)
            if Award.objects.filter(pk=key, late_told_at=None).update(late_told_at=now()):
                outbox.publish(ContractLate(key))
                count += 1
    return count
