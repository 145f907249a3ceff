"""Machines E and F of domain.md §3.3–§3.4: what may follow what, who may do it, under which conditions."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import Reason
from core.guards import has_comment, has_defects
from core.quarters import Quarter
from core.transitions import Machine, Transition
from scenarios.enums import ErratumDraftState as D
from scenarios.enums import QuarterlyListState as L
from scenarios.enums import ScenarioState as S
from scenarios.models import QuarterlyList, Scenario
from scenarios.permissions import (
    acts_as_owner,
    by_clock,
    may_approve_erratum,
    may_approve_list,
    may_convert_to_challenge,
    may_edit_list,
    may_freeze_item,
    may_publish_item,
    may_regulate_listed,
    may_release_item,
    may_review_first,
    may_review_provincially,
)
from scenarios.validators import (
    attachment_problems,
    date_problems,
    fair_competition_problems,
    personal_information_problems,
    submission_problems,
    validity_end,
)

Context = Mapping[str, Any]


def is_complete(scenario: Scenario, _context: Context) -> list[Reason]:
    return submission_problems(scenario)


def owner_is_verified(scenario: Scenario, _context: Context) -> list[Reason]:
    """A draft may be written before verification; it is submitted after (architecture.md §10.2)."""
    if scenario.owner.is_verified:
        return []
    return [Reason("owner_not_verified", _("需求单位尚未通过核验，请先在“本机构”页面申请核验，再提交需求。"))]


def says_why_once_handed_in(scenario: Scenario, context: Context) -> list[Reason]:
    """A draft is nobody's but its owner's: who takes it back owes nobody a reason."""
    return [] if scenario.state == S.DRAFT else has_comment(scenario, context)


def is_not_listed_already(scenario: Scenario, _context: Context) -> list[Reason]:
    """The same unit's same demand is on a list already: it is a repeat and must say of which."""
    if scenario.previous_id is not None:
        return []
    listed = (
        Scenario.objects.filter(owner_id=scenario.owner_id, title=scenario.title, state=S.LISTED)
        .exclude(pk=scenario.pk)
        .first()
    )
    if listed is None:
        return []
    return [
        Reason(
            "already_listed",
            _("本单位的同名需求 %s 已经发布。如为再次发布，请在“基本情况”中选择前次需求；如内容不同，请修改名称。")
            % listed.code,
            "title",
        )
    ]


def secrecy_is_reviewed(_scenario: Scenario, context: Context) -> list[Reason]:
    """保守国家秘密法 35: organs review secrecy before publishing."""
    if context.get("secrecy_reviewed"):
        return []
    return [Reason("secrecy_review_missing", _("请完成保密审查并确认，再通过入库。"), "secrecy_reviewed")]


def is_fit_to_publish(scenario: Scenario, _context: Context) -> list[Reason]:
    return fair_competition_problems(scenario) + personal_information_problems(scenario) + attachment_problems(scenario)


def dates_lie_ahead(scenario: Scenario, _context: Context) -> list[Reason]:
    return date_problems(scenario)


#: Machine E. Freeze, unfreeze and publish happen only as part of a list's own step.
SCENARIO_MACHINE: Machine = {
    "submit": Transition(
        [S.DRAFT, S.SUPPLEMENT],
        S.SUBMITTED,
        permitted=acts_as_owner,
        guards=(owner_is_verified, is_complete, is_not_listed_already),
        label=gettext_lazy("提交"),
    ),
    "pass_first": Transition(
        [S.SUBMITTED],
        S.FIRST_PASSED,
        permitted=may_review_first,
        guards=(is_fit_to_publish,),
        label=gettext_lazy("初审通过"),
    ),
    "return_first": Transition(
        [S.SUBMITTED],
        S.SUPPLEMENT,
        permitted=may_review_first,
        guards=(has_defects,),
        label=gettext_lazy("初审退回补充"),
    ),
    "reject_first": Transition(
        [S.SUBMITTED],
        S.NOT_ACCEPTED,
        permitted=may_review_first,
        guards=(has_comment,),
        label=gettext_lazy("初审不予采纳"),
    ),
    "pool": Transition(
        [S.FIRST_PASSED],
        S.POOLED,
        permitted=may_review_provincially,
        guards=(secrecy_is_reviewed, is_fit_to_publish),
        label=gettext_lazy("审核入库"),
    ),
    "return_provincial": Transition(
        [S.FIRST_PASSED],
        S.SUPPLEMENT,
        permitted=may_review_provincially,
        guards=(has_defects,),
        label=gettext_lazy("省级退回补充"),
    ),
    "reject_provincial": Transition(
        [S.FIRST_PASSED, S.POOLED],
        S.NOT_ACCEPTED,
        permitted=may_review_provincially,
        guards=(has_comment,),
        label=gettext_lazy("省级不予采纳"),
    ),
    "freeze": Transition(
        [S.POOLED],
        S.FROZEN,
        permitted=may_freeze_item,
        guards=(is_fit_to_publish, dates_lie_ahead),
        label=gettext_lazy("冻结"),
    ),
    "unfreeze": Transition([S.FROZEN], S.POOLED, permitted=may_release_item, label=gettext_lazy("解除冻结")),
    "publish": Transition([S.FROZEN], S.LISTED, permitted=may_publish_item, label=gettext_lazy("发布")),
    "withdraw": Transition(
        [S.DRAFT, S.SUBMITTED, S.SUPPLEMENT, S.FIRST_PASSED, S.POOLED],
        S.WITHDRAWN,
        permitted=acts_as_owner,
        guards=(says_why_once_handed_in,),
        label=gettext_lazy("撤回"),
    ),
    "reopen": Transition(
        [S.NOT_ACCEPTED, S.WITHDRAWN], S.DRAFT, permitted=acts_as_owner, label=gettext_lazy("重新填报")
    ),
    "suspend": Transition(
        [S.LISTED],
        S.SUSPENDED,
        permitted=may_regulate_listed,
        guards=(has_comment,),
        label=gettext_lazy("暂停"),
    ),
    "resume": Transition([S.SUSPENDED], S.LISTED, permitted=may_regulate_listed, label=gettext_lazy("恢复")),
    "close": Transition(
        [S.LISTED],
        S.CLOSED_UNMATCHED,
        permitted=acts_as_owner,
        guards=(has_comment,),
        label=gettext_lazy("结束对接"),
    ),
    "expire": Transition([S.LISTED, S.SUSPENDED], S.EXPIRED, permitted=by_clock, label=gettext_lazy("到期")),
    "land": Transition(
        [S.LISTED, S.SUSPENDED, S.EXPIRED, S.CLOSED_UNMATCHED], S.LANDED, permitted=by_clock, label=gettext_lazy("落地")
    ),
    "convert": Transition(
        [S.LISTED], S.CONVERTED, permitted=may_convert_to_challenge, label=gettext_lazy("转为揭榜任务")
    ),
}


