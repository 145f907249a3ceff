"""Money: integer fen plus the text as its source wrote it (V07, architecture.md §10.3). No floating point anywhere."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from django.utils.translation import gettext as _

from core.enums import AmountUnit
from core.errors import DomainError

YUAN, WAN = AmountUnit("yuan"), AmountUnit("wan")
FEN_PER = {YUAN: 100, WAN: 1_000_000}
#: Ten trillion yuan: more than any budget, less than a 64-bit integer of fen.
LARGEST_FEN = 10**15
LONGEST_TEXT = 500
#: "8000-1万元" means 8000 yuan; "50-10万元" is a slip.
PLAUSIBLE_YUAN = 1000

#: Written unit → fen. Longest first where one begins another.
_UNITS: dict[str, int] = {
    "千万元": 10**9,
    "百万元": 10**8,
    "十万元": 10**7,
    "万元": 10**6,
    "亿元": 10**10,
    "千元": 10**5,
    "百元": 10**4,
    "千万": 10**9,
    "百万": 10**8,
    "十万": 10**7,
    "万": 10**6,
    "亿": 10**10,
    "w": 10**6,
    "元": 100,
    "圆": 100,
    "块": 100,
    "角": 10,
}
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_UNIT = "|".join(_UNITS)
_AMOUNT = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<unit>{_UNIT})?(?:人民币|整)?")
_JOINT = r"\s*(?:-|~|至|到|—|–|―)+\s*"
_RANGE = re.compile(rf"^{_AMOUNT.pattern}{_JOINT}{_AMOUNT.pattern.replace('?P<number>', '').replace('?P<unit>', '')}$")
_CHINESE_NUMBER = re.compile(
    r"(?<![\d.])[零〇一二三四五六七八九十百千万亿两壹贰叁肆伍陆柒捌玖拾佰仟萬億]{2,}(?=[元圆])"
)
_CHINESE_DIGITS = {
    letter: value
    for value, letters in enumerate(["零〇", "一壹", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"])
    for letter in letters
}
_CHINESE_SCALES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_CHINESE_MYRIADS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}

_NEGOTIABLE = re.compile(
    r"^(?:面议|面谈|待定|暂定|待议|另议|另行商定|协商|双方协商|协商确定|待协商|无|暂无|未定|不限|未知|详谈|商议|可议|"
    r"视情况而定|按需|无预算|无资金|不涉及|/|\\|-+|—+|n/a|na|none|null)$"
)
_CURRENCY_SIGNS = re.compile(r"人民币|rmb|cny|[¥￥]")
_FOREIGN = re.compile(r"美元|美金|欧元|港元|港币|日元|英镑|usd|eur|hkd|jpy|gbp|[$€£]")
_CEILING = re.compile(
    r"^(?:不超过|不高于|不得超过|最高限价|最高投标限价|最高|至多|上限|限价|控制价|采购控制价|小于等于|低于|小于|≤|<=|<|限额)[为:]?"
)
_FLOOR = re.compile(r"^(?:不低于|不少于|至少|最低|下限|起步价|大于等于|超过|高于|大于|≥|>=|>)[为:]?")
_CEILING_AFTER = re.compile(r"(?:以内|以下|之内|内|封顶)$")
_FLOOR_AFTER = re.compile(r"(?:及以上|以上|起步|起|\+)$")
_APPROXIMATE_BEFORE = re.compile(
    r"^(?:大约|约为|约|预计|估算|估计|暂估|暂定|预算|预算金额|总预算|总投资|投资|总价|金额|合同额)[为:]?"
)
_APPROXIMATE_AFTER = re.compile(r"(?:左右|上下|许)$")
_PER = re.compile(
    r"(?:/|每|元1)(?:人|年|月|日|天|次|套|台|个|项|点|亩|户|吨|公里|平方米|路|节点|用户|学生|床位|村|家|企业)+$|/\w{1,6}$"
)
_REMARK = re.compile(r"\([^()]*\)")
_NEGATIVE = re.compile(r"^-\s*\d")
_RATIO = re.compile(r"%|‰|折(?:扣)?(?:率)?$|下浮")


class UnreadableAmount(DomainError):
    """The text cannot be an amount of money; the message says why and what to write instead."""

    code = "unreadable_amount"


@dataclass(frozen=True)
class Amount:
    """What a written amount means. Both bounds None: not stated, negotiable, or not to be resolved (see warnings)."""

    minimum_fen: int | None
    maximum_fen: int | None
    unit: AmountUnit
    text: str
    negotiable: bool = False
    warnings: Sequence[str] = field(default=())


def _refuse(reason: str, text: str) -> UnreadableAmount:
    shown = text if len(text) <= 30 else text[:30] + "…"
    return UnreadableAmount(
        _("“%(text)s”不是可以识别的金额：%(reason)s。请写成“120万元”“10-50万元”“不超过80万元”或“面议”。")
        % {"text": shown, "reason": reason}
    )


def _default_unit(unit: str | None) -> tuple[AmountUnit, int, bool]:
    """The unit to show, fen per written unit, and whether it was given at all."""
    if unit in (None, ""):
        return YUAN, 100, False
    if unit in AmountUnit.values:
        return AmountUnit(unit), FEN_PER[AmountUnit(unit)], True
    cleaned = unicodedata.normalize("NFKC", str(unit)).removeprefix("人民币").strip()
    if cleaned not in _UNITS:
        raise ValueError(f"not a unit of money: {unit!r}")
    return _shown_unit(_UNITS[cleaned]), _UNITS[cleaned], True


def _shown_unit(fen_per_unit: int) -> AmountUnit:
    return WAN if fen_per_unit >= FEN_PER[WAN] else YUAN


def _chinese_number(written: str) -> int:
    """ "贰佰万" → 2000000, "一百二十" → 120."""
    total = section = digit = 0
    for letter in written:
        if letter in _CHINESE_DIGITS:
            digit = _CHINESE_DIGITS[letter]
        elif letter in _CHINESE_SCALES:
            section += (digit or 1) * _CHINESE_SCALES[letter]
            digit = 0
        else:
            total = (total + section + digit) * _CHINESE_MYRIADS[letter]
            section = digit = 0
    return total + section + digit


def _in_digits(match: re.Match[str]) -> str:
    value = _chinese_number(match[0])
    return f"{value // 10**4}万" if value % 10**4 == 0 else str(value)


def _fen(number: str, fen_per_unit: int, warnings: list[str]) -> int:
    exact = Decimal(number.replace(",", "")) * fen_per_unit
    fen = exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    if fen != exact:
        warnings.append(_("金额精确到分以下，已四舍五入到分。"))
    if fen > LARGEST_FEN:
        raise _refuse(_("数额过大，请核对单位"), number)
    return int(fen)


def _bounds_of_range(match: re.Match[str], bare: int | None, warnings: list[str], text: str) -> tuple[int, int, int]:
    """Lower and upper bound in fen and fen per unit of the upper one: "10-50万元", "8000元至1万元"."""
    low_number, low_unit, high_number, high_unit = match.groups()
    high_per = _UNITS[high_unit] if high_unit else bare
    if high_per is None:
        high_per = _UNITS[low_unit] if low_unit else 100
    low_per = _UNITS[low_unit] if low_unit else high_per
    low, high = _fen(low_number, low_per, warnings), _fen(high_number, high_per, warnings)
    if low > high and not low_unit and high_unit and Decimal(low_number.replace(",", "")) >= PLAUSIBLE_YUAN:
        low = _fen(low_number, 100, warnings)
        warnings.append(_("下限未写单位，按“元”理解。"))
    if low > high:
        raise _refuse(_("下限大于上限"), text)
    return low, high, high_per


def _several(content: str) -> bool:
    return len([match for match in _AMOUNT.finditer(content) if match["unit"]]) > 1


def parse_amount(text: str | int | float | Decimal | None, default_unit: str | None = None) -> Amount:
    """Read an amount as agencies write it.

    `default_unit` is the unit of a bare number, usually from the heading ("预算金额（万元）"): "万元", "元", or an
    AmountUnit value. A single figure is both bounds; "不超过" leaves the lower and "以上" the upper bound open;
    面议 and its kin give no bounds and `negotiable`. A text with several amounts in it (prizes, lots) gives no
    bounds and a warning: the text is kept. Raises UnreadableAmount for formulas, ratios, foreign currency,
    negative figures and nonsense.
    """
    shown_unit, bare_fen, unit_given = _default_unit(default_unit)
    original = "" if text is None else str(text).strip()
    if isinstance(text, float):
        original = format(Decimal(repr(text)), "f").removesuffix(".0")
    if not original:
        return Amount(None, None, shown_unit, "")
    if len(original) > LONGEST_TEXT:
        raise _refuse(_("文字过长（超过%d字）") % LONGEST_TEXT, original)
    content = unicodedata.normalize("NFKC", original).strip().lower()
    if content[0] in "=@" or content.startswith(("+=", "#")):
        raise _refuse(_("这是公式或公式的错误结果，请改为数值"), original)
    if _NEGATIVE.match(content):
        raise _refuse(_("金额不能为负"), original)
    warnings: list[str] = []
    remark = "".join(_REMARK.findall(content))
    content = _REMARK.sub("", content).strip() or content.strip("()")
    content = re.sub(r"[\s,;。,;.]+$", "", content)
    if _NEGOTIABLE.match(content):
        return Amount(None, None, shown_unit, original, negotiable=True)
    if _FOREIGN.search(content):
        raise _refuse(_("只支持人民币"), original)
    if _RATIO.search(content):
        raise _refuse(_("这是比例或折扣率，不是金额"), original)
    content = _CURRENCY_SIGNS.sub("", content).strip(" :")
    content = _CHINESE_NUMBER.sub(_in_digits, content)
    minimum_open = maximum_open = False
    for _round in range(3):
        before = content
        if found := _CEILING.match(content):
            content, minimum_open = content[found.end() :].strip(" :"), True
        if found := _FLOOR.match(content):
            content, maximum_open = content[found.end() :].strip(" :"), True
        if found := _APPROXIMATE_BEFORE.match(content):
            content = content[found.end() :].strip(" :")
        if found := _CEILING_AFTER.search(content):
            content, minimum_open = content[: found.start()].strip(), True
        if found := _FLOOR_AFTER.search(content):
            content, maximum_open = content[: found.start()].strip(), True
        if found := _APPROXIMATE_AFTER.search(content):
            content = content[: found.start()].strip()
        if found := _PER.search(content):
            content = content[: found.start()].strip()
            warnings.append(_("这是单价（“%s”），未折算为总价。") % found[0])
        if content == before:
            break
    if "不含税" in remark:
        warnings.append(_("原文注明不含税，按所写数额记录。"))
    range_match, single_match = _RANGE.match(content), _AMOUNT.fullmatch(content)
    if range_match:
        low, high, per = _bounds_of_range(range_match, bare_fen if unit_given else None, warnings, original)
        minimum, maximum = low, high
        written_unit = range_match.groups()[3] or range_match.groups()[1]
    elif single_match:
        written_unit = single_match["unit"]
        per = _UNITS[written_unit] if written_unit else bare_fen
        minimum = maximum = _fen(single_match["number"], per, warnings)
    elif _several(content):
        return Amount(None, None, shown_unit, original, warnings=(_("文字中有多个金额，未能确定预算，已保留原文。"),))
    elif not re.search(r"\d", content):
        raise _refuse(_("没有数字"), original)
    else:
        raise _refuse(_("数字和单位的写法无法识别"), original)
    if not written_unit and not unit_given:
        warnings.append(_("没有写单位，按“元”理解。"))
    if maximum == 0:
        return Amount(
            None, None, _shown_unit(per), original, negotiable=True, warnings=(*warnings, _("金额为0，按面议处理。"))
        )
    return Amount(
        None if minimum_open and not maximum_open else minimum,
        None if maximum_open and not minimum_open else maximum,
        _shown_unit(per),
        original,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def format_fen(fen: int | None, unit: str = WAN) -> str:
    """The amount as text in 万元 or 元, exact, without needless zeros: 120000000 → "120万元". None gives ""."""
    if fen is None:
        return ""
    unit = AmountUnit(unit)
    try:
        number = Decimal(fen) / FEN_PER[unit]
    except InvalidOperation as error:
        raise ValueError(f"not an amount in fen: {fen!r}") from error
    text = format(number.normalize(), ",f")
    return f"{text}{unit.label}"


def format_range(minimum_fen: int | None, maximum_fen: int | None, unit: str = WAN) -> str:
    """Both bounds as text: "10万元至50万元", "不超过50万元", "50万元以上", "120万元"; "" if neither is known."""
    if minimum_fen is not None and maximum_fen is not None:
        if minimum_fen == maximum_fen:
            return format_fen(maximum_fen, unit)
        return f"{format_fen(minimum_fen, unit)}至{format_fen(maximum_fen, unit)}"
    if maximum_fen is not None:
        return _("不超过%s") % format_fen(maximum_fen, unit)
    if minimum_fen is not None:
        return _("%s以上") % format_fen(minimum_fen, unit)
    return ""
