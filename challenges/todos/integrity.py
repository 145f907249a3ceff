"""What a supervisor looks at: late memberships, signs of collusion."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from challenges.models import SuspicionHint
from challenges.permissions import supervises
from challenges.services.membership_looks import WaitingLook, looks_waiting
from challenges.todos.rows import SUPERVISOR, act, offered, supervisors, title_of_challenge
from core import todos
from core.todos import Duty


class LookRow:
    """A waiting look as a row of the desk: it has no key of its own before a supervisor has looked."""

    def __init__(self, look: WaitingLook) -> None:
        self.look = look
        self.pk = f"{look.challenge.pk}:{look.membership.pk}"


def looks(user: Any) -> list[LookRow]:
    return [LookRow(one) for one in looks_waiting()] if supervises(user) else []


def unhandled() -> QuerySet[SuspicionHint]:
    return SuspicionHint.objects.filter(handled_comment="").select_related("challenge").order_by("pk")


todos.register(
    Duty(
        "membership.look",
        _("复核新成员关系"),
        roles=SUPERVISOR,
        rows=looks,
        title=lambda row: f"{row.look.membership.user} · {row.look.membership.organisation.name}",
        url=lambda row: reverse(
            "challenges:membership_look", args=[row.look.challenge.public_id, row.look.membership.pk]
        ),
        since=lambda rows: {row.pk: row.look.membership.started_at for row in rows},
        everything="challenges:membership_looks",
        told_by="challenge.membership_waits",
    ),
    Duty(
        "hint.handle",
        _("核查疑似串通线索"),
        roles=SUPERVISOR,
        rows=offered("hint", "handle", unhandled),
        title=lambda hint: f"{hint.get_kind_display()} · {title_of_challenge(hint)}",
        url=act("hint", "handle"),
        since=todos.by_field("created_at"),
        everything="challenges:board",
        holders=supervisors,
    ),
)
