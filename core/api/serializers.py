"""Fields shared by the apps' serializers."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.entered import validate_year
from core.models import Category, Industry, Region, TechnologyTag


class CategoryField(serializers.SlugRelatedField):
    """A node of the plan's tree, by its code ("4.2.1")."""

    default_error_messages = {"does_not_exist": _("没有代码为“{value}”的应用领域。")}

    def __init__(self, **options: Any) -> None:
        super().__init__(slug_field="code", queryset=Category.objects.current(), **options)


class RegionField(serializers.SlugRelatedField):
    """An administrative division, by its six-digit code (GB/T 2260)."""

    default_error_messages = {"does_not_exist": _("没有代码为“{value}”的行政区划。")}

    def __init__(self, **options: Any) -> None:
        super().__init__(slug_field="code", queryset=Region.objects.filter(valid_until__isnull=True), **options)


class IndustryField(serializers.SlugRelatedField):
    """An industry, by its code (GB/T 4754)."""

    default_error_messages = {"does_not_exist": _("没有代码为“{value}”的行业。")}

    def __init__(self, **options: Any) -> None:
        super().__init__(slug_field="code", queryset=Industry.objects.all(), **options)


class TechnologyTagField(serializers.SlugRelatedField):
    """A technology tag, by its name."""

    default_error_messages = {"does_not_exist": _("没有名为“{value}”的技术标签。")}

    def __init__(self, **options: Any) -> None:
        super().__init__(slug_field="name", queryset=TechnologyTag.objects.filter(retired=False), **options)


class MomentField(serializers.DateTimeField):
    """A moment of a year that records have; one that another time zone does not have is no moment."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validators=[validate_year], **options)

    def to_internal_value(self, value: Any) -> datetime:
        try:
            return super().to_internal_value(value)
        except OverflowError:
            return self.fail("overflow")


class CommentSerializer(serializers.Serializer):
    """A step of a machine with its comment."""

    comment = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


class DefectSerializer(serializers.Serializer):
    """One thing to mend: which field, and what is wrong."""

    field = serializers.CharField(required=False, allow_blank=True, default="", max_length=60)
    reason = serializers.CharField(max_length=500)
