"""What the page of a seat promises: 评分边填边存 (found by walking: nothing was stored before the button)."""

import pytest
from django.test import Client
from django.urls import reverse

from challenges.enums import EnvelopeKind, PanelPurpose
from challenges.services import bids, needs, review
from core.clock import frozen
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture
def scoring():
    """(seat of an expert who may score two bids, moment of it)."""
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    for name in ("甲公司", "乙研究院"):
        make.hand_in(challenge, make.make_bidder(name))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
        make.declare_all(panel)
        review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
        yield panel.seats.filter(state="declared").select_related("expert__user").first()


def test_each_bids_form_saves_itself_half_filled(scoring):
    client = Client()
    client.force_login(scoring.expert.user)
    address = reverse("challenges:seat", args=[scoring.public_id])
    page = client.get(address).content.decode()
    assert page.count(f'data-autosave="{address}"') == 2
    assert page.count("data-save-state") == 2
    for number, bid in enumerate(review.bids_under_review(scoring.panel), 1):
        kept = client.post(
            address,
            {"bid": str(bid.public_id), f"b{number}-score_technology": str(30 + number)},
            headers={"accept": "application/json"},
        )
        assert kept.status_code == 200

    again = client.get(address).content.decode()
    assert 'value="31"' in again
    assert 'value="32"' in again
    assert sorted(sheet.scores["technology"] for sheet in scoring.sheets.all()) == [31, 32]


def test_nothing_can_be_typed_before_the_scoring_begins_nor_signed_before_all_have_handed_in():
    """Both were offered and then refused (found by walking)."""
    stage = make.make_stage()
    need = make.make_checked_need(stage, make.make_programme(stage))
    panel = make.draw_panel(stage, need, PanelPurpose.ARGUMENTATION)
    make.declare_all(panel)
    seat = panel.seats.filter(state="declared").select_related("expert__user").first()
    client = Client()
    client.force_login(seat.expert.user)
    address = reverse("challenges:seat", args=[seat.public_id])
    submit = reverse("challenges:act", args=["seat", seat.public_id, "submit"])
    sign = reverse("challenges:act", args=["seat", seat.public_id, "sign"])
    page = client.get(address).content.decode()
    assert "组织单位开始评审后，这里出现评分表" in page
    assert "data-autosave" not in page
    assert client.get(submit).status_code == 404
    needs.need_argue(challenge_id=need.pk, acting_user=stage.handler)
    page = client.get(address).content.decode()
    assert page.count('<span class="field-required">必填</span>') == len(review.criteria_of(panel))
    scores = {row["key"]: row["weight"] for row in review.criteria_of(panel)}
    review.sheet_save(
        seat_public_id=seat.public_id, acting_user=seat.expert.user, bid_public_id=None, scores=scores, comment="可行。"
    )
    review.seat_submit(seat_public_id=seat.public_id, acting_user=seat.expert.user)
    assert "其他专家全部提交后才能签署" in client.get(address).content.decode()
    assert client.get(sign).status_code == 404
