"""The reserve of a panel: who takes a vacated seat, and how many seats stand open when there is nobody left."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from challenges import drawing
from challenges.conflicts import Parties, concerned_parties, conflict_reasons
from challenges.enums import SeatState
from challenges.models import Expert, Panel, Seat
from core.errors import Reason

IN_OFFICE = (SeatState.NOTIFIED, SeatState.DECLARED, SeatState.SUBMITTED, SeatState.SIGNED)
VACATED = (SeatState.DECLINED, SeatState.TIMED_OUT, SeatState.RECUSED, SeatState.REPLACED)


def open_seats(panel: Panel) -> QuerySet[Seat]:
    """Vacated seats that nobody has taken, in the order of the draw."""
    return panel.seats.filter(state__in=VACATED, replacement=None).order_by("draw_position", "pk")


def missing_seats(panel: Panel) -> int:
    """How many experts a drawn panel lacks."""
    return max(0, panel.seats_wanted - panel.seats.filter(state__in=IN_OFFICE).count())


def short_reasons(panel: Panel) -> list[Reason]:
    """Why a drawn panel may neither begin nor sign: fewer experts in office than prescribed."""
    missing = missing_seats(panel)
    if not missing:
        return []
    return [
        Reason(
            "panel_short",
            _("评审组应有 %(wanted)d 名专家，还缺 %(missing)d 名，且候补专家已用完。请经办人发起补抽，由监督人员抽取。")
            % {"wanted": panel.seats_wanted, "missing": missing},
        )
    ]


def drawn_order(panel: Panel) -> list[str]:
    """Everybody in drawn order: of the first draw, then of each supplementary one. The index is the draw position."""
    order = list(panel.draw_record.get("order", ()))
    for further in panel.supplementary_draws.exclude(drawn_at=None):
        order += further.draw_record["order"]
    return order


def _kinds(panel: Panel) -> dict[str, str]:
    records = [panel.draw_record, *panel.supplementary_draws.values_list("draw_record", flat=True)]
    return {row["id"]: row["kind"] for record in records for row in record.get("pool", ())}


def next_reserve(vacated: Seat, concerned: Parties | None = None) -> tuple[Expert, int] | None:
    """The next of the drawn order who may take this seat today, with the draw position; None if nobody is left."""
    panel = vacated.panel
    order, kinds = drawn_order(panel), _kinds(panel)
    used = {str(public_id) for public_id in panel.seats.values_list("expert__public_id", flat=True)}
    concerned = concerned if concerned is not None else concerned_parties(panel.challenge)
    technical = vacated.expert.kind in drawing.TECHNICAL_KINDS
    while found := drawing.next_in_order(order, kinds, used, technical_needed=technical):
        used.add(found)
        expert = Expert.objects.get(public_id=found)
        if expert.active and not conflict_reasons(expert, panel.challenge, panel.purpose, concerned):
            return expert, order.index(found)
    return None


def leaves_short(seat: Seat) -> str:
    """What to know before this seat is given up, in words; empty while a reserve stands ready to take it."""
    if seat.state not in IN_OFFICE or next_reserve(seat) is not None:
        return ""
    return _(
        "候补专家已用完：这个席位空出后没有人接替，评审组将少于规定人数，"
        "须先补抽专家并由其完成评审，全组才能签署，评审会因此推迟。"
    )
