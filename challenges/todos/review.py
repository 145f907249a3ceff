"""Panels, seats and the end of the review."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from accounts.selectors import acting_people
from challenges.enums import ChallengeState, EnvelopeKind, OpeningState, PanelPurpose, PanelState, SeatState
from challenges.models import Challenge, Panel, Seat
from challenges.services.review import panel_reasons, review_panel
from challenges.services.supplementary_draw import pending_draws
from challenges.todos.rows import (
    EXPERT,
    HANDLER,
    SINCE,
    SUPERVISOR,
    act,
    challenges_in,
    holders,
    offered,
    supervisors,
    title_of,
)
from core import todos
from core.todos import Duty

S = ChallengeState
#: Bids are there and no panel may be missing.
WITHOUT_PANEL = challenges_in(S.CLOSED, S.OPENED, S.FORMAL_CHECKED)
formally_checked = challenges_in(S.FORMAL_CHECKED)
under_review = challenges_in(S.REVIEWING)


def committed() -> QuerySet[Panel]:
    return (
        Panel.objects.filter(state=PanelState.COMMITTED)
        .select_related("challenge", "challenge__programme", "challenge__demander")
        .order_by("pk")
    )


def drawn_panels() -> QuerySet[Panel]:
    return (
        Panel.objects.filter(state__in=(PanelState.DRAWN, PanelState.WORKING), locked_at=None)
        .select_related("challenge", "challenge__programme", "challenge__demander")
        .order_by("pk")
    )


def short_panels() -> QuerySet[Panel]:
    """Where experts left and no reserve is left: the step itself says whether seats are open."""
    return drawn_panels().filter(
        challenge__state__in=(S.FIRST_PASSED, S.ARGUING, S.OPENED, S.FORMAL_CHECKED, S.REVIEWING)
    )


def panels_to_supplement() -> QuerySet[Panel]:
    return drawn_panels().filter(pk__in=pending_draws().values("panel_id"))


def panel_title(panel: Panel) -> str:
    return f"{panel.get_purpose_display()} · {panel.challenge.title}"


def may_be_drawn(panel: Panel) -> bool:
    """A review's experts are drawn once the opening has shown whom they must have nothing to do with."""
    return panel.purpose != PanelPurpose.REVIEW or panel.challenge.state in (S.OPENED, S.FORMAL_CHECKED)


def panel_is_ready(challenge: Challenge) -> bool:
    return not panel_reasons(review_panel(challenge))


def review_may_be_completed(challenge: Challenge) -> bool:
    """Scores are locked and prices are open."""
    panel = review_panel(challenge)
    opened = challenge.openings.filter(kind=EnvelopeKind.PRICE, state=OpeningState.DONE).exists()
    return panel is not None and panel.locked_at is not None and opened


def seats_in(*states: str) -> Any:
    related = ("panel", "panel__challenge", "panel__challenge__programme", "expert")
    return lambda: Seat.objects.filter(state__in=states).select_related(*related).order_by("pk")


def people_of_seats(state: str) -> list[Any]:
    """The experts of such seats, acting for an organisation in which they are experts."""
    seated = set(Seat.objects.filter(state=state).values_list("expert__user_id", flat=True))
    return [person for person in acting_people(Role.EXPERT) if person.pk in seated]


def summary_is_no_obstacle(seat: Seat) -> bool:
    """Who is not in the chair need not be asked to sign before the chair has summed up."""
    return seat.is_chair or bool(seat.panel.summary.strip())


def seat_title(seat: Seat) -> str:
    return f"{seat.panel.get_purpose_display()} · {seat.panel.challenge.title}"


def seat_page(seat: Seat) -> str:
    return reverse("challenges:seat", args=[seat.public_id])


todos.register(
    Duty(
        "review.panel",
        _("组建评审专家组"),
        roles=HANDLER,
        rows=offered("challenge", "commit_review", WITHOUT_PANEL, "programme__owner"),
        title=title_of,
        url=act("challenge", "commit_review"),
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, WITHOUT_PANEL, "programme__owner"),
    ),
    Duty(
        "panel.draw",
        _("抽取专家"),
        roles=SUPERVISOR,
        rows=offered("panel", "draw", committed, ripe=may_be_drawn),
        title=panel_title,
        url=act("panel", "draw"),
        since=todos.by_field("committed_at"),
        everything="challenges:board",
        holders=supervisors,
    ),
    Duty(
        "panel.supplement",
        _("为缺员的评审组发起补抽"),
        roles=HANDLER,
        rows=offered("panel", "supplement", short_panels, "challenge__programme__owner"),
        title=panel_title,
        url=act("panel", "supplement"),
        everything="challenges:board",
        told_by="challenge.panel_short",
    ),
    Duty(
        "panel.supplement_draw",
        _("补抽专家"),
        roles=SUPERVISOR,
        rows=offered("panel", "supplement_draw", panels_to_supplement),
        title=panel_title,
        url=act("panel", "supplement_draw"),
        everything="challenges:board",
        told_by="challenge.draw_waits",
    ),
    Duty(
        "review.start",
        _("开始评审"),
        roles=HANDLER,
        rows=offered("challenge", "review", formally_checked, "programme__owner", panel_is_ready),
        title=title_of,
        url=act("challenge", "review"),
        since=SINCE,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, formally_checked, "programme__owner"),
    ),
    Duty(
        "seat.answer",
        _("答复评审邀请并声明"),
        roles=EXPERT,
        rows=offered("seat", "declare", seats_in(SeatState.NOTIFIED)),
        title=seat_title,
        url=seat_page,
        since=todos.by_field("notified_at"),
        due=lambda seat: seat.answer_due_at,
        everything="challenges:board",
        told_by="challenge.seat",
    ),
    Duty(
        "seat.score",
        _("评分并提交"),
        roles=EXPERT,
        rows=offered("seat", "submit", seats_in(SeatState.DECLARED)),
        title=seat_title,
        url=seat_page,
        since=todos.by_field("declared_at"),
        everything="challenges:board",
        holders=lambda: people_of_seats(SeatState.DECLARED),
    ),
    Duty(
        "seat.sign",
        _("签署评审意见"),
        roles=EXPERT,
        rows=offered("seat", "sign", seats_in(SeatState.SUBMITTED), ripe=summary_is_no_obstacle),
        title=seat_title,
        url=seat_page,
        since=todos.by_field("submitted_at"),
        everything="challenges:board",
        holders=lambda: people_of_seats(SeatState.SUBMITTED),
    ),
    Duty(
        "review.complete",
        _("汇总评审结果"),
        roles=HANDLER,
        rows=offered("challenge", "complete_review", under_review, "programme__owner", review_may_be_completed),
        title=title_of,
        url=act("challenge", "complete_review"),
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, under_review, "programme__owner"),
    ),
)
