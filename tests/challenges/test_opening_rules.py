"""S6 of security.md: whatever is wrong with an opening is refused, kept in chain and trail, and changes nothing."""

from datetime import timedelta

import pytest

from accounts.enums import Role
from challenges.enums import BidState, ChallengeState, EnvelopeKind
from challenges.models import Bid, Challenge, OpeningLayer, SealedEnvelope
from challenges.sealing import keys
from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.services import bids, openers, openings
from core.clock import frozen
from core.errors import DomainError, InvalidInput, ObjectNotFound
from core.models import AuditEntry
from tests.factories import challenges as make
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def sealed(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder()
    make.hand_in(challenge, bidder)
    return stage, challenge, bidder


def subset(stage, challenge, *users, kind="technical"):
    wanted = {str(user.officer_keys.get().public_id) for user in users}
    key = openings.key_for_opening(challenge, kind)
    return next(one["officers"] for one in key.wrapped if set(one["officers"]) == wanted)


def nothing_opened():
    return list(Bid.objects.values_list("technical_cipher", "price_cipher").distinct()) == [(None, None)]


def start(challenge, user, officers, kind="technical"):
    return openings.opening_start(challenge_id=challenge.pk, acting_user=user, kind=kind, officers=officers)


def refused(code, call):
    before = AuditEntry.objects.filter(action="challenges.opening.refused").count()
    with pytest.raises(DomainError) as refusal:
        call()
    assert refusal.value.code == code
    assert AuditEntry.objects.filter(action="challenges.opening.refused").count() == before + 1
    assert nothing_opened()


def test_before_the_deadline_nothing_opens(sealed):
    stage, challenge, _bidder = sealed
    officers = subset(stage, challenge, stage.handler, stage.supervisor)
    refused("opening_before_freeze", lambda: start(challenge, stage.handler, officers))


def test_after_the_deadline_but_before_the_freeze_nothing_opens(sealed):
    stage, challenge, _bidder = sealed
    officers = subset(stage, challenge, stage.handler, stage.supervisor)
    with frozen(make.after_deadline(challenge)):
        refused("opening_before_freeze", lambda: start(challenge, stage.handler, officers))


def test_officers_of_one_organisation_have_no_share(clock):
    stage = make.make_stage(expert_count=0)
    stage.platform = make_person(Role.OPERATOR, organisation=stage.department)
    stage.further_openers = [make_person(Role.SUPERVISOR, organisation=make_organisation(region_code="370000"))]
    challenge = make.make_open_challenge(stage, parameters={"opening_officers": 4})
    make.hand_in(challenge, make.make_bidder())
    key = openings.key_for_opening(challenge, "technical")
    pair = [str(user.officer_keys.get().public_id) for user in (stage.handler, stage.platform)]
    assert all(set(one["officers"]) != set(pair) for one in key.wrapped)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        refused("opening_subset", lambda: start(challenge, stage.handler, pair))


def test_prices_stay_closed_until_scores_are_locked(sealed):
    stage, challenge, _bidder = sealed
    officers = subset(stage, challenge, stage.handler, stage.supervisor, kind="price")
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        refused("opening_state", lambda: start(challenge, stage.handler, officers, kind="price"))
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        with pytest.raises(DomainError) as refusal:
            start(challenge, stage.handler, officers, kind="price")
    assert refusal.value.code == "opening_state"
    assert Bid.objects.get().price_content is None


def test_a_peel_of_the_wrong_officer_is_refused(sealed):
    stage, challenge, _bidder = sealed
    officers = subset(stage, challenge, stage.handler, stage.supervisor)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        opening = start(challenge, stage.handler, officers)
        other = stage.supervisor if officers[0] == str(stage.handler.officer_keys.get().public_id) else stage.handler
        peeled = make.peel(stage, challenge, opening, 0)
        refused(
            "opening_turn",
            lambda: openings.opening_peel(opening_public_id=opening.public_id, acting_user=other, peeled=peeled),
        )
        refused(
            "opening_turn",
            lambda: openings.opening_peel(
                opening_public_id=opening.public_id, acting_user=stage.platform, peeled=peeled
            ),
        )
    assert not OpeningLayer.objects.exists()


def test_a_tampered_and_a_replayed_peel_are_refused(sealed):
    stage, challenge, _bidder = sealed
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        earlier = start(challenge, stage.handler, subset(stage, challenge, stage.supervisor, stage.platform))
        replayed = make.peel(stage, challenge, earlier, 0)
        officers = subset(stage, challenge, stage.handler, stage.supervisor)
        first = next(user for user in stage.opener_users if str(user.officer_keys.get().public_id) == officers[0])
        opening = start(challenge, stage.handler, officers)
        right = decode_bytes(make.peel(stage, challenge, opening, 0))
        tampered = encode_bytes(right[:-1] + bytes([right[-1] ^ 1]))
        for wrong in (tampered, replayed, "", "不是编码"):
            refused(
                "opening_peel",
                lambda wrong=wrong: openings.opening_peel(
                    opening_public_id=opening.public_id, acting_user=first, peeled=wrong
                ),
            )
        with pytest.raises(DomainError):
            openings.opening_peel(opening_public_id=earlier.public_id, acting_user=first, peeled=replayed)
    assert not OpeningLayer.objects.exists()


def test_the_layer_of_one_challenge_does_not_open_another(clock):
    stage = make.make_stage(expert_count=0)
    one, other = make.make_open_challenge(stage), make.make_open_challenge(stage)
    key, context = openings.key_for_opening(one, "technical"), None
    wrapped = key.wrapped[0]
    for challenge in (other, one):
        context = keys.KeyContext(key.suite, str(challenge.public_id), key.kind, key.fingerprint)
        info = context.layer_info(wrapped["officers"], 0)
        private = stage.private_keys[wrapped["officers"][0]]
        if challenge is other:
            with pytest.raises(Exception, match="无法解密"):
                keys.peel(key.suite, decode_bytes(wrapped["blob"]), private, info)
        else:
            assert keys.peel(key.suite, decode_bytes(wrapped["blob"]), private, info)


def test_an_administrator_and_a_stranger_find_no_ceremony(sealed):
    stage, challenge, bidder = sealed
    administrator = make_person(Role.SYSTEM_ADMINISTRATOR, organisation=make_organisation(region_code="370000"))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        for user in (administrator, bidder, stage.approver):
            with pytest.raises(ObjectNotFound):
                start(challenge, user, subset(stage, challenge, stage.handler, stage.supervisor))
    assert nothing_opened()


def test_an_officer_who_became_an_administrator_opens_nothing(sealed):
    stage, challenge, _bidder = sealed
    officers = subset(stage, challenge, stage.handler, stage.platform)
    membership = stage.platform.memberships.get()
    membership.grants.all().delete()
    membership.grants.create(role=Role.AUDIT_ADMINISTRATOR)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        with pytest.raises(ObjectNotFound):
            start(challenge, stage.platform, officers)


def test_a_changed_ciphertext_does_not_hold_up_the_others(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    whole, damaged = make.make_bidder("完好公司"), make.make_bidder("受损公司")
    make.hand_in(challenge, whole)
    make.hand_in(challenge, damaged)
    envelope = SealedEnvelope.objects.get(
        kind="technical", organisation=damaged.current_organisation, bid_version__isnull=False
    )
    with envelope.file.open("rb") as file:
        data = bytearray(file.read())
    data[-20] ^= 1
    with open(envelope.file.path, "wb") as file:
        file.write(data)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    states = dict(Bid.objects.values_list("organisation__name", "state"))
    assert states == {"完好公司": BidState.OPENED, "受损公司": BidState.UNREADABLE}
    bid = Bid.objects.get(organisation__name="受损公司")
    assert (bid.unreadable_by_bidder, "摘要不符" in bid.unreadable_reason) == (False, True)


def test_an_envelope_its_bidder_sealed_wrongly_is_revoked_by_the_bidders_own_fault(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder()
    uploaded = make.upload_bid(challenge, bidder)
    envelope = SealedEnvelope.objects.get(kind="technical")
    with envelope.file.open("rb") as file:
        data = bytearray(file.read())
    data[-20] ^= 1
    envelope.file.delete(save=False)
    SealedEnvelope.objects.filter(pk=envelope.pk).delete()
    broken = bids.envelope_receive(
        challenge_id=challenge.pk, acting_user=bidder, kind="technical", chunks=[bytes(data)]
    )
    bids.bid_finalise(
        challenge_id=challenge.pk,
        acting_user=bidder,
        envelope_ids=[broken.public_id, uploaded[1]],
        idempotency_key="one",
    )
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    bid = Bid.objects.get()
    assert (bid.state, bid.unreadable_by_bidder) == (BidState.UNREADABLE, True)


def test_an_absent_officer_is_stood_in_for_by_the_third(sealed):
    stage, challenge, _bidder = sealed
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        start(challenge, stage.handler, subset(stage, challenge, stage.handler, stage.supervisor))
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL, [stage.supervisor, stage.platform])
    assert challenge.state == ChallengeState.OPENED
    assert list(challenge.openings.order_by("pk").values_list("state", flat=True)) == ["failed", "done"]


def test_keys_that_leave_a_subset_out_or_name_another_officer_are_refused(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    Challenge.objects.filter(pk=challenge.pk).update(state="selected")
    standing = openers.standing_openers(challenge.annual_list)
    made = make.made_keys(challenge, standing, 2)
    made[0]["wrapped"] = made[0]["wrapped"][1:]
    before = challenge.envelope_keys.count()
    with pytest.raises(InvalidInput):
        openers.envelope_keys_store(challenge_id=challenge.pk, acting_user=stage.handler, made=made)
    assert challenge.envelope_keys.count() == before


def test_a_wrong_answer_does_not_prove_possession_and_an_old_question_is_dead(clock):
    stage = make.make_stage(expert_count=0)
    pair, other = keys.generate_key_pair(), keys.generate_key_pair()
    proof = openers.officer_key_register(acting_user=stage.handler, public_key=encode_bytes(pair.public_key))
    with pytest.raises(DomainError) as wrong:
        openers.officer_key_prove(
            proof_public_id=proof.public_id, acting_user=stage.handler, answer=encode_bytes(other.public_key)
        )
    assert wrong.value.code == "proof_wrong"
    answer = encode_bytes(
        keys.answer_possession(proof.key.suite, str(proof.key.public_id), decode_bytes(proof.sealed), pair.private_key)
    )
    with frozen(clock + timedelta(minutes=31)), pytest.raises(DomainError) as late:
        openers.officer_key_prove(proof_public_id=proof.public_id, acting_user=stage.handler, answer=answer)
    assert late.value.code == "proof_expired"
    proof.key.refresh_from_db()
    assert proof.key.proven_at is None
