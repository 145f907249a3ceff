"""What a demand must carry before it is submitted, pooled, published. Shared by forms, API, imports and guards.

Every function returns all reasons against, never the first only (domain.md §3.3: all defects at once).
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.attachment_text import UNREADABLE
from core.attachments import attachments_of
from core.clock import database_now, today
from core.enums import PublicityClass
from core.errors import Reason
from core.personal_information import LABELS, scan
from core.quarters import Quarter
from scenarios.enums import FundingNature, Restriction, ScenarioType
from scenarios.models import Scenario

#: The task list of the form: section → (title, fields), in the order a clerk fills them in.
SECTIONS: dict[str, tuple[str | Promise, tuple[str, ...]]] = {
    "basics": (
        gettext_lazy("基本情况"),
        ("title", "scenario_type", "category", "industry", "region", "level", "lead_department", "is_cross_region"),
    ),
    "need": (gettext_lazy("需求内容"), ("pain_point", "description", "target_indicators", "tags")),
    "conditions": (
        gettext_lazy("条件与数据"),
        ("available_resources", "data_needs", "data_class", "acceptance_method", "intellectual_property"),
    ),
    "money": (
        gettext_lazy("资金与时间"),
        ("funding_nature", "budget_text", "timeframe_text", "needed_by", "deadline_at"),
    ),
    "eligibility": (
        gettext_lazy("对供给方的要求"),
        ("eligibility_conditions", "required_credentials", "restricts_by"),
    ),
    "contact": (
        gettext_lazy("联系方式与声明"),
        (
            "public_contact_office",
            "public_contact_phone",
            "public_contact_email",
            "private_contact_name",
            "private_contact_phone",
            "no_state_secret",
        ),
    ),
}

#: Text that everybody will read; scanned for personal information before anything is published (V18).
PUBLIC_TEXT_FIELDS = (
    "title",
    "pain_point",
    "description",
    "target_indicators",
    "available_resources",
    "data_needs",
    "acceptance_method",
    "intellectual_property",
    "eligibility_conditions",
    "budget_text",
    "timeframe_text",
    "public_contact_office",
    "public_contact_phone",
)
LONGEST_TEXT = 10_000
SHORTEST_DESCRIPTION = 20


def validity_end(quarter: Quarter) -> date:
    """The 25th of the last month of the next quarter (domain.md §3.3, as the ministry's platform does)."""
    return quarter.next().last_day.replace(day=25)


def _label(field: str) -> str:
    return str(getattr(Scenario._meta.get_field(field), "verbose_name", field))


def _missing(scenario: Scenario, fields: Iterable[str]) -> list[Reason]:
    return [
        Reason("required", _("请填写“%s”。") % _label(field), field) for field in fields if not getattr(scenario, field)
    ]


def completeness_problems(scenario: Scenario) -> list[Reason]:
    """Mandatory fields by type (domain.md §3.3) and plain contradictions."""
    required = ["title", "description", "target_indicators", "public_contact_office", "public_contact_phone"]
    if scenario.scenario_type == ScenarioType.RESEARCH:
        # 民法典 859: left blank, the patent right would be the developer's (domain.md §2.2 l).
        required.append("intellectual_property")
    if scenario.funding_nature != FundingNature.OPEN:
        required.append("budget_text")
    problems = _missing(scenario, required)
    if scenario.scenario_type == ScenarioType.PROCUREMENT and scenario.funding_nature == FundingNature.OPEN:
        problems.append(
            Reason("funding_missing", _("采购建设类需求须有资金，请在“资金与时间”中选择资金性质。"), "funding_nature")
        )
    if not scenario.category_id:
        problems.append(Reason("required", _("请选择“应用领域”。"), "category"))
    if not scenario.region_id:
        problems.append(Reason("required", _("请选择“落地地区”。"), "region"))
    if scenario.description and len(scenario.description.strip()) < SHORTEST_DESCRIPTION:
        problems.append(
            Reason(
                "too_short",
                _("“需求内容”不足 20 个字。请写清要解决什么问题、给谁用、现在怎么做、希望怎么做。"),
                "description",
            )
        )
    problems += length_problems(scenario)
    problems += date_problems(scenario)
    return problems


def length_problems(scenario: Scenario) -> list[Reason]:
    return [
        Reason("too_long", _("“%s”超过 10000 字，请精简，详细材料可作为附件上传。") % _label(field), field)
        for field in PUBLIC_TEXT_FIELDS
        if len(getattr(scenario, field) or "") > LONGEST_TEXT
    ]


def date_problems(scenario: Scenario) -> list[Reason]:
    """Dates that lie in the past when the demand is submitted or published."""
    problems = []
    if scenario.deadline_at is not None and scenario.deadline_at <= database_now():
        problems.append(Reason("in_the_past", _("“响应截止时间”已经过去，请改为将来的时间。"), "deadline_at"))
    if scenario.needed_by is not None and scenario.needed_by < today():
        problems.append(Reason("in_the_past", _("“期望完成日期”已经过去，请改为将来的日期。"), "needed_by"))
    return problems


def statement_problems(scenario: Scenario) -> list[Reason]:
    """保守国家秘密法 30–31: nothing secret may be entered here; the submitter says so by name."""
    if scenario.no_state_secret:
        return []
    return [
        Reason("secrecy_statement_missing", _("请确认所填内容不涉及国家秘密，并勾选声明后再提交。"), "no_state_secret")
    ]


def fair_competition_problems(scenario: Scenario) -> list[Reason]:
    """V17: a condition on place, ownership, size, years or local record needs a review with an end date."""
    restrictions = [value for value in scenario.restricts_by if value in Restriction.values]
    if not restrictions:
        return []
    review = getattr(scenario, "fair_competition_review", None)
    names = "、".join(str(Restriction(value).label) for value in restrictions)
    if review is None or review.attachment_id is None:
        return [
            Reason(
                "fair_competition_review_missing",
                _(
                    "条件中限制了%s，须上传公平竞争审查结论并填写实施期限（公平竞争审查条例第九、十二条），或者取消该限制。"
                )
                % names,
                "restricts_by",
            )
        ]
    if review.ends_on < today():
        return [
            Reason("fair_competition_review_ended", _("公平竞争审查结论的实施期限已过，请重新审查。"), "restricts_by")
        ]
    return []


def personal_information_problems(scenario: Scenario) -> list[Reason]:
    """V18; 个人信息保护法 25: identity numbers, mobile and bank card numbers never stand in public text."""
    problems = []
    for field in PUBLIC_TEXT_FIELDS:
        for finding in scan(getattr(scenario, field) or ""):
            problems.append(
                Reason(
                    "personal_information",
                    _("“%(field)s”中有%(kind)s（%(masked)s），该栏会公开，请删除或改为办公电话。")
                    % {"field": _label(field), "kind": LABELS[finding.kind], "masked": finding.masked},
                    field,
                )
            )
    return problems


def attachment_problems(scenario: Scenario) -> list[Reason]:
    """V18 for files: a public attachment with personal numbers, or one that cannot be read, is not published."""
    problems = []
    if scenario.pk is None:
        return problems
    for attachment in attachments_of(scenario).filter(publicity=PublicityClass.PUBLIC).exclude(personal_numbers=[]):
        if attachment.personal_numbers == [UNREADABLE]:
            text = _("公开附件“%s”已加密或损坏，无法检查其中有无个人信息，请换成可以打开的文件，或改为不公开。")
            problems.append(Reason("attachment_unreadable", text % attachment.original_name))
            continue
        text = _("公开附件“%(name)s”中有%(found)s，请删去后重新上传，或改为不公开。") % {
            "name": attachment.original_name,
            "found": "、".join(attachment.personal_numbers),
        }
        problems.append(Reason("personal_information", text))
    return problems


def submission_problems(scenario: Scenario) -> list[Reason]:
    """Everything that stands between a draft and its submission."""
    return (
        completeness_problems(scenario)
        + statement_problems(scenario)
        + fair_competition_problems(scenario)
        + personal_information_problems(scenario)
        + attachment_problems(scenario)
    )


def section_states(scenario: Scenario) -> list[dict[str, Any]]:
    """The task list: per section 未开始 / 填写中 / 有问题 / 已完成, with its problems.

    Done is what somebody filled in, or looked at and saved as it is, and what is valid. "Has a problem" is said only
    once something was typed: an empty section is not a reproach.
    """
    problems = submission_problems(scenario)
    defaults = {field.name: field.get_default() for field in Scenario._meta.fields}
    sections = []
    for key, (title, fields) in SECTIONS.items():
        own = [reason for reason in problems if reason.field in fields]
        touched = any(
            getattr(scenario, f"{name}_id" if name in ("category", "industry", "region", "lead_department") else name)
            != defaults.get(name)
            for name in fields
            if name != "tags"
        )
        touched = touched or key in (scenario.saved_sections or ())
        if not touched:
            state = "not_started"
        elif not own:
            state = "done"
        elif all(reason.code in ("required", "funding_missing", "secrecy_statement_missing") for reason in own):
            state = "in_progress"
        else:
            state = "has_problems"
        sections.append({"key": key, "title": title, "state": state, "problems": own, "fields": fields})
    return sections
