"""Published challenges are found by everybody; what is not public, and anything about bids, by nobody."""

import shutil
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse

from accounts.enums import OrganisationState, Role
from accounts.models import Organisation
from accounts.services import organisation_update
from challenges.enums import EnvelopeKind, SelectionMethod
from challenges.events import ChallengeChanged
from challenges.models import AnnualList, Award, Challenge
from challenges.services import bids, clarification, decision, programmes
from core import relay
from core.clock import frozen
from core.models import OutboxEvent
from search import indexing
from search.documents import INDEXES
from search.engines import get_engine
from search.models import SavedSearch
from search.services import Segment, saved_search_keep, search, suggest
from search.statistics import TermStatistics
from tests.factories import challenges as make
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.engine, pytest.mark.usefixtures("engine")]
NOBODY = AnonymousUser()
INDEX = INDEXES["challenge"]
only_embedded = pytest.mark.parametrize("engine", ["embedded"], indirect=True)


@pytest.fixture(autouse=True)
def index(clock, engine):
    indexing.rebuild("challenge")


@pytest.fixture
def stage():
    return make.make_stage(expert_count=0)


def keys() -> list[str]:
    return sorted(key for key, _version in get_engine().versions(INDEX.schema))


def found(text: str = "", viewer=NOBODY, **options) -> list[Challenge]:
    return [item.obj for item in search(kind="challenge", text=text, viewer=viewer, **options).items]


def document_of(challenge: Challenge) -> dict:
    return INDEX.prepare(INDEX.any_row(challenge.pk), TermStatistics())


def outsiders() -> list:
    return [
        NOBODY,
        make_person(Role.VENDOR_STAFF),
        make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation(region_code="370100")),
        make_person(Role.EXPERT),
    ]


# --- what is found ------------------------------------------------------------------------------------------------


def test_a_published_challenge_is_found_by_title_content_demander_number_and_indicator(stage):
    challenge = make.make_open_challenge(stage)
    assert found("港口集装箱") == []
    relay.drain()
    for text in ("港口集装箱", "低照度", stage.demander.name, challenge.code, "单箱识别时间"):
        assert found(text) == [challenge], text
    assert suggest(kind="challenge", text="gkjzx", viewer=NOBODY) == [challenge.title]
    assert indexing.check("challenge").is_clean


def test_a_published_challenge_is_found_by_its_demanders_new_name_and_a_need_is_left_alone(stage):
    challenge = make.make_open_challenge(stage)
    need = make.make_selected_challenge(stage, challenge.programme)
    relay.drain()
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=stage.demander)
    Organisation.objects.filter(pk=stage.demander.pk).update(state=OrganisationState.RETURNED)
    organisation_update(organisation_id=stage.demander.pk, values={"name": "渤海湾智慧航运研究院"}, acting_user=manager)
    assert found("渤海湾智慧航运") == []
    relay.drain()
    assert found("渤海湾智慧航运") == [challenge]
    assert Challenge.objects.get(pk=need.pk).document_version == need.document_version


def test_the_match_is_marked_and_the_page_names_number_demander_and_deadline(stage):
    challenge = make.make_open_challenge(stage)
    relay.drain()
    (item,) = search(kind="challenge", text="残损识别", viewer=NOBODY).items
    assert Segment("残损识别", True) in item.excerpt
    html = Client().get(reverse("search:results"), {"q": "残损识别", "kind": "challenge"}).content.decode()
    assert "<mark>残损识别</mark>" in html
    assert f'href="{reverse("challenges:challenge", args=[challenge.code])}"' in html
    for shown in (challenge.code, stage.demander.name, "青岛市", "揭榜申报中", "揭榜截止"):
        assert shown in html, shown


def test_the_api_answers_with_the_challenges_number(stage):
    challenge = make.make_open_challenge(stage)
    relay.drain()
    answer = Client().get("/api/v1/search/", {"q": "港口", "kind": "challenge"}).json()
    assert [row["key"] for row in answer["items"]] == [challenge.code]
    assert [facet["name"] for facet in answer["facets"]] == ["city", "category", "state"]
    suggested = Client().get("/api/v1/search/suggestions/", {"q": "港口", "kind": "challenge"}).json()
    assert suggested == [{"text": challenge.title}]


