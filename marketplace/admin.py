"""Code tables an installation maintains: fields, divisions, industries, tags, working days."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import models, transaction
from django.http import HttpRequest

from accounts.enums import Role
from accounts.permissions import has_role
from core import audit
from core.entered import whole_number
from core.models import (
    Category,
    ClassificationVersion,
    Industry,
    Region,
    TechnologyTag,
    WorkdayCalendar,
    WorkdayException,
)


class NumberedChoice(AutocompleteSelect):
    """Shows again what was posted; what is no key is not asked of the database."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        return super().optgroups(name, [key for key in value if whole_number(key) is not None], attrs)


class ReferenceDataAdmin(admin.ModelAdmin):
    """Edited by the system administrator, with a trail; never deleted, because records point at it."""

    def _permitted(self, request: HttpRequest) -> bool:
        return has_role(request.user, Role.SYSTEM_ADMINISTRATOR)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._permitted(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._permitted(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._permitted(request)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._permitted(request)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            audit.record(request.user, "core.reference_data.save", obj, {"fields": form.changed_data})

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name in self.autocomplete_fields:
            options["widget"] = NumberedChoice(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def log_addition(self, *_arguments: Any) -> None:
        """The audit trail above is the record; Django's own log would be a second one."""

    def log_change(self, *_arguments: Any) -> None:
        """See `log_addition`."""


@admin.register(ClassificationVersion)
class ClassificationVersionAdmin(ReferenceDataAdmin):
    list_display = ("kind", "label", "source", "effective_on")
    list_filter = ("kind",)


@admin.register(Category)
class CategoryAdmin(ReferenceDataAdmin):
    list_display = ("code", "label", "parent", "version", "retired")
    list_filter = ("version", "retired")
    list_select_related = ("parent", "version")
    search_fields = ("code", "label")
    autocomplete_fields = ("parent",)


@admin.register(Region)
class RegionAdmin(ReferenceDataAdmin):
    list_display = ("code", "name", "level", "parent", "circle", "valid_until")
    list_filter = ("level", "circle")
    list_select_related = ("parent",)
    search_fields = ("code", "name")
    autocomplete_fields = ("parent", "successor")


@admin.register(Industry)
class IndustryAdmin(ReferenceDataAdmin):
    list_display = ("code", "label", "parent")
    search_fields = ("code", "label")
    list_select_related = ("parent",)
    autocomplete_fields = ("parent",)


@admin.register(TechnologyTag)
class TechnologyTagAdmin(ReferenceDataAdmin):
    list_display = ("name", "synonyms", "retired")
    search_fields = ("name", "synonyms")


class WorkdayExceptionInline(admin.TabularInline):
    model = WorkdayException
    extra = 3

    def _permitted(self, request: HttpRequest) -> bool:
        return has_role(request.user, Role.SYSTEM_ADMINISTRATOR)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._permitted(request)

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._permitted(request)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._permitted(request)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._permitted(request)


@admin.register(WorkdayCalendar)
class WorkdayCalendarAdmin(ReferenceDataAdmin):
    list_display = ("year", "source", "version", "loaded_at")
    inlines = (WorkdayExceptionInline,)
