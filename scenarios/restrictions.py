"""Words that look like a condition restricting competition (公平竞争审查条例 arts. 8–10; V17), in the text itself.

A ticked box says what the owner thinks; this reads what was written. It points, it does not judge: what is found is a
notice to the clerk before submission and to the reviewer, and whether it restricts is theirs to say.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scenarios.enums import Restriction
from scenarios.models import Scenario

#: Up to so many characters of the same clause.
_GAP = r"[^。；;，,\n]{0,%d}?"
_HERE = (
    r"(?:本省|本市|本县|本区|本地|当地|我省|我市|我县|我区|省内|市内|县内|区内|山东省?内?"
    r"|(?:济南|青岛|淄博|枣庄|东营|烟台|潍坊|济宁|泰安|威海|日照|临沂|德州|聊城|滨州|菏泽)市?(?:内|辖区|境内)?)"
)
_WHO = r"(?:供给方|供应商|投标人|服务商|承建方|承建单位|中标人|申请人|企业|公司|单位|法人)"
_NUMBER = r"(?<![\d.])(?:\d{1,2}|[一二两三四五六七八九十]{1,2})(?!\d)"
_OWNED = r"(?:国有企业|国企|央企|民营企业|外资企业|内资企业|事业单位)"
_LEAST = r"(?:不低于|不少于|不小于|大于|超过|达到|高于|≥|>=)"

#: What is looked for: (kind, pattern, whether only in 对供给方的条件). Elsewhere the same words often describe a need.
PATTERNS: tuple[tuple[Restriction, str, bool], ...] = (
    (Restriction.PLACE, rf"注册地(?:址)?{_GAP % 6}(?:在|为|须|应|位于|限){_GAP % 10}{_HERE}", False),
    (Restriction.PLACE, rf"(?:在|于){_HERE}{_GAP % 6}(?:注册|登记|纳税|设立|设有|设置)", False),
    (Restriction.PLACE, rf"{_HERE}{_GAP % 2}(?:注册|登记)(?:的|成立)?{_GAP % 4}{_WHO}", False),
    (Restriction.PLACE, rf"(?:限|仅限|限于|只接受|仅接受){_HERE}{_GAP % 4}{_WHO}", False),
    (Restriction.PLACE, rf"{_HERE}(?:的)?{_WHO}(?:优先|加分)", False),
    (Restriction.PLACE, rf"{_HERE}{_GAP % 6}(?:分公司|子公司|分支机构|办事处|服务机构)", True),
    (Restriction.OWNERSHIP, r"(?:国有|国资|民营|外资|内资|中资|央属)(?:独资|控股|参股|背景|性质|全资)", False),
    (
        Restriction.OWNERSHIP,
        rf"(?:限|仅限|须为|应为|必须是|须是){_GAP % 4}{_OWNED}",
        False,
    ),
    (Restriction.OWNERSHIP, _OWNED, True),
    (Restriction.SIZE, rf"注册资(?:本|金){_GAP % 8}(?:{_LEAST}|\d|[一二三四五六七八九十百千]+万)", False),
    (
        Restriction.SIZE,
        rf"(?:营业收入|营收|年产值|销售额|总资产|净资产|资产总额|纳税额){_GAP % 8}(?:{_LEAST}|\d+(?:\.\d+)?\s*[万亿])",
        True,
    ),
    (Restriction.SIZE, rf"(?:员工|职工|从业人员|在职人员|企业人数){_GAP % 6}(?:{_LEAST}|\d+\s*人以上)", True),
    (Restriction.SIZE, r"(?:规模以上企业|规上企业|大型企业|上市公司|[五5][百0]{1,2}\s*强|行业龙头)", True),
    (Restriction.SIZE, rf"(?:业绩|合同额|合同金额){_GAP % 8}{_LEAST}?\s*\d+(?:\.\d+)?\s*[万亿]", True),
    (Restriction.YEARS, rf"(?:成立|设立|注册|经营|存续){_GAP % 6}{_NUMBER}\s*(?:个)?(?:周|整)?年", False),
    (Restriction.YEARS, rf"{_NUMBER}\s*年(?:以上|及以上)(?:的)?{_GAP % 4}(?:成立|经营|从业|行业经验|运营历史)", False),
    (Restriction.LOCAL_RECORD, rf"{_HERE}{_GAP % 12}(?:业绩|案例|项目经验|服务经验|实施经验)", True),
    (
        Restriction.LOCAL_RECORD,
        rf"(?:业绩|案例|项目经验|获奖|奖项){_GAP % 8}(?:在|位于|限|须为){_GAP % 4}{_HERE}",
        True,
    ),
    (Restriction.LOCAL_RECORD, rf"(?:具有|具备|须有|应有|提供){_GAP % 4}{_HERE}{_GAP % 10}(?:业绩|案例)", False),
)
_COMPILED = tuple((kind, re.compile(pattern), only_conditions) for kind, pattern, only_conditions in PATTERNS)
CONDITIONS = "eligibility_conditions"
#: Where a condition may hide, with the field made for it first.
READ_FIELDS = (CONDITIONS, "description", "target_indicators", "acceptance_method", "available_resources", "data_needs")


@dataclass(frozen=True)
class Found:
    """Words of a field that look like a restriction; `ticked`: the owner said so, too."""

    kind: Restriction
    field: str
    words: str
    ticked: bool

    @property
    def kind_label(self) -> str:
        return str(self.kind.label)

    @property
    def field_label(self) -> str:
        return str(Scenario._meta.get_field(self.field).verbose_name)  # type: ignore[union-attr]  # plain fields


def restricting_words(text: str, *, conditions: bool = True) -> Iterator[tuple[Restriction, str]]:
    """Each kind with the words found for it, in the order of the text; the longest where several overlap."""
    hits: list[tuple[int, int, Restriction]] = []
    for kind, pattern, only_conditions in _COMPILED:
        if conditions or not only_conditions:
            hits += [(match.start(), match.end(), kind) for match in pattern.finditer(text)]
    kept: list[tuple[int, int, Restriction]] = []
    for start, end, kind in sorted(hits, key=lambda hit: (hit[0] - hit[1], hit[0])):
        if all(end <= other[0] or start >= other[1] or kind != other[2] for other in kept):
            kept.append((start, end, kind))
    for start, end, kind in sorted(kept):
        yield kind, text[start:end]


def restrictions_found(scenario: Scenario) -> Sequence[Found]:
    """Everything in the demand's text that looks like a restriction, ticked or not."""
    return [
        Found(kind, field, words, kind in scenario.restricts_by)
        for field in READ_FIELDS
        for kind, words in restricting_words(getattr(scenario, field) or "", conditions=field == CONDITIONS)
    ]
