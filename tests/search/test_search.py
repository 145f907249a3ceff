"""Searching as pages and the API do it: visibility, facets, highlighting, bad input, an engine that is away."""

import shutil

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.enums import Role
from core import relay
from core.errors import InvalidInput, ObjectNotFound
from core.quarters import Quarter
from search import indexing
from search.models import SavedSearch
from search.services import (
    Segment,
    saved_search_drop,
    saved_search_keep,
    saved_searches_of,
    search,
    suggest,
    totals,
)
from tests.factories import (
    make_listed_capability,
    make_listed_scenario,
    make_organisation,
    make_person,
    make_pooled_scenario,
    make_published_list,
)

pytestmark = [pytest.mark.django_db, pytest.mark.engine]
NOBODY = AnonymousUser()
only_embedded = pytest.mark.parametrize("engine", ["embedded"], indirect=True)


@pytest.fixture(autouse=True)
def indexes(clock, engine):
    indexing.heal()


def titles(page) -> list[str]:
    return [item.obj.title for item in page.items]


@pytest.fixture
def demands():
    """Three published demands on one list, one that is only pooled."""
    published = [
        make_pooled_scenario(
            title="城市道路积水智能监测", budget_max_fen=80_000_00, pain_point="汛期道路积水无人知晓。"
        ),
        make_pooled_scenario(
            make_organisation(region_code="370200"), title="海洋牧场水质监测", budget_max_fen=3_000_000_00
        ),
        make_pooled_scenario(title="养老院夜间巡护"),
    ]
    make_published_list(published, Quarter(2026, 4))
    hidden = make_pooled_scenario(title="尚未发布的道路养护")
    relay.drain()
    return [*published, hidden]


def test_a_query_finds_what_holds_all_its_words_the_title_first(demands):
    page = search(kind="scenario", text="监测", viewer=NOBODY)
    assert sorted(titles(page)) == ["城市道路积水智能监测", "海洋牧场水质监测"]
    assert (page.total, page.degraded, page.relaxed) == (2, False, False)
    assert titles(search(kind="scenario", text="道路积水", viewer=NOBODY)) == ["城市道路积水智能监测"]


def test_when_nothing_holds_every_word_some_are_enough_and_it_is_said(demands):
    page = search(kind="scenario", text="道路积水 区块链", viewer=NOBODY)
    assert (titles(page), page.relaxed) == (["城市道路积水智能监测"], True)
    assert search(kind="scenario", text="区块链", viewer=NOBODY).total == 0


def test_without_words_the_newest_come_first_and_all_are_counted(demands):
    page = search(kind="scenario", viewer=NOBODY)
    assert (page.total, page.sort) == (3, "newest")


def test_facets_count_and_a_chosen_one_still_shows_its_alternatives(demands):
    page = search(kind="scenario", viewer=NOBODY, filters={"city": ["370200"]})
    assert titles(page) == ["海洋牧场水质监测"]
    facets = {facet.name: {option.value: option.count for option in facet.options} for facet in page.facets}
    assert facets["city"] == {"370100": 2, "370200": 1}
    assert facets["quarter"] == {"2026Q4": 1}
    assert facets["budget"] == {"under_5m": 1}
    assert facets["category"] == {"4": 1, "4.1": 1, "4.1.1": 1}
    assert [facet.label for facet in page.facets][:2] == ["季度", "城市"]
    chosen = {
        option.label: option.selected for facet in page.facets if facet.name == "city" for option in facet.options
    }
    assert chosen == {"济南市": False, "青岛市": True}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"budget": ["under_100k"]}, 1),
        ({"budget": ["under_100k", "under_5m"]}, 2),
        ({"category": ["4"]}, 3),
        ({"category": ["5"]}, 0),
        ({"state": ["listed"]}, 3),
        ({"quarter": ["2026Q4"]}, 3),
        ({"quarter": ["2026Q1"]}, 0),
        ({"organisation_kind": ["agency"]}, 3),
    ],
)
def test_filters(demands, filters, expected):
    assert search(kind="scenario", viewer=NOBODY, filters=filters).total == expected


