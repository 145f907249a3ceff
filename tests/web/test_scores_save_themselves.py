"""What the page of a seat promises: 评分边填边存 (found by walking: nothing was stored before the button)."""

import pytest
from django.test import Client
from django.urls import reverse

from challenges.enums import EnvelopeKind, PanelPurpose
from challenges.services import bids, review
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
