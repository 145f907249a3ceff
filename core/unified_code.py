"""统一社会信用代码 (GB 32100-2015): reading, checking, and making fictional ones.

A valid code proves nothing about existence or authority; it only excludes slips of the pen (domain.md §5.1, V01).
"""

import re

from django.utils.translation import gettext as _

#: The standard's alphabet: no I, O, S, V, Z, which look like digits.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LENGTH = 18
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_INNER_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
#: 登记管理部门, the first character.
_REGISTRARS = frozenset("123456789ANY")
_IGNORED = re.compile(r"[\s\-_·•\u200b-\u200f\u2060\ufeff]+")
#: Full-width characters to half-width ones, small letters to capitals.
_HALF_WIDTH = {code + 0xFEE0: chr(code).upper() for code in range(0x21, 0x7F)} | {
    ord(letter): letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"
}
_OLD_NUMBER = re.compile(r"^\d{15}$")

#: First two characters → (our kind of organisation as in accounts.enums.OrganisationKind, what the register calls it).
CATEGORIES: dict[str, tuple[str, str]] = {
    "11": ("agency", "机关"),
    "12": ("institution", "事业单位"),
    "13": ("association", "中央编办直接管理机构编制的群众团体"),
    "19": ("agency", "机构编制部门登记的其他机构"),
    "51": ("association", "社会团体"),
    "52": ("association", "民办非企业单位"),
    "53": ("association", "基金会"),
    "59": ("association", "民政部门登记的其他机构"),
    "91": ("enterprise", "企业"),
    "92": ("enterprise", "个体工商户"),
    "93": ("enterprise", "农民专业合作社"),
}


def normalise(text: str) -> str:
    """The code as the standard writes it: half width, capitals, no spaces or hyphens. Idempotent, never refuses."""
    return _IGNORED.sub("", str(text).translate(_HALF_WIDTH))


def check_character(body: str) -> str:
    """The eighteenth character of a code whose first seventeen are `body` (31 − Σ mod 31)."""
    total = sum(_VALUES[letter] * weight for letter, weight in zip(body, _WEIGHTS, strict=True))
    return ALPHABET[(31 - total % 31) % 31]


def inner_check_character(body: str) -> str:
    """The check of the organisation code (GB 11714) inside: eight characters, 11 − Σ mod 11; 10 is X, 11 is 0."""
    total = sum(int(letter, 36) * weight for letter, weight in zip(body, _INNER_WEIGHTS, strict=True))
    remainder = 11 - total % 11
    return {10: "X", 11: "0"}.get(remainder, str(remainder))


def problem_with(text: str) -> str:
    """Why `text` is not a valid code, in words for whoever typed it; empty if it is valid."""
    code = normalise(text)
    if _OLD_NUMBER.match(code):
        return _("这是15位的旧注册号，请填写营业执照或登记证书上18位的统一社会信用代码。")
    if len(code) != LENGTH:
        return _("统一社会信用代码应为18位，现在是%d位，请核对是否漏填或多填。") % len(code)
    illegal = "、".join(dict.fromkeys(letter for letter in code if letter not in _VALUES))
    if illegal:
        return (
            _("统一社会信用代码中不会出现“%s”，请核对（不使用字母 I、O、S、V、Z，容易与数字 1、0、5 混淆）。") % illegal
        )
    if code[0] not in _REGISTRARS or not (code[2:8].isascii() and code[2:8].isdigit()):
        return _("统一社会信用代码的前8位不符合编码规则（第3至8位为行政区划数字），请核对。")
    if check_character(code[:17]) != code[17]:
        return _("统一社会信用代码的校验位不符，可能有一位填错或两位颠倒，请对照证书核对。")
    if inner_check_character(code[8:16]) != code[16]:
        return _("统一社会信用代码第9至17位（主体标识码）的校验不符，请对照证书核对。")
    return ""


def is_valid(text: str) -> bool:
    """Whether `text`, once normalised, passes both checks."""
    return not problem_with(text)


def kind_of(code: str) -> str:
    """Our kind of organisation for the code's first two characters (domain.md §5.1), or "" if they do not tell."""
    return CATEGORIES.get(normalise(code)[:2], ("", ""))[0]


def category_of(code: str) -> str:
    """What the register calls this kind of body ("企业", "事业单位", …), or "" if unknown."""
    return CATEGORIES.get(normalise(code)[:2], ("", ""))[1]


def fictional_code(category: str, region_code: str, number: int) -> str:
    """A valid code for a body that does not exist, for the demonstration and for tests.

    `category` is the first two characters, `number` 0–999,999 tells bodies apart. The subject number begins with YN,
    a range that registers do not give out to enterprises.
    """
    if category not in CATEGORIES or not re.fullmatch(r"\d{6}", region_code) or not 0 <= number < 1_000_000:
        raise ValueError(f"no fictional code for {category!r} {region_code!r} {number!r}")
    subject = f"YN{number:06d}"
    body = f"{category}{region_code}{subject}{inner_check_character(subject)}"
    return body + check_character(body)