def test_facets_filters_and_the_order_of_deadlines(stage):
    programme = make.make_programme(stage)
    late = make.make_open_challenge(stage, programme=programme, title="晚截止的课题", days_open=50)
    soon = make.make_open_challenge(stage, programme=programme, title="早截止的课题", days_open=40)
    over = make.make_open_challenge(stage, programme=programme, title="终止的课题", days_open=25)
    decision.challenge_cancel(challenge_id=over.pk, acting_user=stage.approver, comment="需求已不存在。")
    relay.drain()
    page = search(kind="challenge", viewer=NOBODY)
    counts = {facet.name: {option.value: option.count for option in facet.options} for facet in page.facets}
    assert counts["city"] == {"370200": 3}
    assert counts["state"] == {"published": 2, "cancelled": 1}
    assert counts["category"] == {"4": 3, "4.1": 3, "4.1.1": 3}
    assert found(filters={"state": ["cancelled"]}) == [over]
    assert found(filters={"city": ["370100"]}) == []
    # What takes no more bids comes last, however near its deadline was.
    assert found(sort="deadline") == [soon, late, over]


def test_a_page_of_challenges_is_a_constant_number_of_queries(stage, django_assert_num_queries):
    make.make_open_challenges(stage, 3)
    relay.drain()
    with django_assert_num_queries(3):
        assert len(found("港口集装箱")) == 3


def test_a_search_for_challenges_is_kept():
    user = make_person(Role.VENDOR_STAFF)
    saved_search_keep(acting_user=user, name="港口", kind="challenge", text="港口", filters={"state": ["published"]})
    saved = SavedSearch.objects.get()
    assert (saved.kind, saved.filters) == ("challenge", {"state": ["published"]})


# --- what is not found --------------------------------------------------------------------------------------------


def test_a_draft_a_commission_and_what_is_not_yet_published_are_found_by_nobody(stage, index_folder, engine):
    programme = make.make_programme(stage)
    make.make_need(stage, programme, title="草稿中的港口课题")
    waiting = make.make_selected_challenge(stage, programme, title="待批准的港口课题")
    programmes.annual_list_send_to_approval(
        list_id=make.make_annual_list(stage, [waiting]).pk, acting_user=stage.handler
    )
    commissioned = make.make_bidder().current_organisation
    directed = make.make_open_challenge(
        stage,
        programme=programme,
        title="定向委托的港口课题",
        selection_method=SelectionMethod.DIRECTED,
        directed_to=commissioned,
        directed_reason="仅一家单位具备条件。",
    )
    relay.drain()
    assert directed.state == "published"
    assert keys() == []
    # Nor by those who may read them on their own pages: the search is the same for everybody.
    insiders = [stage.clerk, stage.handler, stage.approver, stage.supervisor, stage.city_reviewer]
    addressee = make_person(Role.VENDOR_STAFF, organisation=commissioned)

    def nobody_finds_any() -> None:
        for viewer in (*outsiders(), *insiders, addressee):
            assert found("港口课题", viewer=viewer) == []
            assert found(viewer=viewer) == []
            for typed in ("草稿", "待批准", "定向委托", "gkkt"):
                assert suggest(kind="challenge", text=typed, viewer=viewer) == []

    nobody_finds_any()
    indexing.rebuild("challenge")
    assert keys() == []
    if engine.name == "embedded":
        shutil.rmtree(index_folder)
        assert search(kind="challenge", viewer=NOBODY).degraded is True
        nobody_finds_any()


def test_a_challenge_that_is_public_no_more_leaves_the_index(stage):
    challenge = make.make_open_challenge(stage)
    relay.drain()
    assert keys() == [str(challenge.pk)]
    # No service does this today: what matters is that neither a lagging index nor a repaired one shows it.
    Challenge.objects.filter(pk=challenge.pk).update(
        selection_method="directed", document_version=challenge.document_version + 1
    )
    assert found("港口集装箱") == []
    assert indexing.check("challenge").superfluous == (str(challenge.pk),)
    indexing.sweep()
    assert keys() == []


def test_the_document_holds_these_fields_and_bids_change_none_of_them(stage):
    """Were a question, a follower or a bid to show in any field, or in the version, the search would give it away."""
    challenge = make.make_open_challenge(stage)
    document = document_of(challenge)
    assert set(document) == {
        "title",
        "text",
        "visible",
        "suggestion",
        "code",
        "city",
        "category",
        "state",
        "listed_day",
        "deadline_day",
    }
    assert set(document) == {entry.name for entry in INDEX.schema.fields}
    assert (document["visible"], document["state"], document["city"]) == (["public"], "published", "370200")
    relay.drain()
    before = dict(get_engine().versions(INDEX.schema))
    bidder = make.make_bidder("不可提及有限公司")
    clarification.question_ask(challenge_id=challenge.pk, acting_user=bidder, text="密语提问")
    clarification.solver_invite(
        challenge_id=challenge.pk, organisation=bidder.current_organisation, acting_user=stage.handler
    )
    make.hand_in(challenge, bidder)
    relay.drain()
    assert document_of(challenge) == document
    assert dict(get_engine().versions(INDEX.schema)) == before
    assert found("不可提及") == found("密语提问") == []


