"""A withdrawal's confirmation stays with the bidder: downloaded as often as wanted, by nobody else."""

import pytest
from django.urls import reverse

from challenges.models import Bid
from challenges.sealing.receipts import verify_withdrawal
from challenges.services import bids
from challenges.signing import signer
from core.clock import frozen, now
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def withdrawn(clock, settings, tmp_path):
    """Handed in, withdrawn, handed in again and withdrawn again."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    stage = make.make_stage(expert_count=0)
    challenge, bidder = make.make_open_challenge(stage), make.make_bidder()
    given = []
    for _round in range(2):
        make.hand_in(challenge, bidder)
        given.append(bids.bid_withdraw(challenge_id=challenge.pk, acting_user=bidder))
    return stage, challenge, bidder, given


def address(bid, version):
    return reverse("challenges:withdrawal", args=[bid.public_id, version])


def test_it_is_the_same_signed_confirmation_every_time(withdrawn, client):
    _stage, _challenge, bidder, given = withdrawn
    client.force_login(bidder)
    for version, confirmation in enumerate(given, 1):
        for _time in range(2):
            answer = client.get(address(Bid.objects.get(), version))
            assert answer.json() == confirmation
            assert "attachment" in answer["Content-Disposition"]
        assert verify_withdrawal(answer.json(), signer().public_key)["version"] == version


@pytest.mark.parametrize("page", ["bid", "sealing", "closed"])
def test_every_page_of_the_bidder_offers_both(withdrawn, client, page):
    _stage, challenge, bidder, _given = withdrawn
    bid = Bid.objects.get()
    client.force_login(bidder)
    shown = reverse("challenges:bid", args=[bid.public_id])
    if page != "bid":
        shown = reverse("challenges:sealing", args=[challenge.code])
    moment = make.after_deadline(challenge) if page == "closed" else now()
    with frozen(moment):
        text = client.get(shown).content.decode()
    assert all(address(bid, version) in text for version in (1, 2))


def test_nobody_else_gets_it_and_there_is_none_where_nothing_was_withdrawn(withdrawn, client):
    stage, _challenge, bidder, _given = withdrawn
    bid = Bid.objects.get()
    for stranger in (make.make_bidder(), stage.handler, stage.supervisor):
        client.force_login(stranger)
        assert client.get(address(bid, 1)).status_code == 404
    client.force_login(bidder)
    assert client.get(address(bid, 3)).status_code == 404


def test_the_answer_of_a_withdrawal_names_where_it_stays(clock, client, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    challenge, bidder = make.make_open_challenge(make.make_stage(expert_count=0)), make.make_bidder()
    make.hand_in(challenge, bidder)
    client.force_login(bidder)
    answer = client.post(
        reverse("challenges:withdraw_bid", args=[challenge.code]), b"{}", content_type="application/json"
    ).json()
    assert client.get(answer["address"]).json() == answer["confirmation"]
    # The page's script shows what stands now in place of what it withdrew.
    page = client.get(reverse("challenges:sealing", args=[challenge.code])).content.decode()
    assert 'id="standing"' in page
    assert "已撤回" in page
    assert "data-withdraw>" not in page
