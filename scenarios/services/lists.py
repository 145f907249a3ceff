"""Writes about quarterly lists: collect → freeze → approve → publish, and errata afterwards (domain.md §3.4)."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.permissions import organisation_of
from core import audit, outbox
from core.clock import now, today
from core.errors import DomainError, GuardFailed, InvalidInput, NotPermitted, ObjectNotFound, Reason
from core.quarters import Quarter
from core.transitions import transition
from scenarios.enums import QuarterlyListState, ScenarioState
from scenarios.events import (
    QuarterlyListPublished,
    QuarterlyListTransitioned,
    QuarterOverdue,
)
from scenarios.models import ListItem, OverdueQuarter, QuarterlyList, Scenario
from scenarios.permissions import may_edit_list, may_edit_lists
from scenarios.selectors import highest_position, item_number
from scenarios.services.demands import keep_version, move
from scenarios.states import LIST_MACHINE
from scenarios.validators import validity_end


def _locked(list_id: int) -> QuarterlyList:
    quarterly_list = QuarterlyList.objects.select_for_update().filter(pk=list_id).first()
    if quarterly_list is None:
        raise ObjectNotFound()
    return quarterly_list


def _locked_items(quarterly_list: QuarterlyList) -> list[ListItem]:
    """Items with their demands locked in one order, so that two list steps never wait for each other in a ring."""
    items = list(quarterly_list.items.order_by("sequence"))
    scenarios = {
        scenario.pk: scenario
        for scenario in Scenario.objects.select_for_update(of=("self",))
        .filter(pk__in=[item.scenario_id for item in items])
        .select_related("owner", "owner__region", "region", "region__parent", "category", "industry")
        .select_related("fair_competition_review")
        .prefetch_related("tags")
        .order_by("pk")
    }
    for item in items:
        item.scenario = scenarios[item.scenario_id]
    return items


def _move(
    quarterly_list: QuarterlyList,
    action: str,
    acting_user: User,
    context: Mapping[str, Any] | None = None,
    update_fields: Sequence[str] = (),
) -> None:
    quarterly_list.document_version += 1
    source = transition(
        quarterly_list,
        action,
        LIST_MACHINE,
        by=acting_user,
        context={"today": today(), **(context or {})},
        update_fields=["document_version", *update_fields],
    )
    audit.record(acting_user, f"scenarios.quarterly_list.{action}", quarterly_list, {"from": source, **(context or {})})
    outbox.publish(QuarterlyListTransitioned(quarterly_list.pk, action, source, quarterly_list.state, acting_user.pk))


# --- collecting --------------------------------------------------------------------------------------------------


@transaction.atomic
def list_create(*, quarter: Quarter, acting_user: User, title: str = "", foreword: str = "") -> QuarterlyList:
    """Open the next issue of a quarter's list."""
    if not may_edit_lists(acting_user):
        raise NotPermitted(_("编制清单需要省级“清单编制人”角色。"))
    last = (
        QuarterlyList.objects.select_for_update()
        .filter(year=quarter.year, quarter_number=quarter.number)
        .order_by("-issue_number")
        .first()
    )
    issue = last.issue_number + 1 if last is not None else 1
    suffix = "" if issue == 1 else _("（第%d批）") % issue
    quarterly_list = QuarterlyList.objects.create(
        year=quarter.year,
        quarter_number=quarter.number,
        issue_number=issue,
        title=title.strip()
        or _("%(quarter)s数字化应用场景需求清单%(suffix)s") % {"quarter": quarter.label, "suffix": suffix},
        foreword=foreword,
        editor=acting_user,
        publisher=organisation_of(acting_user),
    )
    quarterly_list.editors.add(acting_user)
    audit.record(acting_user, "scenarios.quarterly_list.create", quarterly_list)
    return quarterly_list


def _collecting(list_id: int, acting_user: User) -> QuarterlyList:
    quarterly_list = _locked(list_id)
    if not may_edit_list(acting_user, quarterly_list):
        raise NotPermitted(_("编制清单需要省级“清单编制人”角色。"))
    if quarterly_list.state != QuarterlyListState.COLLECTING:
        raise DomainError(
            _("清单当前为“%s”，条目不能增减。需要调整时请先解除冻结或由审批人退回。")
            % quarterly_list.get_state_display(),
            code="list_not_collecting",
        )
    quarterly_list.editors.add(acting_user)
    return quarterly_list


