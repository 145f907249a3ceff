"""Reasons, gaps and exclusions in words. They are stored as codes and values; HTML, API, Word and Excel render these.

The same sentence everywhere: what is said to the demand's side is what is said to the vendor (matching.md §3).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from core.enums import AmountUnit
from core.models import Category, Region
from core.money import format_fen


@dataclass(frozen=True)
class Sentence:
    """A code, its label, its words; `share` is the part of the score (reasons only), in points."""

    code: str
    label: str
    text: str
    share: float | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Names:
    """Labels of the codes that reasons mention, read once for a whole list of candidates."""

    categories: Mapping[str, str]
    regions: Mapping[str, str]


def names_for(entries: Iterable[Mapping[str, Any]]) -> Names:
    """`entries` are stored reasons and gaps of any number of candidates. Two queries at most."""
    categories: set[str] = set()
    regions: set[str] = set()
    for entry in entries:
        values = entry.get("values", {})
        if entry["code"].startswith("category"):
            for code in (values.get("demand"), values.get("supply")):
                categories.update(_branch(code or ""))
        elif entry["code"].startswith("service_area"):
            regions.update(values.get("regions", ()))
            regions.add(values.get("region", ""))
    categories.discard("")
    regions.discard("")
    return Names(
        dict(Category.objects.filter(code__in=categories).values_list("code", "label")) if categories else {},
        dict(Region.objects.filter(code__in=regions).values_list("code", "name")) if regions else {},
    )


def reason_sentence(entry: Mapping[str, Any], names: Names) -> Sentence:
    """One stored reason in words."""
    code, values = entry["code"], entry.get("values", {})
    label, words = REASONS[code]
    return Sentence(code, label(), words(values, names), entry.get("share", 0.0), values)


def gap_sentence(entry: Mapping[str, Any], names: Names) -> Sentence:
    """One stored gap (不足) in words."""
    code, values = entry["code"], entry.get("values", {})
    return Sentence(code, _("不足"), GAPS[code](values, names), None, values)


def exclusion_sentence(entry: Mapping[str, Any]) -> Sentence:
    """Why a candidate was not ranked (未入选原因), in words."""
    code, values = entry["code"], entry.get("values", {})
    return Sentence(code, _("未入选原因"), EXCLUSIONS[code](values), None, values)


def _branch(code: str) -> list[str]:
    parts = code.split(".") if code else []
    return [".".join(parts[: depth + 1]) for depth in range(len(parts))]


def _path(code: str, names: Names) -> str:
    return " / ".join(names.categories.get(part, part) for part in _branch(code))


def _amount(fen: int | None) -> str:
    return format_fen(fen, AmountUnit.WAN) if fen else ""


def _day(number: int | None) -> str:
    return date.fromordinal(number).strftime("%Y-%m-%d") if number else ""


def _text_words(values: Mapping[str, Any], names: Names) -> str:
    in_title = [entry["term"] for entry in values.get("terms", ()) if entry["field"] == "title"]
    in_text = [entry["term"] for entry in values.get("terms", ()) if entry["field"] != "title"]
    parts = []
    if in_title:
        parts.append(_("名称中：{terms}").format(terms="、".join(in_title)))
    if in_text:
        parts.append(_("内容中：{terms}").format(terms="、".join(in_text)))
    if values.get("credentials"):
        parts.append(_("具备要求的资质：{names}").format(names="、".join(values["credentials"])))
    return "；".join(parts) or _("没有明显相同的词语")


def _category_words(values: Mapping[str, Any], names: Names) -> str:
    demand, supply = values.get("demand", ""), values.get("supply", "")
    if demand == supply:
        return _("同一领域：{path}").format(path=_path(demand, names))
    return _("相近领域：需求属{demand}，能力属{supply}").format(
        demand=_path(demand, names), supply=_path(supply, names)
    )


def _track_words(values: Mapping[str, Any], names: Names) -> str:
    if not values.get("confirmed"):
        return _("没有经客户确认的案例，按平均水平计")
    text = _("交付案例 {delivered} 个，客户确认 {confirmed} 个").format(**values)
    if values.get("comparable"):
        text += _("；同类案例：{titles}").format(titles="、".join(values["comparable"]))
    return text


def _area_words(values: Mapping[str, Any], names: Names) -> str:
    if values.get("whole_province"):
        return _("服务全省")
    regions = [names.regions.get(code, code) for code in values.get("regions", ()) if code != "370000"]
    return _("服务范围包括{regions}").format(regions="、".join(regions)) if regions else _("服务同一经济圈的其他城市")


def _budget_words(values: Mapping[str, Any], names: Names) -> str:
    return _("报价起点 {price}，预算 {budget}").format(
        price=_amount(values.get("price")), budget=_amount(values.get("budget"))
    )


REASONS: dict[str, tuple[Any, Any]] = {
    "text": (lambda: _("文字相符"), _text_words),
    "category": (lambda: _("领域"), _category_words),
    "tags": (
        lambda: _("技术标签"),
        lambda values, names: _("共有标签：{tags}").format(tags="、".join(values.get("shared", ()))),
    ),
    "track_record": (lambda: _("业绩"), _track_words),
    "service_area": (lambda: _("服务范围"), _area_words),
    "budget": (lambda: _("预算"), _budget_words),
    "freshness": (
        lambda: _("时效"),
        lambda values, names: _("{day} 核验或发布").format(day=_day(values.get("day"))),
    ),
}

GAPS: dict[str, Any] = {
    "text_weak": lambda values, names: _("内容相近程度较低，请人工判断是否对口"),
    "category_different": lambda values, names: _("领域不同：需求属{demand}，能力属{supply}").format(
        demand=_path(values.get("demand", ""), names), supply=_path(values.get("supply", ""), names)
    ),
    "tags_missing": lambda values, names: _("未标注需求所列技术：{tags}").format(
        tags="、".join(values.get("tags", ()))
    ),
    "service_area_not_covered": lambda values, names: _("申报的服务范围未包括{region}").format(
        region=names.regions.get(values.get("region", ""), values.get("region", ""))
    ),
    "price_above_budget": lambda values, names: _("报价起点 {price} 高于预算 {budget}").format(
        price=_amount(values.get("price")), budget=_amount(values.get("budget"))
    ),
    "no_delivered_case": lambda values, names: _("未登记交付案例"),
    "case_unconfirmed": lambda values, names: _("交付案例尚未经客户确认"),
}

EXCLUSIONS: dict[str, Any] = {
    "same_organisation": lambda values: _("与需求方为同一单位，不得同时为供需双方"),
    "credential_missing": lambda values: _("缺少要求的有效资质：{names}").format(
        names="、".join(values.get("credentials", ()))
    ),
    "deadline_passed": lambda values: _("响应截止时间已过（{day}）").format(day=_day(values.get("day"))),
}