def test_the_match_is_marked_in_title_and_excerpt(demands):
    (item,) = search(kind="scenario", text="道路积水", viewer=NOBODY).items
    assert item.title == (Segment("城市"), Segment("道路积水", True), Segment("智能监测"))
    assert Segment("道路积水", True) in item.excerpt


def test_only_those_entitled_find_what_is_not_published(demands):
    hidden = demands[-1]
    query = {"kind": "scenario", "text": "尚未发布的道路养护"}
    outsider = make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation(region_code="370200"))
    elsewhere = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370200"))
    vendor = make_person(Role.VENDOR_STAFF)
    for viewer in (NOBODY, outsider, elsewhere, vendor):
        assert hidden not in [item.obj for item in search(viewer=viewer, **query).items]
        assert search(viewer=viewer, kind="scenario", text="尚未发布").total == 0
        assert suggest(kind="scenario", text="尚未", viewer=viewer) == []
    owner = make_person(Role.DEMAND_SUBMITTER, organisation=hidden.owner)
    reviewer = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100"))
    province = make_person(Role.PROVINCIAL_REVIEWER)
    editor = make_person(Role.LIST_EDITOR)
    for viewer in (owner, reviewer, province, editor):
        assert [item.obj for item in search(viewer=viewer, **query).items] == [hidden]
        assert suggest(kind="scenario", text="尚未", viewer=viewer) == ["尚未发布的道路养护"]


def test_an_index_that_lags_cannot_show_what_the_database_forbids(demands):
    published = demands[0]
    type(published).objects.filter(pk=published.pk).update(state="pooled")
    assert titles(search(kind="scenario", text="道路积水", viewer=NOBODY)) == []


def test_a_published_demand_is_found_by_its_number(demands):
    demands[0].refresh_from_db()
    assert titles(search(kind="scenario", text=demands[0].code, viewer=NOBODY)) == [demands[0].title]


def test_capabilities_and_lists_are_searched_alike(demands):
    make_listed_capability(title="积水监测终端", price_min_fen=5_000_00)
    relay.drain()
    page = search(kind="capability", text="积水监测", viewer=NOBODY)
    assert titles(page) == ["积水监测终端"]
    assert {facet.name for facet in page.facets} == {"city", "category", "state", "budget", "organisation_kind"}
    assert search(kind="quarterly_list", text="海洋牧场", viewer=NOBODY).total == 1


@pytest.mark.parametrize("typed", ["城市", "道路", "chengshi", "csdl", "ＣＨＥＮＧ"])
def test_suggestions_by_words_pinyin_and_initials(demands, typed):
    assert suggest(kind="scenario", text=typed, viewer=NOBODY) == ["城市道路积水智能监测"]


@pytest.mark.parametrize("typed", ["市道", "路积", "积水智", "能监", "智 能", "水智能监测"])
def test_suggestions_hold_what_is_typed_anywhere_in_the_title(demands, typed):
    assert suggest(kind="scenario", text=typed, viewer=NOBODY) == ["城市道路积水智能监测"]


def test_suggestions_hold_what_is_typed_in_one_piece(demands):
    """Both words are in the title, apart."""
    assert suggest(kind="scenario", text="城市监测", viewer=NOBODY) == []


def test_the_totals_equal_the_lists_behind_them(demands):
    for text in ("监测", "", "城市道路", "没有这样的词"):
        found = totals(text=text, viewer=NOBODY)
        assert found == {kind: search(kind=kind, text=text, viewer=NOBODY).total for kind in found}
    assert totals(text="道路", viewer=NOBODY)["scenario"] == 1


def test_suggestions_need_something_typed():
    assert suggest(kind="scenario", text="  ", viewer=NOBODY) == []
    assert suggest(kind="scenario", text="\x1f\ud83d", viewer=NOBODY) == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"text": "水" * 5000}, "q"),
        ({"kind": "secrets"}, "kind"),
        ({"sort": "random"}, "sort"),
        ({"page": "0"}, "page"),
        ({"page": "-1"}, "page"),
        ({"page": "九"}, "page"),
        ({"page": "1e9"}, "page"),
        ({"page": "9" * 30}, "page"),
        ({"page": 501}, "page"),
        ({"page_size": "7"}, "page_size"),
        ({"filters": {"owner": ["1"]}}, "owner"),
        ({"filters": {"city": ["x" * 50]}}, "city"),
        ({"filters": {"city": ["\x00"]}}, "city"),
        ({"filters": {"city": ["\ud83d"]}}, "city"),
    ],
)
def test_bad_requests_name_the_field(arguments, field):
    with pytest.raises(InvalidInput) as refused:
        search(**{"kind": "scenario", "viewer": NOBODY, **arguments})
    assert list(refused.value.fields) == [field]
    assert refused.value.fields[field][0].endswith("。")


