"""What both sides confirm: one text with one digest (domain.md §3.3; V20).

A step that needs both sides is taken when both confirmed the same terms. Whoever changes them takes the other's
confirmation back; what the other had confirmed is kept, so that both see the difference.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.money import format_fen
from matching.enums import ProcurementMethod
from matching.models import Engagement

#: Step → the columns of an engagement that its confirmation covers, with their names for people.
TERMS: dict[str, dict[str, Any]] = {
    "intent": {"trial_plan": _("试用方案与数据安全约定")},
    "contract": {
        "procurement_method": _("采购方式"),
        "procurement_number": _("采购公告或合同编号"),
        "amount_fen": _("合同金额"),
        "contract_digest": _("合同文件摘要"),
    },
    "deliver": {"outcome": _("落地情况")},
}


@dataclass(frozen=True)
class Difference:
    """One term before and after, as text; "" where nothing was said."""

    label: Any
    before: str
    after: str


def terms_of(engagement: Engagement, step: str) -> dict[str, Any]:
    """The terms of a step as they stand; {} for a step without."""
    return {name: getattr(engagement, name) for name in TERMS.get(step, {})}


def terms_digest(engagement: Engagement, step: str, terms: Mapping[str, Any] | None = None) -> str:
    """SHA-256 in hex over engagement, step and terms (those that stand, unless said): a confirmation is bound to it."""
    text = {
        "engagement": str(engagement.public_id),
        "step": step,
        "terms": dict(terms_of(engagement, step) if terms is None else terms),
    }
    return hashlib.sha256(json.dumps(text, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def shown(name: str, value: Any) -> str:
    """A term as people read it."""
    if name == "amount_fen":
        return format_fen(value) if value is not None else ""
    if name == "procurement_method" and value:
        return str(ProcurementMethod(value).label)
    return str(value or "")


def differences(engagement: Engagement, step: str, before: Mapping[str, Any]) -> list[Difference]:
    """What changed against `before`, in the order of the form."""
    return [
        Difference(label, shown(name, before.get(name)), shown(name, getattr(engagement, name)))
        for name, label in TERMS.get(step, {}).items()
        if (before.get(name) or None) != (getattr(engagement, name) or None)
    ]
