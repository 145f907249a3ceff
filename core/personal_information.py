"""Finds personal numbers in text that is going to be public (V18; 个人信息保护法 arts. 25, 28; domain.md §5.6).

Resident identity numbers, mobile numbers and bank cards are found by their own check rules, so that office landlines,
tender numbers and unified codes pass.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import unified_code
from core.clock import today


class PersonalNumber(StrEnum):
    RESIDENT_IDENTITY = "resident_identity"
    MOBILE = "mobile"
    BANK_CARD = "bank_card"


LABELS = {
    PersonalNumber.RESIDENT_IDENTITY: gettext_lazy("身份证号码"),
    PersonalNumber.MOBILE: gettext_lazy("手机号码"),
    PersonalNumber.BANK_CARD: gettext_lazy("银行卡号"),
}


@dataclass(frozen=True)
class Finding:
    """One number found: `text[start:end]` in the text as given; `masked` may be shown, the number itself not."""

    kind: PersonalNumber
    start: int
    end: int
    masked: str

    @property
    def message(self) -> str:
        """What was found and what to do, for the person who typed it."""
        return _("第%(position)d个字处有疑似%(kind)s（%(masked)s）。公开内容中不得出现，请删去或改为办公电话。") % {
            "position": self.start + 1,
            "kind": LABELS[self.kind],
            "masked": self.masked,
        }


#: Full-width digits and letters to half-width ones, character by character, so that positions stay right.
_HALF_WIDTH = {code + 0xFEE0: code for code in range(0x21, 0x7F)} | {0x3000: 0x20}
_SEPARATOR = r"[ \-]?"
_IDENTITY = re.compile(rf"(?<![0-9A-Za-z])\d{{6}}{_SEPARATOR}(?:19|20)\d{{6}}{_SEPARATOR}\d{{3}}[\dXx](?![0-9A-Za-z])")
_MOBILE = re.compile(rf"(?<!\d)(?<!\d\.)1[3-9]\d{_SEPARATOR}\d{{4}}{_SEPARATOR}\d{{4}}(?![\d])")
_BANK_CARD = re.compile(
    rf"(?<![0-9A-Za-z.])[3-6]\d{{3}}(?:{_SEPARATOR}\d{{4}}){{3}}(?:{_SEPARATOR}\d{{1,3}})?(?![0-9A-Za-z])"
)
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECKS = "10X98765432"


def is_resident_identity_number(number: str) -> bool:
    """Whether 18 characters are a well-formed identity number: a real day of birth, and the check of GB 11643."""
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _IDENTITY_WEIGHTS, strict=True))
    return born <= today() and _IDENTITY_CHECKS[total % 11] == number[17].upper()


def passes_luhn(number: str) -> bool:
    """The check of payment card numbers (ISO/IEC 7812-1)."""
    total = 0
    for position, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _mask(number: str, head: int, tail: int) -> str:
    return f"{number[:head]}{'*' * (len(number) - head - tail)}{number[-tail:]}"


def _candidates(text: str) -> Iterator[Finding]:
    for match in _IDENTITY.finditer(text):
        number = re.sub(r"[ \-]", "", match[0])
        if is_resident_identity_number(number):
            yield Finding(PersonalNumber.RESIDENT_IDENTITY, match.start(), match.end(), _mask(number, 3, 2))
    for match in _MOBILE.finditer(text):
        number = re.sub(r"[ \-]", "", match[0])
        yield Finding(PersonalNumber.MOBILE, match.start(), match.end(), _mask(number, 3, 2))
    for match in _BANK_CARD.finditer(text):
        number = re.sub(r"[ \-]", "", match[0])
        # A run of one repeated digit is a drawing, not a card; an 18-digit unified code may pass Luhn by chance.
        if len(set(number)) > 1 and passes_luhn(number) and not unified_code.is_valid(number):
            yield Finding(PersonalNumber.BANK_CARD, match.start(), match.end(), _mask(number, 4, 4))


def scan(text: str | None) -> Sequence[Finding]:
    """All personal numbers in `text`, in order, none overlapping another (an identity number is not also a card)."""
    plain = str(text or "").translate(_HALF_WIDTH)
    found: list[Finding] = []
    for candidate in _candidates(plain):
        if all(candidate.end <= other.start or candidate.start >= other.end for other in found):
            found.append(candidate)
    return sorted(found, key=lambda finding: finding.start)


def masked(text: str) -> str:
    """`text` with every personal number replaced by its masked form, for logs and reports."""
    parts, position = [], 0
    for finding in scan(text):
        parts += [text[position : finding.start], finding.masked]
        position = finding.end
    return "".join([*parts, text[position:]])
