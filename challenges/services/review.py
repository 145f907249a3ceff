"""Formal check, experts, draws, seats, scores, results (domain.md §2.2 e, §2.6)."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.files import File
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from challenges import drawing, scoring
from challenges.conflicts import concerned_parties, conflict_reasons, member_codes
from challenges.drawing import PoolTooSmall
from challenges.due_days import DUE_DAYS
from challenges.enums import (
    BidState,
    ChallengeState,
    CreditGate,
    EnvelopeKind,
    OpeningState,
    PanelPurpose,
    PanelState,
    SeatState,
)
from challenges.events import BidFormalCheckMoved, PanelMoved, SeatNotified
from challenges.expert_rules import expert_problems, facts_of
from challenges.models import Bid, BidResult, Challenge, Employment, Expert, Panel, ScoreSheet, Seat
from challenges.permissions import (
    acts_as_bidder,
    handles_challenge,
    holds_seat,
    may_run_programmes,
    runs_panel,
    witnesses_panel,
)
from challenges.relations import related_codes
from challenges.sealing.bid_schema import text_faults
from challenges.sealing.canonical import canonical
from challenges.sealing.verification import SCORES_LOCKED
from challenges.services.chain import chain_append
from challenges.services.credit import credit_check
from challenges.services.diagnosis import OpeningInterrupted, Peculiar, control_file, diagnosed
from challenges.services.due_days import due_day_tell
from challenges.services.movement import locked_challenge, move
from challenges.services.reserve import IN_OFFICE, next_reserve, short_reasons
from challenges.states import programme_parameters
from challenges.validators import bid_problems
from core import audit, outbox
from core.attachments import attach_checked
from core.clock import now, today
from core.errors import DomainError, GuardFailed, InvalidInput, NotPermitted, ObjectNotFound, Reason, ServiceUnavailable
from core.models import Attachment
from core.working_days import period

ANSWER_WITHIN = timedelta(days=2)
#: Characters of a 补正's text.
LONGEST_SUPPLEMENT = 20_000
#: Argumentation looks at the need itself (巴中 2025: 必要性、创新性、可行性、预期效益).
ARGUMENTATION_CRITERIA: tuple[dict[str, Any], ...] = (
    {"key": "necessity", "name": "必要性", "weight": 25, "minimum": 0},
    {"key": "innovation", "name": "创新性", "weight": 25, "minimum": 0},
    {"key": "feasibility", "name": "可行性", "weight": 25, "minimum": 0},
    {"key": "benefit", "name": "预期效益", "weight": 25, "minimum": 0},
)


# --- formal check -------------------------------------------------------------------------------------------------


def formal_findings(bid: Bid) -> list[Reason]:
    """What the platform finds in an opened bid: form, eligibility of every member, related parties, double parts.

    Facts for the handler, who decides: the checks over members and over other bids are possible only now.
    """
    challenge = bid.challenge
    sheet = programme_parameters(challenge)
    findings = bid_problems(bid.technical_content or {}, challenge, sheet)
    members = member_codes(bid)
    if sheet.related_party_ban and challenge.demander.unified_code:
        reached = related_codes(members)
        if challenge.demander.unified_code in reached:
            findings.append(
                Reason(
                    "related_party",
                    _("揭榜单位与发榜方存在关联关系（%s）。") % reached[challenge.demander.unified_code],
                )
            )
    others = challenge.bids.exclude(pk=bid.pk).exclude(technical_cipher=None).select_related("organisation")
    for other in others:
        shared = set(members) & set(member_codes(other))
        if shared:
            names = "、".join(members[code] for code in sorted(shared))
            findings.append(Reason("takes_part_twice", _("%s同时参加了另一份揭榜申请。") % names))
        elif set(related_codes(members)) & set(member_codes(other)):
            findings.append(Reason("related_bidders", _("与另一份揭榜申请的单位存在控制或管理关系。")))
    for refused in (bid.technical_content or {}).get("refused_files", ()):
        findings.append(Reason("file_refused", _("附件“%(name)s”未通过检查：%(reason)s") % refused))
    return findings


@transaction.atomic
def bid_formal_check(
    *,
    bid_public_id: UUID,
    acting_user: User,
    passed: bool,
    comment: str,
    supplement: Sequence[str] = (),
) -> Bid:
    """The handler's conclusion on one bid, always with its reason. Credit is looked at again here (gate 2 of 4).

    `supplement` asks for 补正 of non-substantive items instead; every bid of the challenge has the same days for it.
    """
    bid = Bid.objects.select_related("challenge", "organisation").filter(public_id=bid_public_id).first()
    if bid is None:
        raise ObjectNotFound()
    challenge = locked_challenge(bid.challenge_id)
    bid = Bid.objects.select_for_update(of=("self",)).select_related("challenge", "organisation").get(pk=bid.pk)
    if not handles_challenge(acting_user, challenge):
        raise ObjectNotFound()
    if challenge.state != ChallengeState.OPENED or bid.state not in (
        BidState.OPENED,
        BidState.FORM_PASS,
        BidState.FORM_FAIL,
    ):
        raise DomainError(_("当前状态不能作形式审查结论。"), code="not_checkable")
    if not comment.strip():
        raise InvalidInput({"comment": [_("请写明审查意见，申报单位会看到。")]})
    if supplement:
        bid.supplement_due_on = period(today(), programme_parameters(challenge).supplement_working_days).last_day
        bid.form_problems = [text.strip() for text in supplement if text.strip()]
        bid.form_comment = comment.strip()
        bid.supplement_text = ""
        bid.supplement_received_at = None
        bid.save(
            update_fields=[
                "supplement_due_on",
                "form_problems",
                "form_comment",
                "supplement_cipher",
                "supplement_received_at",
            ]
        )
        audit.record(acting_user, "challenges.bid.supplement", challenge, {"bid": str(bid.public_id)})
        _tell_formal_check(bid, "asked")
        return bid
    if not passed and awaits_supplement(bid):
        raise DomainError(_("补正期限未到，申报单位也尚未补正，不能作不通过的结论。"), code="supplement_pending")
    credit = credit_check(gate=CreditGate.FORMAL_CHECK, codes=list(member_codes(bid)), bid=bid)
    if passed and credit:
        raise GuardFailed(credit)
    bid.form_problems = [reason.message for reason in (*formal_findings(bid), *credit)]
    bid.form_comment = comment.strip()
    bid.state = BidState.FORM_PASS if passed else BidState.FORM_FAIL
    bid.save(update_fields=["state", "form_comment", "form_problems"])
    audit.record(
        acting_user,
        "challenges.bid.formal_check",
        challenge,
        {"bid": str(bid.public_id), "passed": passed, "comment": comment},
    )
    _tell_formal_check(bid, "passed" if passed else "failed")
    return bid


def _tell_formal_check(bid: Bid, step: str) -> None:
    outbox.publish(BidFormalCheckMoved(bid_id=bid.pk, step=step, at=now().isoformat()))


def awaits_supplement(bid: Bid) -> bool:
    """Whether the bidder was asked for 补正, has not answered, and the last day (Beijing time) has not ended."""
    return bid.supplement_due_on is not None and bid.supplement_received_at is None and today() <= bid.supplement_due_on


@transaction.atomic
def bid_supplement(*, bid_public_id: UUID, acting_user: User, text: str, file: File | None = None) -> Bid:
    """The bidder's answer to a request for 补正, once, until the end of its last day; what was sealed stays."""
    bid = Bid.objects.select_related("challenge").filter(public_id=bid_public_id).first()
    if bid is None:
        raise ObjectNotFound()
    challenge = locked_challenge(bid.challenge_id)
    bid = Bid.objects.select_for_update(of=("self",)).select_related("challenge", "organisation").get(pk=bid.pk)
    if not acts_as_bidder(acting_user, bid):
        raise ObjectNotFound()
    if challenge.state != ChallengeState.OPENED or bid.state != BidState.OPENED or not awaits_supplement(bid):
        raise DomainError(_("当前没有待补正的内容，或补正期限已过。"), code="not_supplementable")
    if not text.strip():
        raise InvalidInput({"text": [_("请逐条写明补正了什么。")]})
    faults = text_faults(text, LONGEST_SUPPLEMENT)
    if faults:
        raise InvalidInput({"text": faults})
    attached = _supplement_file(bid, acting_user, file) if file else None
    bid.supplement_text = text.strip()
    bid.supplement_received_at = now()
    bid.save(update_fields=["supplement_cipher", "supplement_received_at"])
    audit.record(
        acting_user,
        "challenges.bid.supplement_answered",
        challenge,
        {"bid": str(bid.public_id), "file": attached.sha256 if attached else ""},
    )
    _tell_formal_check(bid, "answered")
    return bid