def has_items(quarterly_list: QuarterlyList, _context: Context) -> list[Reason]:
    """An empty list is no list (V21)."""
    if quarterly_list.items.exists():
        return []
    return [Reason("list_is_empty", _("清单中还没有需求，请先从需求库中选入条目。"))]


def has_secrecy_reviewer(_quarterly_list: QuarterlyList, context: Context) -> list[Reason]:
    """保守国家秘密法 35; V18: a named person signs the secrecy review of what is published."""
    if str(context.get("secrecy_reviewer_name", "")).strip():
        return []
    return [Reason("secrecy_reviewer_missing", _("请填写保密审查人姓名。"), "secrecy_reviewer_name")]


def quarter_has_begun(quarterly_list: QuarterlyList, context: Context) -> list[Reason]:
    """A list appears in its quarter or after, never before (domain.md §3.3: inside the quarter)."""
    day = context["today"]
    if Quarter.of(day) >= quarterly_list.quarter:
        return []
    return [Reason("quarter_not_begun", _("%s尚未开始，不能提前发布。") % quarterly_list.quarter.label)]


def validity_is_over(quarterly_list: QuarterlyList, context: Context) -> list[Reason]:
    """A list is put away when its demands have run out, not while they are looked at."""
    ends = validity_end(quarterly_list.quarter)
    if context["today"] > ends:
        return []
    return [Reason("still_valid", _("清单中的需求有效期到 %s，之后才能归档。") % ends)]


#: Machine F.
LIST_MACHINE: Machine = {
    "freeze": Transition(
        [L.COLLECTING], L.FROZEN, permitted=may_edit_list, guards=(has_items,), label=gettext_lazy("冻结")
    ),
    "unfreeze": Transition([L.FROZEN], L.COLLECTING, permitted=may_edit_list, label=gettext_lazy("解除冻结")),
    "send_to_approval": Transition(
        [L.FROZEN], L.IN_REVIEW, permitted=may_edit_list, guards=(has_items,), label=gettext_lazy("送审")
    ),
    "return": Transition(
        [L.IN_REVIEW, L.APPROVED],
        L.COLLECTING,
        permitted=may_approve_list,
        guards=(has_comment,),
        label=gettext_lazy("退回编制"),
    ),
    "approve": Transition(
        [L.IN_REVIEW],
        L.APPROVED,
        permitted=may_approve_list,
        guards=(has_items, has_secrecy_reviewer),
        label=gettext_lazy("批准"),
    ),
    "publish": Transition(
        [L.APPROVED],
        L.PUBLISHED,
        permitted=may_approve_list,
        guards=(has_items, quarter_has_begun),
        label=gettext_lazy("发布"),
    ),
    "archive": Transition(
        [L.PUBLISHED], L.ARCHIVED, permitted=may_edit_list, guards=(validity_is_over,), label=gettext_lazy("归档")
    ),
}

#: A correction: prepared by an editor, published or returned by somebody else.
ERRATUM_MACHINE: Machine = {
    "publish": Transition([D.WAITING], D.PUBLISHED, permitted=may_approve_erratum, label=gettext_lazy("批准并发布")),
    "return": Transition(
        [D.WAITING], D.RETURNED, permitted=may_approve_erratum, guards=(has_comment,), label=gettext_lazy("退回")
    ),
}
