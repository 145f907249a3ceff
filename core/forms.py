"""What every form shares: a service's refusal comes back as errors of the form, and nothing typed is lost."""

from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.db.models import Q, QuerySet
from django.db.models.fields import BLANK_CHOICE_DASH
from django.utils.translation import gettext_lazy as _

from core.entered import validate_visible, validate_year
from core.enums import RegionLevel
from core.errors import DomainError
from core.models import Category, Industry, Region
from core.texts import longest

#: What Django shows for an empty choice that nobody named.
DASHES = BLANK_CHOICE_DASH[0][1]


class PageForm(forms.Form):
    """A form on a page. `needed_fields` are shown as 必填 although a draft may leave them empty."""

    mark_optional = True
    needed_fields: frozenset[str] | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        name_the_remedy(self)
        name_the_empty_choice(self)

    def refuse(self, error: DomainError) -> None:
        """Show a service's refusal: at its fields where it names some of this form, above the form otherwise."""
        refuse(self, error)


class OneOf(forms.ModelChoiceField):
    """A row to choose. A key that no database can hold names none of them; Django lets SQLite's refusal through."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except OverflowError as error:
            message = self.error_messages["invalid_choice"]
            raise forms.ValidationError(message, code="invalid_choice", params={"value": value}) from error


class SomeOf(forms.ModelMultipleChoiceField):
    """Rows to choose, as `OneOf`."""

    def _check_values(self, value: Any) -> Any:
        try:
            return super()._check_values(value)  # type: ignore[misc]  # the stubs do not name it
        except OverflowError as error:
            message = self.error_messages["invalid_choice"]
            raise forms.ValidationError(message, code="invalid_choice", params={"value": ""}) from error


def rows_form(rows: type[forms.BaseFormSet], posted: Any, *, prefix: str, initial: Any = None) -> forms.BaseFormSet:
    """A set of like rows: bound to what was posted (`core.pages.posted`), or filled with what is stored.

    Never both. Compared with the stored rows, a posted row that equals one counts as untouched, is not cleaned, and is
    lost with the save: exactly the rows that autosave had already kept.
    """
    return rows(prefix=prefix, initial=initial) if posted is None else rows(posted, prefix=prefix)


def refuse(form: forms.BaseForm, error: DomainError) -> None:
    for reason in error.reasons:
        form.add_error(reason.field if reason.field in form.fields else None, str(reason.message))


def name_the_remedy(form: forms.BaseForm) -> None:
    """Messages that say which field is wrong and what to write, instead of Django's general ones."""
    for name, field in form.fields.items():
        label = field.label
        chosen = isinstance(field, forms.ChoiceField)
        required = _("请选择“%s”。") if chosen or isinstance(field, forms.FileField) else _("请填写“%s”。")
        if isinstance(field, forms.BooleanField):
            required = _("请确认并勾选“%s”。")
        field.error_messages["required"] = required % label
        if isinstance(field, forms.DateTimeField):
            field.error_messages["invalid"] = _("“%s”不是有效的时间，请写成 2026-12-31 17:00 这样。") % label
        elif isinstance(field, forms.DateField):
            field.error_messages["invalid"] = _("“%s”不是有效的日期，请写成 2026-12-31 这样。") % label
        elif isinstance(field, forms.IntegerField):
            field.error_messages["invalid"] = _("“%s”请填写整数。") % label
        elif isinstance(field, forms.EmailField):
            field.error_messages["invalid"] = _("“%s”格式不正确，例如 name@example.gov.cn。") % label
        elif isinstance(field, forms.URLField):
            field.error_messages["invalid"] = _("“%s”不是有效的网址，应以 https:// 或 http:// 开头。") % label
        for code in ("invalid_choice", "invalid_pk_value", "invalid_list"):
            if code in field.error_messages:
                field.error_messages[code] = _("“%s”请从给出的选项中选择。") % label
        limit_text(field, name)
        if isinstance(field, forms.DateField | forms.DateTimeField) and validate_year not in field.validators:
            field.validators.append(validate_year)
        for validator in field.validators:
            if isinstance(validator, MaxLengthValidator):
                longest = _("“%(label)s”最多 {limit} 个字，现有 {length} 个字，请精简。") % {"label": label}
                validator.message = longest.replace("{limit}", "%(limit_value)d").replace("{length}", "%(show_value)d")


def limit_text(field: forms.Field, name: str) -> None:
    """Every text has a limit (`core.texts`), and one of a single line holds nothing unseen."""
    if not isinstance(field, forms.CharField) or isinstance(field.widget, forms.PasswordInput):
        return
    if field.max_length is None and not any(isinstance(rule, MaxLengthValidator) for rule in field.validators):
        field.validators.append(MaxLengthValidator(longest(name)))
    if isinstance(field.widget, forms.TextInput) and validate_visible not in field.validators:
        field.validators.append(validate_visible)


