"""Quarters, and the code tables every installation has."""

from datetime import date

import pytest

from core import classification
from core.models import Category, Industry, Region
from core.quarters import Quarter


@pytest.mark.unit
def test_a_quarter_knows_its_days_and_neighbours():
    quarter = Quarter.of(date(2026, 11, 24))
    assert (quarter.code, quarter.first_day, quarter.last_day) == ("2026Q4", date(2026, 10, 1), date(2026, 12, 31))
    assert (quarter.next().code, quarter.previous().code) == ("2027Q1", "2026Q3")
    assert Quarter.parse("2026Q1").label == "2026年第一季度"


@pytest.mark.unit
@pytest.mark.parametrize("text", ["2026Q5", "26Q1", "2026-1", ""])
def test_other_texts_are_no_quarter(text):
    with pytest.raises(ValueError, match="quarter"):
        Quarter.parse(text)


@pytest.mark.django_db
def test_the_tree_has_the_plans_ninety_one_nodes_in_order():
    assert Category.objects.count() == 91
    assert list(Category.objects.values_list("code", flat=True)[:3]) == ["1", "1.1", "1.1.1"]
    node = Category.objects.get(code="4.2.1")
    assert (node.label, node.parent.code, node.branch_codes) == ("科学决策", "4.2", ["4", "4.2", "4.2.1"])


@pytest.mark.django_db
def test_sixteen_cities_in_three_circles_and_a_withdrawn_one_kept_with_its_successor():
    cities = Region.objects.filter(level="city", valid_until__isnull=True)
    assert cities.count() == 16
    assert {circle: cities.filter(circle=circle).count() for circle in ("省会经济圈", "胶东经济圈", "鲁南经济圈")} == {
        "省会经济圈": 7,
        "胶东经济圈": 5,
        "鲁南经济圈": 4,
    }
    assert Region.objects.get(code="371200").successor.name == "济南市"
    assert Region.objects.get(code="370116").full_name == "济南市莱芜区"


@pytest.mark.django_db
def test_a_region_covers_what_lies_in_it_and_nothing_else():
    province, jinan, lixia, qingdao = (Region.objects.get(code=c) for c in ("370000", "370100", "370102", "370200"))
    assert province.covers(lixia)
    assert jinan.covers(lixia)
    assert jinan.covers(jinan)
    assert not jinan.covers(qingdao)
    assert not lixia.covers(jinan)
    assert not jinan.covers(None)


@pytest.mark.django_db
def test_industries_are_twenty_sections_and_ninety_seven_divisions():
    assert Industry.objects.filter(parent=None).count() == 20
    assert Industry.objects.exclude(parent=None).count() == 97


@pytest.mark.django_db
def test_loading_again_adds_nothing_and_keeps_an_editors_change():
    Category.objects.filter(code="4.2.1").update(label="科学决策（修订）")
    before = classification.load()
    assert classification.load() == before
    assert Category.objects.get(code="4.2.1").label == "科学决策（修订）"


@pytest.mark.django_db
def test_tags_are_found_by_name_and_synonym():
    found = classification.tags_in("基于AI的无人机巡检与BIM模型")
    assert [tag.name for tag in found] == ["人工智能", "建筑信息模型", "无人机"]
