"""A panel whose reserve is used up is made whole by a supplementary draw, and neither begins nor signs before."""

import io

import pytest
from django.core.management import call_command
from django.urls import reverse

from challenges import drawing
from challenges.draws_record import verify_draws
from challenges.enums import ChallengeState, EnvelopeKind, PanelPurpose, SeatState
from challenges.models import ChainEntry, Panel, SupplementaryDraw
from challenges.services import bids, review, supplementary_draw
from challenges.services.reserve import IN_OFFICE, missing_seats
from core.clock import frozen
from core.errors import DomainError, GuardFailed, NotPermitted, ObjectNotFound
from core.relay import drain
from notifications.models import Notification
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def opened(clock, settings, tmp_path):
    """One opened and checked bid, a pool of exactly the five experts a panel needs: no reserve."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    stage = make.make_stage(expert_count=5)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder())
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        challenge.refresh_from_db()
        yield stage, challenge


@pytest.fixture
def short(opened):
    """The stage, the challenge and its panel, one of whose five experts has declined."""
    stage, challenge = opened
    panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
    decline(seat_of(panel))
    return stage, challenge, panel


def seat_of(panel):
    return panel.seats.filter(state__in=IN_OFFICE).select_related("expert__user").order_by("pk").first()


def decline(seat):
    review.seat_decline(seat_public_id=seat.public_id, acting_user=seat.expert.user, reason="出差", recusal=False)


def commit(stage, panel):
    return supplementary_draw.supplement_commit(panel_public_id=panel.public_id, acting_user=stage.handler)


def draw(user, panel):
    return supplementary_draw.supplement_draw(
        panel_public_id=panel.public_id, acting_user=user, witness_words="立冬 多云"
    )


def test_a_panel_that_lost_its_reserve_is_completed_by_a_supplementary_draw_and_signs(opened):
    stage, challenge = opened
    panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
    make.declare_all(panel)
    review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
    gone = seat_of(panel)
    decline(gone)
    newcomer = make.make_expert(stage)
    commit(stage, panel)
    made = draw(stage.supervisor, panel)
    seat = panel.seats.get(replaces=gone)
    assert (seat.expert, seat.state, missing_seats(panel)) == (newcomer, SeatState.NOTIFIED, 0)
    assert made.draw_record["chosen"] == [str(newcomer.public_id)]
    make.declare_all(panel)
    make.score_all(panel)
    challenge.refresh_from_db()
    make.open_envelopes(stage, challenge, EnvelopeKind.PRICE)
    review.review_complete(challenge_id=challenge.pk, acting_user=stage.handler)
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.REVIEWED


def test_nobody_signs_while_the_panel_is_short_so_that_scores_are_not_locked_with_four(opened):
    stage, challenge = opened
    panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
    make.declare_all(panel)
    review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
    decline(seat_of(panel))
    with pytest.raises(GuardFailed) as refusal:
        make.score_all(panel)
    assert [reason.code for reason in refusal.value.reasons] == ["panel_short"]
    panel.refresh_from_db()
    assert (panel.locked_at, panel.seats.filter(state=SeatState.SIGNED).count()) == (None, 0)


def test_the_review_does_not_start_short_of_the_prescribed_number(short):
    stage, challenge, panel = short
    make.declare_all(panel)
    with pytest.raises(GuardFailed) as refusal:
        review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
    assert "还缺 1 名" in refusal.value.reasons[0].message
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.FORMAL_CHECKED


def test_the_handler_hears_that_the_panel_is_short_and_the_supervisor_that_a_draw_waits(short):
    stage, _challenge, panel = short
    drain()
    told = Notification.objects.get(topic="challenge.panel_short")
    assert (told.recipient, "还缺 1 名专家" in told.body) == (stage.handler, True)
    commit(stage, panel)
    drain()
    assert Notification.objects.get(topic="challenge.draw_waits").recipient == stage.supervisor


def test_while_a_reserve_is_there_it_takes_the_seat_and_no_draw_is_made(opened):
    stage, challenge = opened
    make.make_expert(stage)
    panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
    decline(seat_of(panel))
    assert missing_seats(panel) == 0
    with pytest.raises(DomainError) as refusal:
        commit(stage, panel)
    assert refusal.value.code == "not_supplementable"
    assert SupplementaryDraw.objects.count() == 0


def test_who_was_drawn_before_is_not_drawn_again(short):
    stage, _challenge, panel = short
    decline(seat_of(panel))
    commit(stage, panel)
    make.make_expert(stage)
    with pytest.raises(DomainError) as refusal:
        draw(stage.supervisor, panel)
    assert (refusal.value.code, "需要 2 名" in refusal.value.message) == ("pool_too_small", True)
    assert panel.seats.count() == 5
    make.make_expert(stage)
    made = draw(stage.supervisor, panel)
    assert (len(made.draw_record["pool"]), missing_seats(panel)) == (2, 0)


def test_the_seats_keep_the_share_of_technical_experts(short):
    stage, _challenge, panel = short
    decline(seat_of(panel))
    for _number in range(3):
        make.make_expert(stage, "finance")
    technical = make.make_expert(stage)
    commit(stage, panel)
    made = draw(stage.supervisor, panel)
    # Four of five are technical or economic: three still sit, so one of the two drawn is.
    assert made.draw_record["technical_needed"] == 1
    assert str(technical.public_id) in made.draw_record["chosen"]


def test_committed_by_the_handler_witnessed_by_a_supervisor_and_by_nobody_else(short):
    stage, _challenge, panel = short
    make.make_expert(stage)
    for stranger in (stage.supervisor, stage.clerk):
        with pytest.raises(ObjectNotFound):
            supplementary_draw.supplement_commit(panel_public_id=panel.public_id, acting_user=stranger)
    commit(stage, panel)
    with pytest.raises(NotPermitted):
        draw(stage.handler, panel)
    assert (panel.seats.count(), SupplementaryDraw.objects.get().drawn_at) == (5, None)


def test_commitment_and_draw_stand_in_the_chain_and_are_verified(short):
    stage, challenge, panel = short
    make.make_expert(stage)
    commit(stage, panel)
    made = draw(stage.supervisor, panel)
    links = {row.kind: row.body for row in ChainEntry.objects.filter(kind__startswith="supplementary")}
    assert links["supplementary_draw_committed"] == {
        "panel": str(panel.public_id),
        "number": 1,
        "seats": 1,
        "commitment": drawing.commitment(made.seed),
    }
    assert links["supplementary_experts_drawn"]["seed"] == made.seed
    assert all(row.ok for row in verify_draws(challenge))
    call_command("verify_challenge", challenge.code, stdout=io.StringIO())


@pytest.mark.parametrize("values", [{"seed": "f" * 64}, {"seed_commitment": "0" * 64}], ids=["seed", "commitment"])
@pytest.mark.parametrize("model", [Panel, SupplementaryDraw])
def test_a_draw_changed_afterwards_is_found_by_its_replay(short, model, values):
    stage, challenge, panel = short
    make.make_expert(stage)
    commit(stage, panel)
    draw(stage.supervisor, panel)
    assert all(row.ok for row in verify_draws(challenge))
    model.objects.update(**values)
    assert not all(row.ok for row in verify_draws(challenge))


def test_a_seat_given_to_who_was_never_drawn_is_found(short):
    stage, challenge, panel = short
    seat = seat_of(panel)
    seat.expert = make.make_expert(stage)
    seat.save(update_fields=["expert"])
    assert [row.detail for row in verify_draws(challenge) if not row.ok] == ["席位上的专家与抽取记录不符。"]


def test_who_declines_reads_before_that_nobody_can_take_the_seat(opened, client):
    stage, challenge = opened
    panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
    seat = seat_of(panel)
    decline_page, declare_page = (
        reverse("challenges:act", args=["seat", seat.public_id, step]) for step in ("decline", "declare")
    )
    client.force_login(seat.expert.user)
    assert "候补专家已用完" in client.get(decline_page).content.decode()
    assert "候补专家已用完" not in client.get(declare_page).content.decode()


def test_the_panels_page_leads_through_the_supplementary_draw(short, client):
    stage, _challenge, panel = short
    newcomer = make.make_expert(stage)
    page = reverse("challenges:panel", args=[panel.public_id])
    begin = reverse("challenges:act", args=["panel", panel.public_id, "supplement"])
    make_draw = reverse("challenges:act", args=["panel", panel.public_id, "supplement_draw"])
    client.force_login(stage.handler)
    shown = client.get(page).content.decode()
    assert (begin in shown, make_draw in shown, "还缺 1 名" in shown) == (True, False, True)
    client.post(begin)
    shown = client.get(page).content.decode()
    assert (begin in shown, make_draw in shown, "第 1 次补抽" in shown) == (False, False, True)
    client.force_login(stage.supervisor)
    assert make_draw in client.get(reverse("challenges:board")).content.decode()
    assert make_draw in client.get(page).content.decode()
    client.post(make_draw, {"witness_words": "小雪"})
    shown = client.get(page).content.decode()
    assert (newcomer.name in shown, "还缺" in shown, make_draw in shown) == (True, False, False)
