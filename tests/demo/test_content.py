"""The demonstration's texts: enough of them, complete, varied, and free of personal numbers."""

from collections import Counter

import pytest

from core.models import Category, Region, TechnologyTag
from core.personal_information import scan
from marketplace.demo.content import CITIES, KINDS, demands, vendors

pytestmark = pytest.mark.unit
CAPABILITIES = [capability for vendor in vendors() for capability in vendor.capabilities]


def test_there_is_a_whole_province():
    assert len(demands()) >= 66
    assert len({demand.owner for demand in demands()}) >= 60
    assert len(vendors()) >= 62
    assert len(CAPABILITIES) >= 125
    assert set(Counter(demand.quarter for demand in demands())) == {"2026Q1", "2026Q2", "2026Q3", "2026Q4"}
    assert {demand.region for demand in demands()} == set(CITIES)
    assert {demand.stage for demand in demands()} >= {
        "listed",
        "approval",
        "pooled",
        "submitted",
        "draft",
        "supplement",
    }


def test_nothing_is_said_twice():
    for values in (
        [demand.title for demand in demands()],
        [demand.text for demand in demands()],
        [vendor.name for vendor in vendors()] + [demand.owner for demand in demands()],
        [capability.title for capability in CAPABILITIES],
        [capability.text for capability in CAPABILITIES],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []


def test_texts_are_as_long_as_real_ones():
    assert all(120 <= len(demand.description) <= 300 for demand in demands())
    assert all(90 <= len(capability.text) <= 300 for capability in CAPABILITIES)
    assert all(demand.pain and demand.targets and demand.offers and demand.budget for demand in demands())


def test_texts_hold_no_personal_numbers():
    for demand in demands():
        assert scan(" ".join((demand.title, demand.pain, demand.text, demand.targets, demand.offers))) == []
    for capability in CAPABILITIES:
        assert scan(" ".join((capability.title, capability.text, capability.price))) == []


@pytest.mark.django_db
def test_every_word_of_classification_is_known():
    categories = set(Category.objects.values_list("code", flat=True))
    tags = set(TechnologyTag.objects.values_list("name", flat=True))
    regions = set(Region.objects.values_list("code", flat=True))
    for item in (*demands(), *CAPABILITIES):
        assert item.category in categories
        assert set(item.tags) <= tags
    for vendor in vendors():
        assert {vendor.region, *vendor.serves} <= regions
    assert {demand.owner_code for demand in demands()} <= set(KINDS)
    assert len({demand.category for demand in demands()}) >= 50
