"""The form that keeps a search."""

from django import forms
from django.utils.translation import gettext_lazy as _

from core.forms import PageForm


class SaveSearchForm(PageForm):
    mark_optional = False

    name = forms.CharField(label=_("名称"), max_length=60)