def name_the_empty_choice(form: forms.BaseForm) -> None:
    """请选择 where something has to be chosen in the end, 不选 elsewhere, instead of Django's dashes."""
    needed = getattr(form, "needed_fields", None) or frozenset()
    for name, field in form.fields.items():
        label = _("请选择") if field.required or name in needed else _("不选")
        if isinstance(field, forms.ModelChoiceField):
            if field.empty_label == DASHES:
                field.empty_label = label
        elif isinstance(field, forms.ChoiceField):
            choices: list[tuple[Any, Any]] = list(field.choices)  # type: ignore[arg-type]  # read, it is always a list
            if any(text == DASHES for _value, text in choices):
                field.choices = [(value, label if text == DASHES else text) for value, text in choices]


def input_attributes(form: forms.BaseForm) -> None:
    """Sizes, autocomplete hints and plain messages by field type; called once from a form's `__init__`."""
    name_the_remedy(form)
    name_the_empty_choice(form)
    for field in form.fields.values():
        widget = field.widget
        if isinstance(widget, forms.Textarea):
            widget.attrs.setdefault("rows", 5)
        if isinstance(field, forms.DateField):
            widget.attrs.setdefault("class", "input-short")
        widget.attrs.setdefault("autocomplete", "off")


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs=attrs, format="%Y-%m-%d")


class DateTimeInput(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"class": "input-medium", **(attrs or {})}, format="%Y-%m-%dT%H:%M")


class LinesField(forms.CharField):
    """One entry per line: a list of texts without blanks and repeats."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def current_cities() -> QuerySet[Region]:
    """Cities that may be chosen; a withdrawn one is only ever shown where an old record names it."""
    return Region.objects.filter(level=RegionLevel.CITY, valid_until__isnull=True).order_by("code")


def region_choices(empty: str = "", *, kept: Any = None) -> list[Any]:
    """The province, then every city with its districts as a group; last the withdrawn region with the key `kept`."""
    rows = list(Region.objects.filter(valid_until__isnull=True).order_by("code"))
    below: dict[int, list[Region]] = {}
    for row in rows:
        if row.parent_id is not None:
            below.setdefault(row.parent_id, []).append(row)
    choices: list[Any] = [("", empty)]
    for row in rows:
        if row.level == RegionLevel.PROVINCE:
            choices.append((row.pk, _("%s（全省）") % row.name))
        elif row.level == RegionLevel.CITY:
            choices.append((row.name, [(inner.pk, inner.name) for inner in (row, *below.get(row.pk, []))]))
    if kept is not None:
        withdrawn = Region.objects.filter(pk=kept, valid_until__isnull=False)
        choices += [(_("原来填写的"), [(row.pk, row.name)]) for row in withdrawn]
    return choices


def category_choices(empty: str = "") -> list[Any]:
    """The plan's tree, each root a group, deeper nodes indented."""
    choices: list[Any] = [("", empty)]
    group: list[Any] = []
    for row in Category.objects.current().order_by("position"):
        depth = row.code.count(".")
        if depth == 0:
            group = [(row.pk, row.label)]
            choices.append((f"{row.code} {row.label}", group))
        else:
            group.append((row.pk, f"{'　' * depth}{row.code} {row.label}"))
    return choices


def industry_choices(empty: str = "") -> list[Any]:
    """GB/T 4754: every 门类 as a group of its 大类."""
    choices: list[Any] = [("", empty)]
    groups: dict[int, list[Any]] = {}
    for row in Industry.objects.order_by("parent__code", "code"):
        if row.parent_id is None:
            groups[row.pk] = [(row.pk, f"{row.code} {row.label}")]
            choices.append((row.label, groups[row.pk]))
    for row in Industry.objects.filter(parent__isnull=False).order_by("code"):
        groups[row.parent_id or 0].append((row.pk, f"{row.code} {row.label}"))
    return choices


#: How the classification fields of any form offer their choices: field name → (function, text of the empty choice).
CLASSIFICATION = {
    "region": (region_choices, _("请选择地区")),
    "category": (category_choices, _("请选择领域")),
    "industry": (industry_choices, _("请选择行业")),
}


def offer_classification(form: forms.BaseForm) -> None:
    """Give the form's region, category and industry fields their grouped choices."""
    kept = getattr(getattr(form, "instance", None), "region_id", None)
    region = form.fields.get("region")
    if isinstance(region, forms.ModelChoiceField):
        # What may be posted is what is offered.
        region.queryset = Region.objects.filter(Q(valid_until__isnull=True) | Q(pk=kept))
    for name, (choices, empty) in CLASSIFICATION.items():
        if name == "region" and name in form.fields:
            setattr(form.fields[name], "choices", region_choices(str(empty), kept=kept))  # noqa: B010 - as below
        elif name in form.fields:
            setattr(form.fields[name], "choices", choices(str(empty)))  # noqa: B010 - only choice fields are named