@transaction.atomic
def list_add_items(*, list_id: int, scenario_ids: Sequence[int], acting_user: User) -> int:
    """Put pooled demands on the list, in the order given; returns how many were added.

    Raises GuardFailed naming every demand that is not in the pool or stands on another unpublished list.
    """
    quarterly_list = _collecting(list_id, acting_user)
    scenarios = {row.pk: row for row in Scenario.objects.filter(pk__in=scenario_ids)}
    elsewhere = set(
        ListItem.objects.filter(scenario_id__in=scenario_ids)
        .exclude(quarterly_list=quarterly_list)
        .exclude(quarterly_list__state__in=(QuarterlyListState.PUBLISHED, QuarterlyListState.ARCHIVED))
        .values_list("scenario_id", flat=True)
    )
    present = set(quarterly_list.items.values_list("scenario_id", flat=True))
    reasons, chosen = [], []
    for key in dict.fromkeys(scenario_ids):
        scenario = scenarios.get(key)
        if scenario is None:
            reasons.append(Reason("not_found", _("所选的一项需求已不存在，请刷新后重选。")))
        elif scenario.state != ScenarioState.POOLED:
            reasons.append(
                Reason(
                    "not_pooled",
                    _("“%(title)s”当前为“%(state)s”，不在需求库中。")
                    % {"title": scenario.title, "state": scenario.get_state_display()},
                )
            )
        elif key in elsewhere:
            reasons.append(Reason("on_another_list", _("“%s”已在另一份未发布的清单中。") % scenario.title))
        elif key not in present:
            chosen.append(key)
    if reasons:
        raise GuardFailed(reasons)
    start = quarterly_list.items.count()
    ListItem.objects.bulk_create(
        [
            ListItem(quarterly_list=quarterly_list, scenario_id=key, sequence=start + position + 1)
            for position, key in enumerate(chosen)
        ]
    )
    audit.record(acting_user, "scenarios.quarterly_list.add_items", quarterly_list, {"scenarios": chosen})
    return len(chosen)


@transaction.atomic
def list_remove_item(*, list_id: int, item_id: int, acting_user: User) -> None:
    quarterly_list = _collecting(list_id, acting_user)
    item = quarterly_list.items.filter(pk=item_id).select_related("scenario").first()
    if item is None:
        raise ObjectNotFound()
    audit.record(acting_user, "scenarios.quarterly_list.remove_item", quarterly_list, {"scenario": item.scenario_id})
    item.delete()
    _renumber(quarterly_list, list(quarterly_list.items.order_by("sequence").values_list("pk", flat=True)))


@transaction.atomic
def list_reorder(*, list_id: int, item_ids: Sequence[int], acting_user: User) -> None:
    """Put the items in the order given; it must name each item once."""
    quarterly_list = _collecting(list_id, acting_user)
    present = set(quarterly_list.items.values_list("pk", flat=True))
    if len(item_ids) != len(present) or set(item_ids) != present:
        raise InvalidInput({"items": [_("顺序中须包含全部条目，每条一次。请刷新后重试。")]})
    _renumber(quarterly_list, list(item_ids))
    audit.record(acting_user, "scenarios.quarterly_list.reorder", quarterly_list)


def _renumber(quarterly_list: QuarterlyList, item_ids: list[int]) -> None:
    items = quarterly_list.items.in_bulk()
    for position, key in enumerate(item_ids):
        items[key].sequence = position + 1
    ListItem.objects.bulk_update(list(items.values()), ["sequence"], batch_size=200)


# --- freeze, approve, publish ------------------------------------------------------------------------------------


def _move_items(items: Sequence[ListItem], action: str, acting_user: User) -> None:
    """Take each demand along; every refusal is collected so that the editor sees them all at once."""
    reasons: list[Reason] = []
    for item in items:
        try:
            move(item.scenario, action, acting_user=acting_user)
        except DomainError as error:
            reasons += [
                Reason(reason.code, f"“{item.scenario.title}”：{reason.message}", "items") for reason in error.reasons
            ]
    if reasons:
        raise GuardFailed(reasons)


@transaction.atomic
def list_freeze(*, list_id: int, acting_user: User) -> QuarterlyList:
    """Copy the version of every item into the list and number them; the demands can no longer be changed."""
    quarterly_list = _locked(list_id)
    items = _locked_items(quarterly_list)
    quarterly_list.frozen_at = now()
    _move(quarterly_list, "freeze", acting_user, update_fields=["frozen_at"])
    quarterly_list.editors.add(acting_user)
    _move_items(items, "freeze", acting_user)
    position = highest_position(quarterly_list.quarter)
    for item in items:
        position += 1
        item.number = item_number(quarterly_list.quarter, position)
        item.scenario_version = keep_version(item.scenario, acting_user)
        item.content = item.scenario_version.content
        item.save(update_fields=["number", "scenario_version", "content"])
    return quarterly_list


