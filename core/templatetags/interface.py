"""What every page is built from: fields with their errors, badges, amounts, moments, page links, slots.

Colour and words are decided here once, so that a state looks the same on every page. Markup lives in
`templates/components/`; the tags below only prepare its values.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django import forms, template
from django.core.paginator import Page
from django.template.context import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from core import money, slots
from core.clock import BEIJING
from core.money import AmountUnit
from core.opaque import opaque as opaque_name

register = template.Library()

STYLESHEETS = (
    "tokens",
    "base",
    "frame",
    "button",
    "form",
    "errors",
    "table",
    "badge",
    "card",
    "facts",
    "timeline",
    "tasklist",
    "navigation",
    "notice",
    "progress",
    "dialog",
    "candidate",
    "document",
    "sealing",
    "print",
)
SCRIPTS = ("accessibility", "autosave", "keep", "session", "forms", "table", "countdown", "page")

#: State value → tone of its badge. Values are the machines' own; one table, so a state never changes colour by page.
TONES: dict[str, str] = {
    "draft": "",
    "collecting": "",
    "unverified": "",
    "not_started": "",
    "archived": "",
    "withdrawn": "",
    "closed_unmatched": "",
    "landed": "success",
    "asked": "brand",
    "submitted": "brand",
    "pending": "brand",
    "first_passed": "brand",
    "in_review": "brand",
    "in_progress": "brand",
    "running": "brand",
    "checked": "brand",
    "frozen": "brand",
    "pooled": "brand",
    "converted": "brand",
    "waiting": "brand",
    "confirmed": "success",
    "refused": "danger",
    "verified": "success",
    "listed": "success",
    "published": "success",
    "approved": "success",
    "passed": "success",
    "done": "success",
    "supplement": "warning",
    "returned": "warning",
    "has_problems": "warning",
    "lapsed": "warning",
    "expired": "warning",
    "overdue": "danger",
    "suspended": "danger",
    "not_accepted": "danger",
    "rejected": "danger",
    "parked": "danger",
    "failed": "danger",
}

#: Line drawings on a 24-pixel grid, by name.
ICONS: dict[str, str] = {
    "search": '<circle cx="11" cy="11" r="7"/><path d="m20 20-4-4"/>',
    "info": '<circle cx="12" cy="12" r="9"/><path d="M12 11v5"/><path d="M12 8h.01"/>',
    "warning": '<path d="M12 4 2.8 20h18.4z"/><path d="M12 10v5"/><path d="M12 17.5h.01"/>',
    "success": '<circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.7 2.7L16 9.5"/>',
    "danger": '<circle cx="12" cy="12" r="9"/><path d="m9 9 6 6m0-6-6 6"/>',
    "download": '<path d="M12 4v11m-4-4 4 4 4-4M5 20h14"/>',
    "print": '<path d="M7 9V4h10v5M7 18H4v-7h16v7h-3"/><path d="M7 15h10v5H7z"/>',
    "empty": '<path d="M3 13h5l2 3h4l2-3h5"/><path d="M6 5h12l3 8v6H3v-6z"/>',
    "file": '<path d="M6 3h8l4 4v14H6z"/><path d="M14 3v5h4"/>',
    "next": '<path d="m9 6 6 6-6 6"/>',
    "list": '<path d="M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01"/>',
    "link": (
        '<path d="M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1"/><path d="M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1"/>'
    ),
}


# --- frame -------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/assets.html")
def stylesheets() -> dict[str, Any]:
    return {"stylesheets": [f"marketplace/css/{name}.css" for name in STYLESHEETS]}


@register.inclusion_tag("components/assets.html")
def scripts() -> dict[str, Any]:
    return {"scripts": [f"marketplace/js/{name}.js" for name in SCRIPTS]}


@register.simple_tag
def icon(name: str) -> SafeString:
    """A decorative drawing; the words beside it carry the meaning."""
    drawing = mark_safe(ICONS[name])  # noqa: S308 - constants of this file
    return format_html('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>', drawing)


@register.simple_tag(takes_context=True)
def slot(context: Context, place: str, obj: Any = None) -> SafeString:
    """What higher apps show at a named place (architecture.md §10.1)."""
    return slots.render(place, context.get("request"), obj)


# --- states ------------------------------------------------------------------------------------------------------


def tone_of(state: str) -> str:
    return TONES.get(str(state), "")


@register.simple_tag
def status(obj: Any, large: bool = False, inside: bool = False) -> SafeString:
    """The state of an object (anything with `state` and `get_state_display`) as a badge.

    Of two faces, one for everybody and one for those who work on it, the former (`outward_state`: value and words) is
    shown unless the page is `inside`.
    """
    state, words = obj.state, None
    if not inside and hasattr(obj, "outward_state"):
        state, words = obj.outward_state
    return badge(words or obj.get_state_display(), tone_of(state), large=large)


@register.simple_tag
def badge(label: Any, tone: str = "", large: bool = False) -> SafeString:
    classes = ["badge"]
    if tone:
        classes.append(f"badge-{tone}")
    if large:
        classes.append("badge-large")
    return format_html('<span class="{}">{}</span>', " ".join(classes), label)


@register.filter
def tone(state: Any) -> str:
    return tone_of(str(state))


@register.filter
def opaque(row: Any) -> str:
    """The row's name in addresses, which tells nothing of how many rows there are (core.opaque)."""
    return str(opaque_name(row))


