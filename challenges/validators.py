"""What a need, a challenge's terms and an opened bid must carry (domain.md §7): all reasons at once."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from challenges.enums import ProgrammeModel, SelectionMethod
from challenges.models import Challenge
from challenges.parameters import Parameters
from core.attachment_text import UNREADABLE
from core.attachments import attachments_of
from core.clock import BEIJING, database_now, today
from core.enums import PublicityClass
from core.errors import Reason
from core.personal_information import LABELS, scan
from core.unified_code import problem_with

#: Text everybody will read after publication; scanned for personal information before (V18).
PUBLIC_TEXT_FIELDS = (
    "title",
    "background",
    "content",
    "expected_result",
    "intellectual_property",
    "acceptance_method",
    "eligibility_conditions",
    "budget_source",
    "public_contact_office",
    "public_contact_phone",
)
NEEDED_FIELDS = (
    "title",
    "background",
    "content",
    "expected_result",
    "intellectual_property",
    "acceptance_method",
    "category",
    "duration_months",
    "public_contact_office",
    "public_contact_phone",
)
SHORTEST_CONTENT = 20
HUNDRED = 100
#: The six clauses a consortium's agreement must fix (domain.md §2.2 d).
AGREEMENT_CLAUSES: dict[str, str] = {
    "cooperation": "合作方式",
    "tasks": "任务分工",
    "funding": "经费投入及分配",
    "income": "收益分配",
    "transfer": "成果转化",
    "intellectual_property": "知识产权权属",
}


def label_of(field: str) -> str:
    return str(getattr(Challenge._meta.get_field(field), "verbose_name", field))


# --- needs --------------------------------------------------------------------------------------------------------


def need_problems(challenge: Challenge, parameters: Parameters) -> list[Reason]:
    """What stands against submitting a need: fields, measurable indicators, 产权归属, own money, statement (V06)."""
    problems = [
        Reason("required", _("请填写“%s”。") % label_of(name), name)
        for name in NEEDED_FIELDS
        if getattr(challenge, name) in (None, "")
    ]
    if challenge.content and len(challenge.content.strip()) < SHORTEST_CONTENT:
        problems.append(Reason("content_short", _("“研究内容”请写清楚要攻克什么，不少于 20 个字。"), "content"))
    problems += indicator_problems(challenge)
    if challenge.own_funding_fen is None:
        problems.append(Reason("required", _("请填写“自有资金投入”，没有时填 0。"), "own_funding_fen"))
    elif challenge.own_funding_fen < parameters.demand_minimum_own_funding_fen:
        problems.append(
            Reason(
                "own_funding_low",
                _("自有资金投入低于本计划要求的 %s 万元。")
                % (parameters.demand_minimum_own_funding_fen // (HUNDRED * 10_000)),
                "own_funding_fen",
            )
        )
    if challenge.duration_months and challenge.duration_months > parameters.maximum_duration_months:
        problems.append(
            Reason(
                "duration_long",
                _("实施周期不能超过 %d 个月。") % parameters.maximum_duration_months,
                "duration_months",
            )
        )
    if not challenge.states_no_secret:
        problems.append(Reason("statement_missing", _("请确认内容不涉及国家秘密。"), "states_no_secret"))
    return problems


def indicator_problems(challenge: Challenge) -> list[Reason]:
    indicators = list(challenge.indicators.all())
    if not indicators:
        return [Reason("indicators_missing", _("请至少列出一项可考核的指标。"), "indicators")]
    return [
        Reason(
            "indicator_vague",
            _("第 %d 项指标请写明名称、目标值和考核方法。") % indicator.sequence,
            "indicators",
        )
        for indicator in indicators
        if not (indicator.name.strip() and indicator.target.strip() and indicator.method.strip())
    ]


# --- publication --------------------------------------------------------------------------------------------------


def fair_competition_problems(challenge: Challenge) -> list[Reason]:
    """公平竞争审查条例 8–12, 17; V17: a restriction needs a reviewed conclusion and an end."""
    if not challenge.restricts_by:
        return []
    missing = [
        text
        for value, text in (
            (challenge.fair_competition_conclusion.strip(), _("审查结论")),
            (challenge.fair_competition_reviewer.strip(), _("审查人")),
            (challenge.fair_competition_ends_on, _("终止日期")),
        )
        if not value
    ]
    if missing:
        return [
            Reason(
                "fair_competition_missing",
                _("“%(title)s”设有限制性条件，请补充公平竞争审查的%(missing)s。")
                % {"title": challenge.title, "missing": "、".join(missing)},
                "fair_competition_conclusion",
            )
        ]
    if challenge.fair_competition_ends_on and challenge.fair_competition_ends_on < today():
        return [
            Reason("fair_competition_ended", _("公平竞争审查的终止日期已过，请重新审查。"), "fair_competition_ends_on")
        ]
    return []


def personal_information_problems(challenge: Challenge) -> list[Reason]:
    """V18: no identity, mobile or account number in text or public files."""
    problems = []
    texts = [(label_of(name), str(getattr(challenge, name) or ""), name) for name in PUBLIC_TEXT_FIELDS]
    texts += [
        (_("考核指标"), f"{row.name} {row.target} {row.method}", "indicators") for row in challenge.indicators.all()
    ]
    for label, text, name in texts:
        problems += [
            Reason(
                "personal_information",
                _("“%(field)s”中含有%(kind)s（%(shown)s），请删除后再发布。")
                % {"field": label, "kind": LABELS[finding.kind], "shown": finding.masked},
                name,
            )
            for finding in scan(text)
        ]
    for attachment in attachments_of(challenge).filter(publicity=PublicityClass.PUBLIC):
        for found in attachment.personal_numbers:
            message = (
                _("公开附件“%s”的文字无法读取，不能确认其中没有个人信息，请换成可检索文字的文件或改为不公开。")
                % attachment.original_name
                if found == UNREADABLE
                else _("公开附件“%(name)s”中含有%(found)s，请删除后重新上传。")
                % {"name": attachment.original_name, "found": found}
            )
            problems.append(Reason("personal_information", message, "attachments"))
    return problems


def criteria_problems(challenge: Challenge, parameters: Parameters) -> list[Reason]:
    """Rules fixed before bids: keys, weights and price weight that sum to 100, minimums in range (domain.md §2.6)."""
    criteria = challenge.criteria or []
    if not criteria:
        return [Reason("criteria_missing", _("请设置评审指标和权重。"), "criteria")]
    problems = []
    keys = [str(row.get("key", "")) for row in criteria]
    if len(set(keys)) != len(keys) or "" in keys:
        problems.append(Reason("criteria_keys", _("评审指标的名称不能为空或重复。"), "criteria"))
    for row in criteria:
        weight, minimum = row.get("weight"), row.get("minimum", 0)
        if not isinstance(weight, int) or weight < 1:
            problems.append(Reason("criteria_weight", _("“%s”的分值应为正整数。") % row.get("name", ""), "criteria"))
        elif not isinstance(minimum, int) or not 0 <= minimum <= weight:
            problems.append(
                Reason("criteria_minimum", _("“%s”的最低分应在 0 和分值之间。") % row.get("name", ""), "criteria")
            )
    total = sum(row["weight"] for row in criteria if isinstance(row.get("weight"), int))
    if total + parameters.price_weight_percent != HUNDRED:
        problems.append(
            Reason(
                "criteria_sum",
                _("评审指标分值合计 %(total)d，加报价分 %(price)d 应等于 100。")
                % {"total": total, "price": parameters.price_weight_percent},
                "criteria",
            )
        )
    return problems


def publication_problems(challenge: Challenge, parameters: Parameters) -> list[Reason]:
    """Guards of 发榜: secrecy, fair competition, money source, criteria, window, directed commissions with reason."""
    problems = need_problems(challenge, parameters)
    if not challenge.secrecy_reviewer_name.strip():
        problems.append(
            Reason("secrecy_review_missing", _("“%s”尚未完成保密审查。") % challenge.title, "secrecy_reviewer_name")
        )
    problems += fair_competition_problems(challenge)
    problems += personal_information_problems(challenge)
    problems += criteria_problems(challenge, parameters)
    if not challenge.budget_source.strip():
        problems.append(Reason("budget_source_missing", _("请写明“%s”的经费来源。") % challenge.title, "budget_source"))
    if challenge.grant_cap_fen is None and challenge.programme.model != ProgrammeModel.SHORTLIST:
        problems.append(
            Reason("grant_cap_missing", _("请填写“%s”的财政资助上限，没有时填 0。") % challenge.title, "grant_cap_fen")
        )
    problems += deadline_problems(challenge, parameters)
    return problems + directed_problems(challenge)


def directed_problems(challenge: Challenge) -> list[Reason]:
    """A commission names whom it goes to and why: told when it is chosen and again before 发榜 (domain.md §2.1)."""
    if challenge.selection_method != SelectionMethod.DIRECTED:
        return []
    problems = []
    if challenge.directed_to is None:
        problems.append(Reason("directed_to_missing", _("定向委托须填写受托单位。"), "directed_to"))
    elif challenge.directed_to_id == challenge.demander_id:
        problems.append(Reason("directed_to_demander", _("受托单位不能是需求单位自己。"), "directed_to"))
    elif not challenge.directed_to.is_verified:
        problems.append(
            Reason("directed_to_unverified", _("受托单位尚未通过平台核验，核验后才能委托。"), "directed_to")
        )
    if not challenge.directed_reason.strip():
        problems.append(Reason("directed_reason_missing", _("定向委托须写明理由。"), "directed_reason"))
    return problems


def deadline_problems(challenge: Challenge, parameters: Parameters) -> list[Reason]:
    """V08: the window is at least as long as promised; questions close before bids do."""
    if challenge.deadline_at is None:
        return [Reason("deadline_missing", _("请设置“%s”的揭榜截止时间。") % challenge.title, "deadline_at")]
    problems = []
    earliest = database_now() + timedelta(days=parameters.apply_window_minimum_days)
    if challenge.deadline_at < earliest:
        problems.append(
            Reason(
                "window_short",
                _("“%(title)s”的揭榜期不足 %(days)d 天，截止时间最早为 %(earliest)s。")
                % {
                    "title": challenge.title,
                    "days": parameters.apply_window_minimum_days,
                    "earliest": earliest.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M"),
                },
                "deadline_at",
            )
        )
    if challenge.question_deadline_at is None or challenge.question_deadline_at >= challenge.deadline_at:
        problems.append(Reason("question_deadline_late", _("提问截止时间应早于揭榜截止时间。"), "question_deadline_at"))
    return problems


# --- opened bids --------------------------------------------------------------------------------------------------


def bid_problems(content: Mapping[str, Any], challenge: Challenge, parameters: Parameters) -> list[Reason]:
    """What is wrong with an opened technical envelope (V05–V06); the sealing page applies the same rules beforehand.

    `content` is the manifest of docs/sealing.md: members with roles and shares, clauses, answers, team, plan.
    """
    members = content.get("members")
    if not isinstance(members, Sequence) or isinstance(members, str) or not members:
        return [Reason("members_missing", _("没有填写揭榜单位。"), "members")]
    problems: list[Reason] = []
    leads = [row for row in members if row.get("role") == "lead"]
    if len(leads) != 1:
        problems.append(Reason("one_lead", _("联合体应有且只有一个牵头单位。"), "members"))
    if len(members) - 1 > parameters.consortium_maximum_members:
        problems.append(
            Reason(
                "too_many_members",
                _("联合体成员（不含牵头单位）不能超过 %d 家。") % parameters.consortium_maximum_members,
                "members",
            )
        )
    codes = [str(row.get("unified_code", "")) for row in members]
    problems += [
        Reason(
            "member_code", _("“%(name)s”：%(problem)s") % {"name": row.get("name", ""), "problem": trouble}, "members"
        )
        for row, trouble in ((row, problem_with(str(row.get("unified_code", "")))) for row in members)
        if trouble
    ]
    if len(set(codes)) != len(codes):
        problems.append(Reason("member_twice", _("同一单位在联合体中出现两次。"), "members"))
    if len(members) > 1:
        problems += consortium_problems(content, members)
    problems += answer_problems(content, challenge)
    for name, label in (("plan", _("技术方案")), ("route", _("技术路线")), ("leader", _("项目负责人"))):
        if not str(content.get(name, "")).strip():
            problems.append(Reason("required", _("没有填写“%s”。") % label, name))
    return problems


def consortium_problems(content: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> list[Reason]:
    """V05: the agreement's six clauses; every share above zero, together exactly 100 %."""
    problems = []
    agreement = content.get("agreement") or {}
    missing = [label for key, label in AGREEMENT_CLAUSES.items() if not str(agreement.get(key, "")).strip()]
    if missing:
        problems.append(Reason("clauses_missing", _("联合协议缺少条款：%s。") % "、".join(missing), "agreement"))
    try:
        shares = [Decimal(str(row.get("share_percent"))) for row in members]
        sound = all(share.is_finite() and share > 0 for share in shares) and sum(shares) == HUNDRED
    except ArithmeticError:
        sound = False
    if not sound:
        problems.append(Reason("shares_sum", _("各单位任务或经费份额合计应为 100%。"), "members"))
    return problems