def _supplement_file(bid: Bid, acting_user: User, file: File) -> Attachment:
    """The file of a 补正, judged as those of an envelope are: what cannot be judged is refused, whatever it raises."""
    try:
        return diagnosed(
            lambda: attach_checked(
                subject=bid,
                file=file,
                purpose=str(_("补正材料")),
                content_key=bid.challenge.content_key,
                acting_user=acting_user,
            ),
            refusals=(DomainError,),
            control=lambda: control_file(bid.challenge),
            what="a file of a supplement",
        )
    except OpeningInterrupted as error:
        raise ServiceUnavailable(_("平台暂时不能检查文件，没有收下，请稍后再提交一次。")) from error
    except Peculiar:
        words = _("平台无法检查这个文件，没有收下。请用原程序另存，或换成 PDF 后再上传。")
        raise InvalidInput({"file": [words]}) from None


@transaction.atomic
def formal_check_complete(*, challenge_id: int, acting_user: User) -> Challenge:
    challenge = locked_challenge(challenge_id)
    unchecked = challenge.bids.filter(state=BidState.OPENED).count()
    return move(challenge, "formal_check", acting_user=acting_user, context={"unchecked": unchecked})


# --- experts ------------------------------------------------------------------------------------------------------


@transaction.atomic
def expert_enter(
    *,
    acting_user: User,
    name: str,
    kind: str,
    title: str,
    years: int,
    areas: Sequence[Any] = (),
    employments: Sequence[Mapping[str, Any]] = (),
    user: User | None = None,
) -> Expert:
    """Take a person into the pool with areas and at least three years of history (科学技术进步法 101)."""
    if not may_run_programmes(acting_user):
        raise NotPermitted()
    problems = expert_problems(name=name, title=title, years=years, employments=employments)
    if problems:
        raise InvalidInput(problems)
    expert = Expert.objects.create(
        name=name.strip(), kind=kind, title=title.strip(), years=years, user=user, created_by=acting_user
    )
    expert.areas.set(areas)
    Employment.objects.bulk_create([Employment(expert=expert, **row) for row in employments])
    audit.record(acting_user, "challenges.expert.enter", expert)
    return expert