# --- amounts and moments -----------------------------------------------------------------------------------------


@register.filter
def fen(amount: int | None, unit: str = AmountUnit.WAN) -> str:
    """An amount in fen as text: `{{ scenario.budget_max_fen|fen:scenario.budget_unit }}`."""
    return money.format_fen(amount, unit or AmountUnit.WAN)


@register.simple_tag
def amount(minimum: int | None, maximum: int | None, unit: str = AmountUnit.WAN) -> str:
    return money.format_range(minimum, maximum, unit or AmountUnit.WAN)


@register.filter
def beijing(moment: datetime | None, form: str = "minute") -> SafeString | str:
    """A moment in Beijing time, marked up as <time>: `|beijing`, `|beijing:"day"`, `|beijing:"second"`."""
    if not moment:
        return ""
    local = moment.astimezone(BEIJING)
    patterns = {"minute": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d", "second": "%Y-%m-%d %H:%M:%S"}
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), local.strftime(patterns[form]))


@register.filter
def day(value: date | None) -> SafeString | str:
    if not value:
        return ""
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), value.strftime("%Y-%m-%d"))


@register.filter
def due(value: date | datetime | None) -> SafeString | str:
    """The end of a term, which is a day or a moment in Beijing time."""
    return beijing(value) if isinstance(value, datetime) else day(value)


# --- text --------------------------------------------------------------------------------------------------------


@register.filter
def segments(pieces: Iterable[Any]) -> SafeString:
    """Text in pieces with `text` and `marked` → escaped text, the marked pieces in <mark>."""
    return format_html_join(
        "",
        "{}",
        ((format_html("<mark>{}</mark>", piece.text) if piece.marked else piece.text,) for piece in pieces),
    )


@register.filter
def lookup(mapping: Mapping[Any, Any], key: Any) -> Any:
    return mapping.get(key)


# --- forms -------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/field.html")
def field(
    bound: forms.BoundField,
    examples: Mapping[str, str] | None = None,
    label: str | None = None,
    help_text: str | None = None,
) -> dict[str, Any]:
    """A form field with label, help and errors, tied together for assistive technology.

    `examples` is {"good": …, "bad": …}; a form may give them in a `field_examples` dictionary instead. `label` and
    `help_text` replace those of forms that are not ours.
    """
    if label is not None:
        bound.label = label
        bound.field.widget.attrs.pop("placeholder", None)
    if help_text is not None:
        bound.help_text = help_text
    widget = bound.field.widget
    identifier = bound.id_for_label or bound.auto_id
    given = examples or getattr(bound.form, "field_examples", {}).get(bound.name)
    described_by = [f"{identifier}_help"] if bound.help_text else []
    if bound.errors:
        described_by.append(f"{identifier}_error")
    attributes: dict[str, str] = {}
    if described_by:
        attributes["aria-describedby"] = " ".join(described_by)
    if bound.errors:
        attributes["aria-invalid"] = "true"
    kind = "plain"
    if isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        kind = "choices"
    elif isinstance(widget, forms.CheckboxInput):
        kind = "checkbox"
    return {
        "bound": bound,
        "kind": kind,
        "identifier": identifier,
        "rendered": bound.as_widget(attrs=attributes) if kind != "choices" else "",
        "described_by": attributes.get("aria-describedby", ""),
        "examples": given,
        "optional_marked": not bound.field.required and getattr(bound.form, "mark_optional", True),
        "required_marked": getattr(bound.form, "needed_fields", None) is not None
        and bound.name in bound.form.needed_fields,
    }


@register.inclusion_tag("components/error_summary.html")
def error_summary(*forms_on_page: forms.BaseForm | None) -> dict[str, Any]:
    """Every error of the given forms, each linked to its field; the page puts the focus here."""
    entries = []
    for form in forms_on_page:
        if form is None or not form.is_bound:
            continue
        for name, messages in form.errors.items():
            target = ""
            if name in form.fields:
                bound = form[name]
                target = bound.id_for_label or bound.auto_id
            entries += [{"target": target, "message": message} for message in messages]
    return {"entries": entries}


# --- tables and pages --------------------------------------------------------------------------------------------


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: Context, page: Page, sizes: bool = True) -> dict[str, Any]:
    """Links to the other pages; the rest of the query string is kept."""
    numbers = []
    if page.paginator.num_pages > 1:
        elided = page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
        numbers = [number if isinstance(number, int) else None for number in elided]
    return {
        "request": context["request"],
        "page": page,
        "numbers": numbers,
        "sizes": (10, 20, 50) if sizes and page.paginator.count > 10 else (),
    }


@register.inclusion_tag("components/empty.html")
def empty(title: str, advice: str = "", link: str = "", link_label: str = "") -> dict[str, Any]:
    return {"title": title, "advice": advice, "link": link, "link_label": link_label or _("返回")}


@register.simple_tag
def share_bar(share: float, label: str = "") -> SafeString:
    """A bar of `share` (0–1) of the width, drawn as SVG because inline styles are not allowed."""
    width = max(0.0, min(1.0, float(share or 0))) * 100
    return format_html(
        '<svg class="bar-figure" role="img" aria-label="{}" viewBox="0 0 100 10" preserveAspectRatio="none">'
        '<rect class="track" width="100" height="10" rx="2"/><rect class="value" width="{}" height="10" rx="2"/></svg>',
        label or f"{width:.0f}%",
        f"{width:.1f}",
    )
