"""What every form shares."""

import pytest
from django import forms

from accounts.models import Organisation
from core.forms import OneOf, PageForm, SomeOf, input_attributes
from core.models import Category, Region
from scenarios.forms import SECTIONS, ScenarioSectionForm
from tests.factories import make_scenario
from vendors.forms import SECTIONS as CAPABILITY_SECTIONS
from vendors.forms import CapabilitySectionForm
from vendors.models import Capability

pytestmark = pytest.mark.django_db


def empty_choice(form: forms.BaseForm, name: str) -> str:
    return str(next(text for value, text in form.fields[name].choices if not value))


class _Chosen(PageForm):
    needed_fields = frozenset({"wanted"})

    needed = forms.ModelChoiceField(Category.objects.all())
    wanted = forms.ModelChoiceField(Category.objects.all(), required=False)
    free = forms.ModelChoiceField(Category.objects.all(), required=False)
    named = forms.ModelChoiceField(Category.objects.all(), required=False, empty_label="不限")


@pytest.mark.parametrize("key", ["9" * 30, "-" + "9" * 30, "²", "x", ""])
def test_a_key_that_no_database_can_hold_is_no_choice(key):
    for field in (OneOf(Region.objects.all()), SomeOf(Region.objects.all())):
        with pytest.raises(forms.ValidationError):
            field.clean([key] if isinstance(field, SomeOf) else key)


def test_an_empty_choice_says_whether_something_has_to_be_chosen():
    form = _Chosen()
    assert [empty_choice(form, name) for name in form.fields] == ["请选择", "请选择", "不选", "不限"]


def test_choices_of_a_models_field_are_named_too():
    form = forms.modelform_factory(Organisation, fields=["kind", "industry"])()
    input_attributes(form)
    assert [empty_choice(form, "kind"), empty_choice(form, "industry")] == ["请选择", "不选"]


def test_no_section_of_a_draft_shows_dashes():
    scenario = make_scenario()
    sections = [ScenarioSectionForm(instance=scenario, section=name) for name in SECTIONS]
    sections += [CapabilitySectionForm(instance=Capability(), section=name) for name in CAPABILITY_SECTIONS]
    assert [form.as_p() for form in sections if "-----" in form.as_p()] == []