# --- the draw -----------------------------------------------------------------------------------------------------


@transaction.atomic
def panel_commit(*, challenge_id: int, acting_user: User, purpose: str) -> Panel:
    """Commit to a seed before anybody can know the pool; the commitment goes into the chain and the trail."""
    challenge = locked_challenge(challenge_id)
    if not handles_challenge(acting_user, challenge):
        raise ObjectNotFound()
    wanted = {
        PanelPurpose.ARGUMENTATION: (ChallengeState.FIRST_PASSED,),
        PanelPurpose.REVIEW: (
            ChallengeState.PUBLISHED,
            ChallengeState.CLOSED,
            ChallengeState.OPENED,
            ChallengeState.FORMAL_CHECKED,
        ),
    }
    if purpose not in wanted or challenge.state not in wanted[PanelPurpose(purpose)]:
        raise DomainError(_("当前状态不能组建这类评审组。"), code="panel_state")
    if challenge.panels.filter(purpose=purpose).exclude(state=PanelState.VOID).exists():
        raise DomainError(_("已经有一个这类评审组。"), code="panel_exists")
    seed = secrets.token_hex(32)
    panel = Panel.objects.create(
        challenge=challenge,
        purpose=purpose,
        seats_wanted=programme_parameters(challenge).experts,
        method=drawing.METHOD,
        seed=seed,
        seed_commitment=drawing.commitment(seed),
        committed_by=acting_user,
    )
    record_step(
        challenge, acting_user, "draw_committed", {"panel": str(panel.public_id), "commitment": panel.seed_commitment}
    )
    return panel


def record_step(challenge: Challenge, acting_user: User | None, kind: str, body: dict[str, Any]) -> None:
    """Into the chain where there is one (from publication on), and into the trail always."""
    if challenge.suite:
        chain_append(challenge, kind, body)
    audit.record(acting_user, f"challenges.{kind}", challenge, body)


def pool_of(challenge: Challenge, purpose: str) -> tuple[list[Expert], list[tuple[Expert, list[Reason]]]]:
    """Experts of the challenge's field without a computed conflict, and those left out with every reason."""
    experts = (
        Expert.objects.filter(active=True)
        .select_related("user")
        .prefetch_related("employments", "areas")
        .order_by("public_id")
    )
    if challenge.category is not None:
        root = challenge.category.code.split(".")[0]
        experts = experts.filter(
            Q(areas__code=root) | Q(areas__code__startswith=f"{root}.") | Q(kind__in=("finance", "management"))
        ).distinct()
    concerned = concerned_parties(challenge)
    fit, excluded = [], []
    for expert in experts:
        reasons = conflict_reasons(expert, challenge, purpose, concerned)
        if reasons:
            excluded.append((expert, reasons))
        else:
            fit.append(expert)
    return fit, excluded


