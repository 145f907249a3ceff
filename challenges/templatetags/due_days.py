"""How a due day is shown: the day, and how many are left while somebody still has to act."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from challenges.due_days import days_left, is_over, waits
from core.templatetags.interface import beijing, day

register = template.Library()


@register.simple_tag
def due_day(row: Any, field: str, form: str = "minute") -> SafeString | str:
    """`{% due_day project "rectification_due_on" %}` → 2026-12-03（还有 5 天）; the bare day once it is settled."""
    value = getattr(row, field)
    if value is None:
        return "—"
    shown = beijing(value, form) if isinstance(value, datetime) else day(value)
    if not waits(row, field):
        return shown
    left = days_left(value)
    if is_over(value):
        text = _("已逾期 %d 天") % -left if left < 0 else _("已逾期")
        return format_html('{}<span class="danger-text">（{}）</span>', shown, text)
    return format_html("{}（{}）", shown, _("今天截止") if left == 0 else _("还有 %d 天") % left)
