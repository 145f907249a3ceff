"""Objects for tests, made without surprises: each factory makes what its name says and nothing beside it."""

from tests.factories.accounts import make_organisation, make_person, region
from tests.factories.scenarios import (
    category,
    make_erratum,
    make_listed_scenario,
    make_pooled_scenario,
    make_published_list,
    make_scenario,
    make_submittable_scenario,
)
from tests.factories.vendors import make_capability, make_listed_capability, make_vendor

__all__ = [
    "category",
    "make_capability",
    "make_erratum",
    "make_listed_capability",
    "make_listed_scenario",
    "make_organisation",
    "make_person",
    "make_pooled_scenario",
    "make_published_list",
    "make_scenario",
    "make_submittable_scenario",
    "make_vendor",
    "region",
]