@transaction.atomic
def panel_draw(*, panel_public_id: UUID, acting_user: User, witness_words: str) -> Panel:
    """The witness performs the draw with words of their own; the handler who committed the seed cannot."""
    panel = Panel.objects.filter(public_id=panel_public_id).first()
    if panel is None:
        raise ObjectNotFound()
    challenge = locked_challenge(panel.challenge_id)
    panel = Panel.objects.select_for_update(of=("self",)).get(pk=panel.pk)
    if not witnesses_panel(acting_user, panel):
        raise NotPermitted(_("抽取由监督人员操作，承诺种子的经办人不能参与。"))
    if panel.state != PanelState.COMMITTED:
        raise DomainError(_("该评审组已经抽取。"), code="panel_drawn")
    if not witness_words.strip():
        raise InvalidInput({"witness_words": [_("请输入任意一段文字，参与随机抽取。")]})
    if panel.purpose == PanelPurpose.REVIEW and challenge.state not in (
        ChallengeState.OPENED,
        ChallengeState.FORMAL_CHECKED,
    ):
        raise DomainError(_("标书开启后才能抽取评审专家，以便核查回避。"), code="panel_state")
    sheet = programme_parameters(challenge)
    fit, excluded = pool_of(challenge, panel.purpose)
    pool = [drawing.Candidate(str(expert.public_id), expert.kind) for expert in fit]
    try:
        result = drawing.draw(
            panel.seed, witness_words.strip(), pool, panel.seats_wanted, sheet.technical_expert_share_percent
        )
    except PoolTooSmall:
        raise DomainError(
            _("符合条件的专家不足：需要 %(seats)d 名、其中技术经济类不少于 %(share)d%%，回避后仅有 %(found)d 名。")
            % {
                "seats": panel.seats_wanted,
                "share": sheet.technical_expert_share_percent,
                "found": len(pool),
            },
            code="pool_too_small",
        ) from None
    panel.draw_record = {
        "method": drawing.METHOD,
        "witness_words": witness_words.strip(),
        "technical_percent": sheet.technical_expert_share_percent,
        "pool": [{"id": one.id, "kind": one.kind} for one in pool],
        "excluded": [
            {"id": str(expert.public_id), "reasons": [reason.message for reason in reasons]}
            for expert, reasons in excluded
        ],
        "order": list(result.order),
        "chosen": list(result.chosen),
        "experts": facts_of((*fit, *(expert for expert, _reasons in excluded))),
    }
    panel.state, panel.drawn_at = PanelState.DRAWN, now()
    panel.save(update_fields=["draw_record", "state", "drawn_at"])
    by_id = {str(expert.public_id): expert for expert in fit}
    for one in result.chosen:
        seat_given(panel, by_id[one], result.order.index(one))
    name_chair(panel)
    record_step(
        challenge,
        acting_user,
        "experts_drawn",
        {"panel": str(panel.public_id), "seed": panel.seed, "record_digest": digest_of(panel.draw_record)},
    )
    return panel


