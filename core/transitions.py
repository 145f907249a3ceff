"""State machines as data, and the one function that moves an object along them (architecture.md §3).

A machine is a dict `action → Transition`. Nothing else in the product assigns to a state field.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from core.errors import GuardFailed, IllegalTransition, NotPermitted, Reason

Predicate = Callable[[Any, Any], bool]
Guard = Callable[[Any, Mapping[str, Any]], Sequence[Reason]]


@dataclass(frozen=True)
class Transition:
    """One row of a machine: from which states, to which, who, and under which conditions.

    `permitted(user, obj)` decides about the person; each guard returns the reasons against, given the object and
    the context of the request (a comment, an attachment's conclusion, a database time).
    """

    sources: frozenset[str]
    target: str
    permitted: Predicate
    label: str | Promise
    guards: tuple[Guard, ...] = field(default=())

    def __init__(
        self,
        sources: Sequence[str] | frozenset[str],
        target: str,
        *,
        permitted: Predicate,
        label: str | Promise,
        guards: Sequence[Guard] = (),
    ) -> None:
        object.__setattr__(self, "sources", frozenset(str(source) for source in sources))
        object.__setattr__(self, "target", str(target))
        object.__setattr__(self, "permitted", permitted)
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "guards", tuple(guards))


Machine = Mapping[str, Transition]


def transition(
    obj: Any,
    action: str,
    machine: Machine,
    *,
    by: Any,
    context: Mapping[str, Any] | None = None,
    update_fields: Sequence[str] = (),
) -> str:
    """Move `obj` by `action` and save its state field and `update_fields`; returns the state it came from.

    Call inside a transaction that holds the row (`select_for_update`). Raises `NotPermitted` for the person,
    `IllegalTransition` for the state, `GuardFailed` with every unmet condition — in this order, so that a stranger
    learns nothing about an object's state.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("transition() belongs inside the transaction that locks the row")
    step = machine[action]
    if not step.permitted(by, obj):
        raise NotPermitted()
    source = obj.state
    if source not in step.sources:
        raise IllegalTransition(
            _("当前状态为“%(state)s”，不能进行“%(action)s”。请刷新页面查看最新状态。")
            % {"state": obj.get_state_display(), "action": step.label}
        )
    reasons = [reason for guard in step.guards for reason in guard(obj, context or {})]
    if reasons:
        raise GuardFailed(reasons)
    obj.state = step.target
    obj.save(update_fields=["state", *update_fields])
    return source


def available_actions(obj: Any, machine: Machine, *, by: Any) -> list[str]:
    """Actions the person may take in the present state; conditions are told when an action is tried."""
    return [action for action, step in machine.items() if obj.state in step.sources and step.permitted(by, obj)]


def state_check(choices: type[models.TextChoices], name: str) -> models.CheckConstraint:
    """The database's own copy of the state vocabulary, so that no path writes an unknown state."""
    return models.CheckConstraint(condition=models.Q(state__in=choices.values), name=name)
