"""Conditions that several machines share."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from core.errors import Reason


def has_comment(_obj: Any, context: Mapping[str, Any]) -> list[Reason]:
    """A step against somebody's interest is never taken without a reason they can read."""
    if str(context.get("comment", "")).strip():
        return []
    return [Reason("comment_missing", _("请写明理由，对方会看到。"), "comment")]


def has_defects(_obj: Any, context: Mapping[str, Any]) -> list[Reason]:
    """Who is sent back is told everything that must be mended, at once (domain.md §3.3)."""
    if context.get("defects"):
        return []
    return [Reason("defects_missing", _("请逐条写明需要补充或修改的内容（一次性告知）。"), "defects")]
