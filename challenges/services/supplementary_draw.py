"""补抽: when a panel's reserve is used up, its open seats are drawn for by the method of the first draw.

The handler commits to a new seed before anybody can know the pool, the supervisor adds words of their own and draws.
Whoever was ever drawn for this panel is out of the pool. Both steps stand in the chain.
"""

import secrets
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from challenges import drawing
from challenges.drawing import PoolTooSmall
from challenges.enums import PanelState
from challenges.events import PanelMoved
from challenges.expert_rules import facts_of
from challenges.models import Expert, Panel, SupplementaryDraw
from challenges.permissions import runs_panel, supervises
from challenges.services.movement import locked_challenge
from challenges.services.reserve import IN_OFFICE, drawn_order, missing_seats, open_seats
from challenges.services.review import digest_of, name_chair, pool_of, record_step, seat_given
from challenges.states import programme_parameters
from core import outbox
from core.clock import now
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound, Reason


def pending_draws() -> QuerySet[SupplementaryDraw]:
    """Draws whose seed is committed and that wait for their witness."""
    return SupplementaryDraw.objects.filter(drawn_at=None)


def pending_draw(panel: Panel) -> SupplementaryDraw | None:
    return pending_draws().filter(panel=panel).first()


def may_be_supplemented(panel: Panel) -> bool:
    """Whether a draw for open seats can be begun: drawn, not locked, short of experts, none waiting already."""
    return (
        panel.state in (PanelState.DRAWN, PanelState.WORKING)
        and panel.locked_at is None
        and missing_seats(panel) > 0
        and pending_draw(panel) is None
    )


def witnesses_draw(user: User, panel: Panel) -> bool:
    """A supervisor, never who committed the seed of the draw that waits."""
    waiting = pending_draw(panel)
    return waiting is not None and supervises(user, panel) and user.pk != waiting.committed_by_id


def _locked(panel_public_id: UUID) -> Panel:
    found = Panel.objects.filter(public_id=panel_public_id).first()
    if found is None:
        raise ObjectNotFound()
    challenge = locked_challenge(found.challenge_id)
    panel = Panel.objects.select_for_update(of=("self",)).get(pk=found.pk)
    panel.challenge = challenge
    return panel


@transaction.atomic
def supplement_commit(*, panel_public_id: UUID, acting_user: User) -> SupplementaryDraw:
    """The handler commits to the seed of a draw for the open seats; the supervisors are told that it waits."""
    panel = _locked(panel_public_id)
    if not runs_panel(acting_user, panel):
        raise ObjectNotFound()
    if not may_be_supplemented(panel):
        raise DomainError(
            _("只有评审组缺员且评分尚未锁定时才能补抽，同一时间只能有一次补抽在办。"),
            code="not_supplementable",
        )
    seed = secrets.token_hex(32)
    made = SupplementaryDraw.objects.create(
        panel=panel,
        number=panel.supplementary_draws.count() + 1,
        method=drawing.METHOD,
        seed=seed,
        seed_commitment=drawing.commitment(seed),
        committed_by=acting_user,
    )
    body = {
        "panel": str(panel.public_id),
        "number": made.number,
        "seats": missing_seats(panel),
        "commitment": made.seed_commitment,
    }
    record_step(panel.challenge, acting_user, "supplementary_draw_committed", body)
    outbox.publish(PanelMoved(panel.pk, "draw_committed", made.committed_at.isoformat()))
    return made


def technical_lacking(panel: Panel, technical_percent: int) -> int:
    """How many of the open seats the published share gives to technical and economic experts."""
    kinds = panel.seats.filter(state__in=IN_OFFICE).values_list("expert__kind", flat=True)
    wanted = drawing.technical_seats(panel.seats_wanted, technical_percent)
    return max(0, wanted - sum(kind in drawing.TECHNICAL_KINDS for kind in kinds))


@transaction.atomic
def supplement_draw(*, panel_public_id: UUID, acting_user: User, witness_words: str) -> SupplementaryDraw:
    """The witness draws for every seat that stands open now; who was ever drawn for this panel is not in the pool."""
    panel = _locked(panel_public_id)
    challenge, waiting = panel.challenge, pending_draw(panel)
    if waiting is None:
        raise DomainError(_("没有等待抽取的补抽。"), code="no_draw_waits")
    if not witnesses_draw(acting_user, panel):
        raise NotPermitted(_("补抽由监督人员操作，承诺种子的经办人不能参与。"))
    if not witness_words.strip():
        raise InvalidInput({"witness_words": [_("请输入任意一段文字，参与随机抽取。")]})
    percent, seats = programme_parameters(challenge).technical_expert_share_percent, list(open_seats(panel))
    drawn_before = set(panel.seats.values_list("expert_id", flat=True))
    fit, excluded = pool_of(challenge, panel.purpose)
    kept_out = [(one, [Reason("drawn_before", _("已抽中过本评审组。"))]) for one in fit if one.pk in drawn_before]
    fit = [one for one in fit if one.pk not in drawn_before]
    pool = [drawing.Candidate(str(expert.public_id), expert.kind) for expert in fit]
    needed = min(technical_lacking(panel, percent), len(seats))
    try:
        result = drawing.draw_seats(waiting.seed, witness_words.strip(), pool, len(seats), needed)
    except PoolTooSmall:
        raise DomainError(
            _("可补抽的专家不足：需要 %(seats)d 名（技术经济类至少 %(needed)d 名），现有 %(found)d 名。请补充专家库。")
            % {"seats": len(seats), "needed": needed, "found": len(pool)},
            code="pool_too_small",
        ) from None
    offset = len(drawn_order(panel))
    waiting.draw_record = {
        "method": drawing.METHOD,
        "witness_words": witness_words.strip(),
        "seats": len(seats),
        "technical_needed": needed,
        "pool": [{"id": one.id, "kind": one.kind} for one in pool],
        "excluded": [
            {"id": str(expert.public_id), "reasons": [reason.message for reason in reasons]}
            for expert, reasons in (*excluded, *kept_out)
        ],
        "order": list(result.order),
        "chosen": list(result.chosen),
        "experts": facts_of((*fit, *(expert for expert, _reasons in (*excluded, *kept_out)))),
    }
    waiting.drawn_by, waiting.drawn_at = acting_user, now()
    waiting.save(update_fields=["draw_record", "drawn_by", "drawn_at"])
    by_id: dict[str, Expert] = {str(expert.public_id): expert for expert in fit}
    for seat, one in zip(seats, result.chosen, strict=True):
        seat_given(panel, by_id[one], offset + result.order.index(one), replaces=seat)
    name_chair(panel)
    body = {
        "panel": str(panel.public_id),
        "number": waiting.number,
        "seed": waiting.seed,
        "record_digest": digest_of(waiting.draw_record),
    }
    record_step(challenge, acting_user, "supplementary_experts_drawn", body)
    return waiting
