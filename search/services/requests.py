"""What a viewer asked for, checked: bad input is refused with the field and the remedy named."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core.errors import InvalidInput
from search.services.kinds import DEEPEST_RESULT, KINDS, LONGEST_QUERY, NOISE, PAGE_SIZES, Searchable


@dataclass(frozen=True)
class SearchRequest:
    kind: str
    text: str
    filters: Mapping[str, tuple[str, ...]]
    sort: str
    page: int
    page_size: int

    @property
    def of(self) -> Searchable:
        return KINDS[self.kind]


def checked_request(
    kind: str, text: str, filters: Mapping[str, Sequence[str]], sort: str, page: int | str, page_size: int | str
) -> SearchRequest:
    problems: dict[str, list[str]] = {}
    if kind not in KINDS:
        raise unknown_kind(kind)
    known = KINDS[kind]
    text = NOISE.sub(" ", str(text or "")).strip()
    if len(text) > LONGEST_QUERY:
        problems["q"] = [
            _("检索词最多 {limit} 个字，现在是 {length} 个字。请只保留关键词；整段文字请使用“匹配”功能。").format(
                limit=LONGEST_QUERY, length=len(text)
            )
        ]
    chosen: dict[str, tuple[str, ...]] = {}
    for name, values in filters.items():
        if name not in known.facets:
            problems[str(name)[:40]] = [_("没有这个筛选条件，请从页面左侧重新选择。")]
            continue
        wanted = tuple(dict.fromkeys(str(value) for value in values if str(value)))
        if len(wanted) > 100 or any(len(value) > 40 or NOISE.search(value) for value in wanted):
            problems[name] = [_("筛选值无效，请从页面左侧重新选择。")]
        elif wanted:
            chosen[name] = wanted
    sort = sort or ("relevance" if text else "newest")
    if sort not in known.sorts:
        problems["sort"] = [_("没有这种排序方式。")]
    number, size = _whole_number(page), _whole_number(page_size)
    if number < 1:
        problems["page"] = [_("页码应为从 1 开始的整数。")]
    if size not in PAGE_SIZES:
        problems["page_size"] = [_("每页条数只能是 {sizes}。").format(sizes="、".join(map(str, PAGE_SIZES)))]
    if not problems and number * size > DEEPEST_RESULT:
        problems["page"] = [_("最多翻到第 {limit} 条，请增加筛选条件缩小范围。").format(limit=DEEPEST_RESULT)]
    if problems:
        raise InvalidInput(problems)
    return SearchRequest(kind, text, chosen, sort, number, size)


def unknown_kind(kind: Any) -> InvalidInput:
    message = _("没有“{kind}”这种检索对象，可选需求、能力、揭榜任务、清单。")
    return InvalidInput({"kind": [message.format(kind=str(kind)[:20])]})


def _whole_number(value: int | str) -> int:
    """0, which no request may ask for, for anything but a plain whole number of reasonable length."""
    text = str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0
