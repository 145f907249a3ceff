"""Every page of 揭榜挂帅 opens for those it is for, at every step of a challenge's life."""

import pytest
from django.urls import reverse

from challenges.enums import EnvelopeKind, PanelPurpose
from challenges.models import Award
from challenges.services import bids, decision
from core.clock import frozen
from tests.factories import challenges as make

pytestmark = pytest.mark.django_db


def opens(client, user, name, *args):
    client.force_login(user)
    response = client.get(reverse(f"challenges:{name}", args=args))
    assert response.status_code == 200, (name, response.status_code)
    return response.content.decode()


def test_pages_open_through_a_whole_life(client, clock):
    stage = make.make_stage()
    programme = make.make_programme(stage)
    need = make.make_need(stage, programme)
    for name, args in (
        ("board", ()),
        ("programme", (programme.public_id,)),
        ("need_create", (programme.public_id,)),
        ("need", (need.public_id,)),
        ("need_check", (need.public_id,)),
    ):
        opens(client, stage.clerk, name, *args)
    for name in ("catalogue", "lists", "publicities", "results"):
        opens(client, stage.clerk, name)
    opens(client, stage.handler, "programme_create")
    opens(client, stage.handler, "experts")
    need.delete()
    challenge = make.make_selected_need(stage, programme)
    opens(client, stage.handler, "terms", challenge.public_id)
    annual_list = make.make_annual_list(stage, [challenge])
    opens(client, stage.handler, "working_list", annual_list.code)
    opens(client, stage.handler, "envelope_keys", annual_list.code)
    opens(client, stage.handler, "officer_keys")
    opens(client, stage.handler, "board")
    opens(client, stage.supervisor, "board")
    make.publish_list(stage, annual_list)
    challenge.refresh_from_db()
    for form in ("xlsx", "docx", "pdf"):
        client.logout()
        assert client.get(reverse("challenges:list_download", args=[annual_list.code, form])).status_code == 200
    opens(client, stage.clerk, "list", annual_list.code)
    opens(client, stage.clerk, "challenge", challenge.code)
    opens(client, stage.clerk, "verifier")
    bidder = make.make_bidder()
    opens(client, bidder, "sealing", challenge.code)
    make.hand_in(challenge, bidder)
    opens(client, bidder, "challenge", challenge.code)
    opens(client, bidder, "board")
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        opens(client, stage.handler, "challenge", challenge.code)
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        bid = challenge.bids.get()
        for user in (stage.handler, bidder, stage.supervisor):
            opens(client, user, "bid", bid.public_id)
        opens(client, stage.handler, "bids", challenge.code)
        make.pass_formal_check(stage, challenge)
        panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
        make.declare_all(panel)
        from_panel = panel.seats.select_related("expert__user").first()
        opens(client, from_panel.expert.user, "seat", from_panel.public_id)
        opens(client, stage.handler, "panel", panel.public_id)
        make.review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
        opens(client, from_panel.expert.user, "seat", from_panel.public_id)
        assert "测试单位" not in opens(client, from_panel.expert.user, "bid", bid.public_id).split("<main")[-1]
        make.score_all(panel)
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.PRICE)
        make.review.review_complete(challenge_id=challenge.pk, acting_user=stage.handler)
        challenge.refresh_from_db()
        opens(client, stage.approver, "decide", challenge.code)
        make.decide(stage, challenge, [make.winner(bid)])
        publicity = decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
        opens(client, bidder, "publicity", publicity.public_id)
        opens(client, bidder, "object_to", publicity.public_id)
        filed = decision.objection_file(
            publicity_public_id=publicity.public_id,
            acting_user=bidder,
            filer_name="甲",
            filer_phone="0531-1",
            subject="资格",
            facts="不符合条件。",
            sworn=True,
        )
        opens(client, bidder, "objection", filed.public_id)
        opens(client, stage.supervisor, "objection", filed.public_id)
        decision.objection_conclude(
            objection_public_id=filed.public_id,
            acting_user=stage.supervisor,
            conclusion="inadmissible",
            findings="无事实。",
            reply="不予受理。",
        )
    with frozen(make.after_deadline(challenge) + make.timedelta(days=8)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        award = Award.objects.get()
        opens(client, stage.handler, "contract", award.public_id)
        project = make.contract(stage, award, bidder, starts_on=make.date(2026, 12, 31))
        for user in (bidder, stage.clerk, stage.handler, stage.approver, stage.supervisor):
            opens(client, user, "project", project.public_id)
            opens(client, user, "projects")
        opens(client, stage.handler, "challenge", challenge.code)
        client.logout()
        assert client.get(reverse("challenges:record", args=[challenge.code])).status_code == 200


def test_home_names_the_challenges_one_may_still_bid_for_and_no_others(client, clock):
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    assert challenge.code in client.get(reverse("home")).content.decode()
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        assert challenge.code not in client.get(reverse("home")).content.decode()