@only_embedded
def test_who_won_is_in_no_document():
    stage = make.make_stage()
    challenge = make.make_open_challenge(stage)
    text = document_of(challenge)["text"]
    make.hand_in(challenge, make.make_bidder("不可提及有限公司"))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
        challenge.refresh_from_db()
        make.decide(stage, challenge, [make.winner(challenge.bids.get())])
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
        relay.drain()
        assert found(filters={"state": ["publicity"]}) == [challenge]
    with frozen(make.after_deadline(challenge) + timedelta(days=8)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        relay.drain()
        assert Award.objects.get().state == "awarded"
        assert found(filters={"state": ["awarded"]}) == [challenge]
        assert indexing.check("challenge").is_clean
    assert document_of(challenge)["text"] == text
    assert found("不可提及") == []


# --- kept true ----------------------------------------------------------------------------------------------------


def test_a_clarification_is_found_once_the_outbox_has_run(stage):
    challenge = make.make_open_challenge(stage)
    relay.drain()
    clarification.challenge_clarify(
        challenge_id=challenge.pk,
        acting_user=stage.handler,
        values={"acceptance_method": "现场连续运行不少于六十个昼夜。"},
        reason="补充验收时间。",
        material=False,
    )
    assert found("六十个昼夜") == []
    relay.drain()
    assert found("六十个昼夜") == [challenge]
    assert keys() == [str(challenge.pk)]


def _publish(stage, challenge):
    make.publish_list(stage, AnnualList.objects.get())


def _clarify(stage, challenge):
    clarification.challenge_clarify(
        challenge_id=challenge.pk,
        acting_user=stage.handler,
        values={"content": "研究内容已经澄清。", "indicators": make.INDICATORS[:1]},
        reason="澄清研究内容。",
        material=True,
    )


def _freeze(stage, challenge):
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()


def _reissue(stage, challenge):
    programmes.challenge_reissue(
        challenge_id=challenge.pk, programme_id=challenge.programme_id, acting_user=stage.handler, comment="再次征集。"
    )


def _cancel(stage, challenge):
    decision.challenge_cancel(challenge_id=challenge.pk, acting_user=stage.approver, comment="需求已不存在。")


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ((_publish,), "published"),
        ((_publish, _clarify), "published"),
        ((_publish, _freeze), "no_bid"),
        ((_publish, _freeze, _reissue), "reissued"),
        ((_publish, _cancel), "cancelled"),
    ],
)
@only_embedded
def test_every_step_that_changes_what_is_public_raises_the_version_and_tells_the_index(stage, steps, state):
    challenge = make.make_selected_challenge(stage, make.make_programme(stage))
    make.make_annual_list(stage, [challenge])
    *earlier, last = steps
    for step in earlier:
        step(stage, challenge)
        challenge.refresh_from_db()
    relay.drain()
    version = challenge.document_version
    last(stage, challenge)
    challenge.refresh_from_db()
    assert challenge.document_version > version
    told = OutboxEvent.objects.filter(topic=ChallengeChanged.topic).latest("pk")
    assert told.payload == {"challenge_id": challenge.pk, "document_version": challenge.document_version}
    assert not indexing.check("challenge").is_clean
    with frozen(make.after_deadline(challenge)):
        relay.drain()
    assert dict(get_engine().versions(INDEX.schema)) == {str(challenge.pk): challenge.document_version}
    assert found(filters={"state": [state]}) == [challenge]


@only_embedded
def test_while_the_engine_is_away_the_database_answers_for_challenges(stage, index_folder):
    challenge = make.make_open_challenge(stage)
    relay.drain()
    shutil.rmtree(index_folder)
    for filters in ({}, {"city": ["370200"]}, {"category": ["4"]}, {"state": ["published"]}):
        page = search(kind="challenge", text="集装箱", viewer=NOBODY, filters=filters)
        assert ([item.obj for item in page.items], page.degraded) == ([challenge], True)
    for filters in ({"city": ["370100"]}, {"category": ["5"]}, {"state": ["closed"]}):
        assert found("集装箱", filters=filters) == []
    assert suggest(kind="challenge", text="港口", viewer=NOBODY) == [challenge.title]
    html = Client().get(reverse("search:results"), {"q": "集装箱", "kind": "challenge"}).content.decode()
    assert "简化检索" in html
    assert challenge.code in html
    assert indexing.heal() == list(INDEXES)
    assert search(kind="challenge", text="集装箱", viewer=NOBODY).degraded is False