def _release_items(quarterly_list: QuarterlyList, acting_user: User) -> None:
    items = _locked_items(quarterly_list)
    _move_items([item for item in items if item.scenario.state == ScenarioState.FROZEN], "unfreeze", acting_user)
    quarterly_list.items.update(number="", scenario_version=None, content={})


@transaction.atomic
def list_unfreeze(*, list_id: int, acting_user: User) -> QuarterlyList:
    """Back to collecting: the demands return to the pool and may be changed again."""
    quarterly_list = _locked(list_id)
    quarterly_list.frozen_at = None
    _move(quarterly_list, "unfreeze", acting_user, update_fields=["frozen_at"])
    quarterly_list.editors.add(acting_user)
    _release_items(quarterly_list, acting_user)
    return quarterly_list


@transaction.atomic
def list_send_to_approval(*, list_id: int, acting_user: User) -> QuarterlyList:
    quarterly_list = _locked(list_id)
    _move(quarterly_list, "send_to_approval", acting_user)
    quarterly_list.editors.add(acting_user)
    return quarterly_list


@transaction.atomic
def list_return(*, list_id: int, acting_user: User, comment: str) -> QuarterlyList:
    """The approver sends the list back with a reason; it is collected again."""
    quarterly_list = _locked(list_id)
    quarterly_list.approval_comment, quarterly_list.frozen_at, quarterly_list.approved_at = comment.strip(), None, None
    _move(
        quarterly_list,
        "return",
        acting_user,
        {"comment": comment},
        update_fields=["approval_comment", "frozen_at", "approved_at"],
    )
    _release_items(quarterly_list, acting_user)
    return quarterly_list


@transaction.atomic
def list_approve(*, list_id: int, acting_user: User, secrecy_reviewer_name: str, comment: str = "") -> QuarterlyList:
    """Approve a frozen list, with the named person's secrecy review (V18). The approver edited none of it."""
    quarterly_list = _locked(list_id)
    quarterly_list.approver, quarterly_list.approved_at = acting_user, now()
    quarterly_list.approval_comment = comment.strip()
    quarterly_list.secrecy_reviewer_name = secrecy_reviewer_name.strip()[:40]
    _move(
        quarterly_list,
        "approve",
        acting_user,
        {"comment": comment, "secrecy_reviewer_name": secrecy_reviewer_name},
        update_fields=["approver", "approved_at", "approval_comment", "secrecy_reviewer_name"],
    )
    return quarterly_list


@transaction.atomic
def list_publish(*, list_id: int, acting_user: User) -> QuarterlyList:
    """Publish: from now on the list never changes. Matching and notices follow from the event."""
    quarterly_list = _locked(list_id)
    items = _locked_items(quarterly_list)
    quarterly_list.published_at = now()
    _move(quarterly_list, "publish", acting_user, update_fields=["published_at"])
    for item in items:
        item.scenario.code = item.number
        item.scenario.listed_at = quarterly_list.published_at
        item.scenario.valid_until = validity_end(Quarter.of(today()))
        item.scenario.save(update_fields=["code", "listed_at", "valid_until"])
    _move_items(items, "publish", acting_user)
    outbox.publish(QuarterlyListPublished(quarterly_list.pk))
    OverdueQuarter.objects.filter(
        year=quarterly_list.year, quarter_number=quarterly_list.quarter_number, resolved_at__isnull=True
    ).update(resolved_at=now())
    return quarterly_list


@transaction.atomic
def list_archive(*, list_id: int, acting_user: User) -> QuarterlyList:
    quarterly_list = _locked(list_id)
    _move(quarterly_list, "archive", acting_user)
    return quarterly_list


# --- after publication (errata: scenarios.services.errata) -------------------------------------------------------


@transaction.atomic
def overdue_quarter_flag() -> OverdueQuarter | None:
    """Raise OVERDUE for the quarter that has just ended without a published list (V21); once per quarter.

    Called by the clock every hour. Only the quarter before the present one is looked at, and only if the platform
    has ever made a list: a fresh installation owes nothing for the time before it existed.
    """
    quarter = Quarter.of(today()).previous()
    begun = QuarterlyList.objects.filter(created_at__date__lte=quarter.last_day).exists()
    published = QuarterlyList.objects.filter(
        year=quarter.year, quarter_number=quarter.number, published_at__isnull=False
    ).exists()
    if not begun or published:
        return None
    flag, created = OverdueQuarter.objects.get_or_create(
        year=quarter.year, quarter_number=quarter.number, defaults={"raised_at": now()}
    )
    if not created:
        return None
    audit.record(None, "scenarios.quarter.overdue", flag)
    outbox.publish(QuarterOverdue(quarter.code))
    return flag