def answer_problems(content: Mapping[str, Any], challenge: Challenge) -> list[Reason]:
    """Every indicator is answered: the bid covers the whole item (domain.md §2.2 d)."""
    answers = content.get("answers") or {}
    return [
        Reason("indicator_unanswered", _("没有响应指标“%s”。") % indicator.name, "answers")
        for indicator in challenge.indicators.all()
        if not str((answers.get(str(indicator.sequence)) or {}).get("promise", "")).strip()
    ]


def price_problems(price: Mapping[str, Any], challenge: Challenge, parameters: Parameters) -> list[Reason]:
    """V07: whole fen, parts that sum, grant within the list's cap, own money in the promised ratio."""
    names = ("total_fen", "grant_fen", "own_fen")
    amounts = [price.get(name) for name in names]
    if any(not isinstance(amount, int) or isinstance(amount, bool) or amount < 0 for amount in amounts):
        return [
            Reason(
                "amount_unreadable",
                _("请填写报价：“申请财政资助”和“自筹”都要填写，单位万元，不能为负，没有时填 0。"),
                "price",
            )
        ]
    total, grant, own = (int(price[name]) for name in names)
    problems = []
    if total != grant + own:
        problems.append(Reason("amount_sum", _("总经费应等于财政资助与自筹之和。"), "price"))
    if challenge.grant_cap_fen is not None and grant > challenge.grant_cap_fen:
        problems.append(Reason("grant_above_cap", _("申请的财政资助超过榜单上限。"), "price"))
    if own * HUNDRED < grant * parameters.self_funding_percent:
        problems.append(
            Reason("own_share_low", _("自筹与财政资金之比低于 %d%%。") % parameters.self_funding_percent, "price")
        )
    return problems