def digest_of(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def seat_given(panel: Panel, expert: Expert, draw_position: int, replaces: Seat | None = None) -> Seat:
    seat = Seat.objects.create(
        panel=panel,
        expert=expert,
        state=SeatState.NOTIFIED,
        draw_position=draw_position,
        replaces=replaces,
        notified_at=now(),
        answer_due_at=now() + ANSWER_WITHIN,
    )
    outbox.publish(SeatNotified(seat.pk))
    return seat


def name_chair(panel: Panel) -> None:
    """The first drawn technical expert in office chairs."""
    seats = [seat for seat in panel.seats.select_related("expert").order_by("draw_position") if seat.state in IN_OFFICE]
    chair = next((seat for seat in seats if seat.expert.kind in drawing.TECHNICAL_KINDS), None)
    for seat in seats:
        is_chair = chair is not None and seat.pk == chair.pk
        if seat.is_chair != is_chair:
            seat.is_chair = is_chair
            seat.save(update_fields=["is_chair"])


# --- seats --------------------------------------------------------------------------------------------------------


def _own_seat(seat_public_id: UUID, acting_user: User) -> tuple[Seat, Challenge]:
    seat = Seat.objects.select_related("panel", "expert").filter(public_id=seat_public_id).first()
    if seat is None or not holds_seat(acting_user, seat):
        raise ObjectNotFound()
    challenge = locked_challenge(seat.panel.challenge_id)
    locked = Seat.objects.select_for_update(of=("self",)).select_related("panel", "expert").get(pk=seat.pk)
    return locked, challenge


@transaction.atomic
def seat_declare(*, seat_public_id: UUID, acting_user: User, declaration: str) -> Seat:
    """Accept and declare in writing that no interest exists. What the platform computes is checked again first."""
    seat, challenge = _own_seat(seat_public_id, acting_user)
    if seat.state != SeatState.NOTIFIED:
        raise DomainError(_("该席位当前为“%s”。") % seat.get_state_display(), code="seat_state")
    if not declaration.strip():
        raise InvalidInput({"declaration": [_("请填写无利害关系声明。")]})
    reasons = conflict_reasons(seat.expert, challenge, seat.panel.purpose, concerned_parties(challenge))
    if reasons:
        vacate(seat, SeatState.RECUSED, [reason.message for reason in reasons], None)
        return seat
    seat.state, seat.declared_at, seat.declaration = SeatState.DECLARED, now(), declaration.strip()
    seat.save(update_fields=["state", "declared_at", "declaration"])
    audit.record(acting_user, "challenges.seat.declare", seat)
    return seat


@transaction.atomic
def seat_decline(*, seat_public_id: UUID, acting_user: User, reason: str, recusal: bool) -> Seat:
    """Decline, or recuse oneself; the next of the drawn order takes the place by the same rule."""
    seat, _challenge = _own_seat(seat_public_id, acting_user)
    if seat.state not in (SeatState.NOTIFIED, SeatState.DECLARED, SeatState.SUBMITTED):
        raise DomainError(_("该席位当前为“%s”。") % seat.get_state_display(), code="seat_state")
    if not reason.strip():
        raise InvalidInput({"reason": [_("请写明理由。")]})
    vacate(seat, SeatState.RECUSED if recusal else SeatState.DECLINED, [reason.strip()], acting_user)
    return seat


@transaction.atomic
def seat_recuse(*, seat_public_id: UUID, acting_user: User, reason: str) -> Seat:
    """The handler sends an expert off after a justified request of a party (政府采购法实施条例 9), with the reason."""
    seat = Seat.objects.select_related("panel").filter(public_id=seat_public_id).first()
    if seat is None:
        raise ObjectNotFound()
    locked_challenge(seat.panel.challenge_id)
    seat = Seat.objects.select_for_update(of=("self",)).select_related("panel", "expert").get(pk=seat.pk)
    if not runs_panel(acting_user, seat.panel):
        raise ObjectNotFound()
    if seat.state not in IN_OFFICE or seat.panel.locked_at is not None:
        raise DomainError(_("评分已锁定或席位已不在任。"), code="seat_state")
    if not reason.strip():
        raise InvalidInput({"reason": [_("请写明理由。")]})
    vacate(seat, SeatState.REPLACED, [reason.strip()], acting_user)
    return seat


def vacate(seat: Seat, state: str, reasons: Sequence[str], acting_user: User | None) -> Seat | None:
    """Take an expert off: their sheets are void (招标投标法实施条例 48), the next in order takes a new seat.

    Where no reserve is left the seat stands open until a supplementary draw.
    """
    seat.state, seat.recusal_reasons = state, list(reasons)
    seat.is_chair = False
    seat.save(update_fields=["state", "recusal_reasons", "is_chair"])
    seat.sheets.update(void=True)
    record_step(
        seat.panel.challenge,
        acting_user,
        "seat_vacated",
        {"panel": str(seat.panel.public_id), "seat": str(seat.public_id), "state": str(state)},
    )
    return _fill(seat)


def _fill(vacated: Seat) -> Seat | None:
    """Give the seat to the next of the reserve. With nobody left it stands open, and the handlers are told."""
    found = next_reserve(vacated)
    name_chair(vacated.panel)
    if found is None:
        outbox.publish(PanelMoved(vacated.panel_id, "short", now().isoformat()))
        return None
    expert, position = found
    seat = seat_given(vacated.panel, expert, position, replaces=vacated)
    name_chair(vacated.panel)
    return seat


def panel_recheck(panel: Panel) -> int:
    """Run recusal again, as when consortium lists become readable; returns how many seats were vacated."""
    concerned = concerned_parties(panel.challenge)
    vacated = 0
    for seat in panel.seats.filter(state__in=IN_OFFICE).select_related("expert", "panel", "panel__challenge"):
        reasons = conflict_reasons(seat.expert, panel.challenge, panel.purpose, concerned)
        if reasons:
            vacate(seat, SeatState.RECUSED, [reason.message for reason in reasons], None)
            vacated += 1
    return vacated


def seats_time_out() -> int:
    """The clock's job: who did not answer in time is replaced by the next."""
    due = Seat.objects.filter(state=SeatState.NOTIFIED, answer_due_at__lte=now()).values_list(
        "pk", "panel__challenge_id"
    )
    count = 0
    for key, challenge_id in list(due):
        with transaction.atomic():
            locked_challenge(challenge_id)
            seat = Seat.objects.select_for_update(of=("self",)).select_related("panel", "expert").get(pk=key)
            if seat.state == SeatState.NOTIFIED:
                due_day_tell(DUE_DAYS["seat.answer_due_at"], seat, "over")
                vacate(seat, SeatState.TIMED_OUT, [str(_("逾期未答复"))], None)
                count += 1
    return count


def panel_reasons(panel: Panel | None) -> list[Reason]:
    """What keeps a panel from working: size, odd number, share of technical experts, declarations, conflicts (V12)."""
    if panel is None or panel.state == PanelState.COMMITTED:
        return [Reason("panel_missing", _("评审组尚未抽取。"))]
    seats = list(panel.seats.filter(state__in=IN_OFFICE).select_related("expert"))
    reasons = short_reasons(panel)
    waiting = [seat for seat in seats if seat.state == SeatState.NOTIFIED]
    if waiting:
        reasons.append(Reason("declarations_missing", _("还有 %d 名专家没有提交无利害关系声明。") % len(waiting)))
    concerned = concerned_parties(panel.challenge)
    for seat in seats:
        if conflict_reasons(seat.expert, panel.challenge, panel.purpose, concerned):
            reasons.append(Reason("conflict_open", _("有专家存在未处理的利害关系，请重新核查回避。")))
            break
    return reasons


@transaction.atomic
def review_start(*, challenge_id: int, acting_user: User) -> Challenge:
    """From formal check to review: recusal runs again, then the panel must be complete and clean."""
    challenge = locked_challenge(challenge_id)
    panel = review_panel(challenge)
    reasons = panel_reasons(panel)
    move(challenge, "review", acting_user=acting_user, context={"panel_reasons": reasons})
    if panel is not None:
        panel.state = PanelState.WORKING
        panel.save(update_fields=["state"])
    return challenge


@transaction.atomic
def review_recheck(*, challenge_id: int, acting_user: User) -> int:
    """The handler has recusal computed again, after relations or histories were corrected."""
    challenge = locked_challenge(challenge_id)
    panel = review_panel(challenge)
    if panel is None or not runs_panel(acting_user, panel):
        raise ObjectNotFound()
    if panel.locked_at is not None:
        raise DomainError(_("评分已锁定。"), code="scores_locked")
    return panel_recheck(panel)


def review_panel(challenge: Challenge) -> Panel | None:
    return challenge.panels.filter(purpose=PanelPurpose.REVIEW).exclude(state=PanelState.VOID).first()


# --- scores -------------------------------------------------------------------------------------------------------


def criteria_of(panel: Panel) -> Sequence[Mapping[str, Any]]:
    """The published criteria; for argumentation the plan's own four."""
    return ARGUMENTATION_CRITERIA if panel.purpose == PanelPurpose.ARGUMENTATION else panel.challenge.criteria


def bids_under_review(panel: Panel) -> list[Bid | None]:
    """What each seat scores: bids that passed the formal check, or the need itself (None)."""
    if panel.purpose == PanelPurpose.ARGUMENTATION:
        return [None]
    return list(
        panel.challenge.bids.filter(state__in=(BidState.FORM_PASS, BidState.SCORED))
        .select_related("organisation")
        .order_by("public_id")
    )


def scoring_is_open(seat: Seat, challenge: Challenge) -> bool:
    """A declared seat scores once the need has been sent to the experts, or the review has begun."""
    wanted = ChallengeState.ARGUING if seat.panel.purpose == PanelPurpose.ARGUMENTATION else ChallengeState.REVIEWING
    return seat.state == SeatState.DECLARED and challenge.state == wanted


def signing_is_open(seat: Seat) -> bool:
    """Everybody on the panel has handed in, so that whoever signs has read what all wrote."""
    unfinished = seat.panel.seats.filter(state__in=(SeatState.NOTIFIED, SeatState.DECLARED))
    return seat.state == SeatState.SUBMITTED and not unfinished.exists()


def _may_score(seat: Seat, challenge: Challenge) -> None:
    if not scoring_is_open(seat, challenge):
        raise DomainError(
            _("当前不能评分：席位“%(seat)s”，榜单“%(challenge)s”。")
            % {"seat": seat.get_state_display(), "challenge": challenge.get_state_display()},
            code="not_scorable",
        )


@transaction.atomic
def sheet_save(
    *,
    seat_public_id: UUID,
    acting_user: User,
    bid_public_id: UUID | None,
    scores: Mapping[str, Any],
    comment: str,
) -> ScoreSheet:
    """Keep one's own points for one bid; whole points within the published range. Others' are not seen before."""
    seat, challenge = _own_seat(seat_public_id, acting_user)
    _may_score(seat, challenge)
    bid = None
    if bid_public_id is not None or seat.panel.purpose == PanelPurpose.REVIEW:
        bid = next((row for row in bids_under_review(seat.panel) if row and row.public_id == bid_public_id), None)
        if bid is None:
            raise ObjectNotFound()
    problems: dict[str, list[str]] = {}
    for row in criteria_of(seat.panel):
        value = scores.get(row["key"])
        if value is not None and (
            not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= row["weight"]
        ):
            problems[f"score_{row['key']}"] = [
                _("“%(name)s”请填写 0 到 %(weight)d 的整数。") % {"name": row["name"], "weight": row["weight"]}
            ]
    if set(scores) - {row["key"] for row in criteria_of(seat.panel)}:
        problems["scores"] = [_("含有未公布的评审指标。")]
    if problems:
        raise InvalidInput(problems)
    sheet, _created = ScoreSheet.objects.update_or_create(
        seat=seat,
        bid=bid,
        defaults={
            "scores": {key: value for key, value in scores.items() if value is not None},
            "comment": comment.strip(),
            "saved_at": now(),
        },
    )
    return sheet


@transaction.atomic
def seat_submit(*, seat_public_id: UUID, acting_user: User) -> Seat:
    """Hand in one's own scores, complete; from now on they cannot be changed. Then the others' become readable."""
    seat, challenge = _own_seat(seat_public_id, acting_user)
    _may_score(seat, challenge)
    missing = missing_scores(seat)
    if missing:
        raise GuardFailed([Reason("sheet_incomplete", text) for text in missing])
    seat.state, seat.submitted_at = SeatState.SUBMITTED, now()
    seat.save(update_fields=["state", "submitted_at"])
    audit.record(acting_user, "challenges.seat.submit", seat, {"digest": sheets_digest(seat)})
    return seat


def missing_scores(seat: Seat) -> list[str]:
    """What this seat still has to score, in words."""
    sheets = {sheet.bid_id: sheet for sheet in seat.sheets.filter(void=False)}
    missing = []
    for number, bid in enumerate(bids_under_review(seat.panel), 1):
        sheet = sheets.get(bid.pk if bid is not None else None)
        names = [
            row["name"] for row in criteria_of(seat.panel) if sheet is None or sheet.scores.get(row["key"]) is None
        ]
        if names:
            missing.append(_("第 %(number)d 份：%(names)s 未评分。") % {"number": number, "names": "、".join(names)})
        elif sheet is not None and not sheet.comment:
            missing.append(_("第 %d 份：请填写评审意见。") % number)
    return missing


def sheets_digest(seat: Seat) -> str:
    """What a signature covers: seat, every bid's points and opinion."""
    return digest_of(
        {
            "seat": str(seat.public_id),
            "sheets": [
                {
                    "bid": str(sheet.bid.public_id) if sheet.bid is not None else "",
                    "scores": sheet.scores,
                    "comment": sheet.comment,
                }
                for sheet in seat.sheets.filter(void=False).select_related("bid").order_by("bid__public_id")
            ],
        }
    )


@transaction.atomic
def seat_sign(*, seat_public_id: UUID, acting_user: User, dissent: str = "") -> Seat:
    """Sign after everybody has handed in; a dissent is written beside (招标投标法实施条例 53)."""
    seat, challenge = _own_seat(seat_public_id, acting_user)
    if seat.state != SeatState.SUBMITTED:
        raise DomainError(_("请先提交评分，再签署。"), code="seat_state")
    others = seat.panel.seats.filter(state__in=(SeatState.NOTIFIED, SeatState.DECLARED)).exists()
    if others:
        raise DomainError(_("其他专家尚未全部提交，全部提交后才能签署。"), code="seats_open")
    if short := short_reasons(seat.panel):
        raise GuardFailed(short)
    if seat.is_chair and not seat.panel.summary.strip():
        raise DomainError(_("组长请先填写综合意见，再签署。"), code="summary_missing")
    seat.state, seat.signed_at, seat.dissent = SeatState.SIGNED, now(), dissent.strip()
    seat.signature = sheets_digest(seat)
    seat.save(update_fields=["state", "signed_at", "dissent", "signature"])
    audit.record(
        acting_user, "challenges.seat.sign", seat, {"signature": seat.signature, "dissent": bool(dissent.strip())}
    )
    if not seat.panel.seats.filter(state__in=(SeatState.NOTIFIED, SeatState.DECLARED, SeatState.SUBMITTED)).exists():
        _lock(Panel.objects.select_for_update().get(pk=seat.panel_id), challenge)
    return seat


@transaction.atomic
def panel_summarise(*, seat_public_id: UUID, acting_user: User, summary: str) -> Panel:
    """The chair's summary, once everybody's scores are in."""
    seat, _challenge = _own_seat(seat_public_id, acting_user)
    if not seat.is_chair or seat.state != SeatState.SUBMITTED:
        raise DomainError(_("综合意见由组长在提交评分后填写。"), code="not_chair")
    if not summary.strip():
        raise InvalidInput({"summary": [_("请填写综合意见。")]})
    panel = Panel.objects.select_for_update().get(pk=seat.panel_id)
    if panel.locked_at is not None:
        raise DomainError(_("评分已锁定。"), code="scores_locked")
    panel.summary = summary.strip()
    panel.save(update_fields=["summary"])
    return panel


def _lock(panel: Panel, challenge: Challenge) -> None:
    """Every seat has signed: scores are locked, and their digest goes into the chain before any price is opened."""
    panel.locked_at = now()
    seats = list(panel.seats.filter(state=SeatState.SIGNED).order_by("draw_position"))
    body = {"panel": str(panel.public_id), "signatures": [seat.signature for seat in seats]}
    if panel.purpose == PanelPurpose.ARGUMENTATION:
        panel.state, panel.signed_at = PanelState.SIGNED, now()
        panel.save(update_fields=["state", "signed_at", "locked_at"])
        _store_results(panel, seats)
        audit.record(None, "challenges.panel.signed", challenge, body)
        return
    panel.save(update_fields=["locked_at"])
    for bid in challenge.bids.filter(state=BidState.FORM_PASS):
        bid.state = BidState.SCORED
        bid.save(update_fields=["state"])
    chain_append(challenge, SCORES_LOCKED, body)
    audit.record(None, "challenges.scores.locked", challenge, body)


@transaction.atomic
def review_complete(*, challenge_id: int, acting_user: User) -> Challenge:
    """After the price opening: the published rule is applied, results are kept, the review is complete."""
    challenge = locked_challenge(challenge_id)
    if not handles_challenge(acting_user, challenge):
        raise ObjectNotFound()
    panel = review_panel(challenge)
    if panel is None or panel.locked_at is None:
        raise DomainError(_("评分尚未全部签署锁定。"), code="scores_open")
    if not challenge.openings.filter(kind=EnvelopeKind.PRICE, state=OpeningState.DONE).exists():
        raise DomainError(_("请先开启报价，再汇总评审结果。"), code="price_unopened")
    seats = list(panel.seats.filter(state=SeatState.SIGNED).order_by("draw_position"))
    move(challenge, "complete_review", acting_user=None, context={"all_signed": len(seats) >= panel.seats_wanted})
    _store_results(panel, seats)
    panel.state, panel.signed_at = PanelState.SIGNED, now()
    panel.save(update_fields=["state", "signed_at"])
    return challenge


def entries_of(panel: Panel, seats: Sequence[Seat]) -> list[scoring.Entry]:
    """The signed sheets as the rule reads them."""
    points: dict[str, dict[str, Mapping[str, int]]] = {}
    prices: dict[str, int | None] = {}
    for seat in seats:
        for sheet in seat.sheets.filter(void=False).select_related("bid"):
            key = str(sheet.bid.public_id) if sheet.bid is not None else ""
            points.setdefault(key, {})[str(seat.public_id)] = sheet.scores
            if sheet.bid is not None:
                prices[key] = scoring.sound_price(sheet.bid.price_content)
    return [scoring.Entry(key, points[key], prices.get(key)) for key in sorted(points)]


def outcomes_of(panel: Panel, seats: Sequence[Seat] | None = None) -> list[scoring.Outcome]:
    """What the published rule makes of the sheets of `seats`, those of all signed ones if not said."""
    if seats is None:
        seats = list(panel.seats.filter(state=SeatState.SIGNED).order_by("draw_position"))
    sheet = programme_parameters(panel.challenge)
    return scoring.outcomes(
        entries_of(panel, seats),
        criteria_of(panel),
        price_weight=sheet.price_weight_percent if panel.purpose == PanelPurpose.REVIEW else 0,
        trim=sheet.trim_extremes,
        seed=panel.seed,
    )


def _store_results(panel: Panel, seats: Sequence[Seat]) -> None:
    found = outcomes_of(panel, seats)
    review = panel.purpose == PanelPurpose.REVIEW
    bids = {str(bid.public_id): bid for bid in panel.challenge.bids.all()} if review else {}
    calibrated = scoring.calibration(entries_of(panel, seats))
    BidResult.objects.bulk_create(
        [
            BidResult(
                panel=panel,
                bid=bids.get(outcome.bid),
                technical=outcome.technical,
                price=outcome.price,
                total=outcome.total,
                rank=outcome.rank,
                below_minimum=bool(outcome.below),
                dispersion=outcome.dispersion,
                detail={
                    "criteria": {key: str(value) for key, value in outcome.criteria.items()},
                    "below": list(outcome.below),
                    "calibration": calibrated,
                },
            )
            for outcome in found
        ]
    )