@only_embedded
@pytest.mark.parametrize(
    "text",
    [
        '"',
        "((((",
        "[a TO b]",
        "title:道路",
        "* OR *",
        "道路~2",
        "\\",
        "' OR 1=1 --",
        "\x00\x01",
        "<script>",
        "道" * 300,
    ],
)
def test_hostile_queries_are_only_text(demands, text):
    page = search(kind="scenario", text=text, viewer=NOBODY)
    assert page.total <= 3
    assert "尚未发布的道路养护" not in titles(page)


@only_embedded
def test_while_the_engine_is_away_the_database_answers_and_says_so(demands, index_folder):
    shutil.rmtree(index_folder)
    page = search(kind="scenario", text="监测", viewer=NOBODY, filters={"city": ["370200"]})
    assert (titles(page), page.total, page.degraded) == (["海洋牧场水质监测"], 1, True)
    assert search(kind="scenario", text="尚未发布", viewer=NOBODY).total == 0
    assert suggest(kind="scenario", text="养老", viewer=NOBODY) == ["养老院夜间巡护"]
    for name, value in (("category", "4"), ("quarter", "2026Q4"), ("state", "listed"), ("organisation_kind", "agency")):
        assert search(kind="scenario", viewer=NOBODY, filters={name: [value]}).total == 3
    assert search(kind="quarterly_list", viewer=NOBODY, filters={"quarter": ["2026Q4"]}).total == 1
    assert search(kind="capability", viewer=NOBODY).degraded is True
    indexing.heal()
    assert search(kind="scenario", text="监测", viewer=NOBODY).degraded is False


@pytest.mark.parametrize("rows", [1, 3])
def test_a_page_is_a_constant_number_of_queries(rows, django_assert_num_queries):
    make_published_list([make_pooled_scenario(title=f"道路监测{number}") for number in range(rows)])
    relay.drain()
    with django_assert_num_queries(3):
        assert search(kind="scenario", text="道路监测", viewer=NOBODY).total == rows


def test_a_saved_search_is_ones_own():
    user, other = make_person(Role.VENDOR_STAFF), make_person(Role.VENDOR_STAFF)
    saved = saved_search_keep(acting_user=user, name=" 水务 ", kind="scenario", text="水", filters={"city": ["370100"]})
    again = saved_search_keep(acting_user=user, name="水务", kind="scenario", text="水利")
    assert (saved.pk, again.text, again.filters, again.sort) == (again.pk, "水利", {}, "relevance")
    assert list(saved_searches_of(other)) == list(saved_searches_of(NOBODY)) == []
    with pytest.raises(ObjectNotFound):
        saved_search_drop(acting_user=other, saved_search_id=saved.pk)
    assert SavedSearch.objects.count() == 1
    saved_search_drop(acting_user=user, saved_search_id=saved.pk)
    assert SavedSearch.objects.count() == 0


def test_a_saved_search_needs_a_name_and_a_valid_search():
    user = make_person(Role.VENDOR_STAFF)
    with pytest.raises(InvalidInput):
        saved_search_keep(acting_user=user, name=" ", kind="scenario")
    with pytest.raises(InvalidInput):
        saved_search_keep(acting_user=user, name="x", kind="scenario", filters={"owner": ["1"]})
    assert SavedSearch.objects.count() == 0


def test_a_listed_demand_alone(demands):
    scenario = make_listed_scenario(title="独立清单上的需求")
    relay.drain()
    assert titles(search(kind="scenario", text="独立清单", viewer=NOBODY)) == [scenario.title]
