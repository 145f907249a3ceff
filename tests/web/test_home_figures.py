"""Figures of the home page say what they count and equal the list behind their link."""

import re
from html import unescape

import pytest
from django.urls import reverse

from core.models import Region
from tests.factories import (
    make_capability,
    make_listed_capability,
    make_organisation,
    make_pooled_scenario,
    make_published_list,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]

CITIES = [f"37{number:02d}00" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)]


def behind(client, address: str) -> int:
    """How many the list at that address holds."""
    return client.get(unescape(address)).context["page"].paginator.count


@pytest.fixture
def quarter():
    """A list over ten cities and the province, and a supplement of two."""
    places = [*CITIES, "370000", "370102"]
    made = [make_pooled_scenario(make_organisation(region_code=code), title=f"需求{code}") for code in places]
    first = make_published_list(made)
    extra = [make_pooled_scenario(title=f"补充需求{number}") for number in range(2)]
    return first, make_published_list(extra)


def test_a_supplement_stands_beside_the_quarter_and_not_in_its_place(quarter, client):
    first, supplement = quarter
    page = client.get(reverse("home"))
    assert page.context["item_count"] == 14
    assert [issue.pk for issue in page.context["issues"]] == [first.pk, supplement.pk]
    assert page.context["items"][0].quarterly_list_id == first.pk
    assert behind(client, page.context["quarter_demands"]) == 14
    assert supplement.title in page.content.decode()


def test_every_city_and_field_is_shown_and_leads_to_as_many(quarter, client):
    page = client.get(reverse("home"))
    cities = {row["label"]: row["count"] for row in page.context["cities"]}
    assert len(cities) == 11
    assert cities["济南市"] == 4
    for row in (*page.context["cities"], *page.context["fields"]):
        assert behind(client, row["url"]) == row["count"]
    assert sum(cities.values()) == 14


def test_every_figure_equals_the_list_it_leads_to(quarter, client):
    make_listed_capability()
    make_capability()
    suspended = quarter[0].items.first().scenario
    suspended.state = "suspended"
    suspended.save()
    html = client.get(reverse("home")).content.decode()
    figures = re.search(r'<dl class="figures">.*?</dl>', html, re.DOTALL)[0]
    found = re.findall(r'<a href="([^"]+)">([^<]+)</a>\s*</dt>\s*<dd>\s*(\d+)<small>', figures)
    assert {label: int(number) for _address, label, number in found} == {
        "在榜需求": 13,
        "累计发布": 14,
        "本季度发布": 14,
        "上架能力": 1,
        "有上架能力的供给方": 1,
    }
    for address, _label, number in found:
        assert behind(client, address) == int(number)
    assert "对接中的需求" not in html


def test_an_old_records_city_is_counted_and_found(client):
    withdrawn = Region.objects.get(valid_until__isnull=False)
    scenario = make_pooled_scenario(title="老需求")
    make_published_list([scenario])
    scenario.refresh_from_db()
    scenario.region = withdrawn
    scenario.save()
    row = client.get(reverse("home")).context["cities"][0]
    assert (row["label"], behind(client, row["url"])) == (withdrawn.name, 1)
