"""Receiving bids: replace, withdraw, reconfirm, freeze, hide; and what is refused on the way."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from challenges import records, selectors
from challenges.enums import BidState, ChallengeState, EnvelopeKind
from challenges.models import Affiliation, Bid, BidDraft, BidVersion, Challenge, SealedEnvelope
from challenges.sealing.verification import verify_record
from challenges.services import bids, clarification, openers
from core.clock import frozen
from core.errors import DomainError, EditConflict, GuardFailed, InvalidInput, ObjectNotFound
from core.models import AuditEntry
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def stage(clock):
    return make.make_stage(expert_count=0)


@pytest.fixture
def challenge(stage):
    return make.make_open_challenge(stage)


def clarify(stage, challenge, reason, **options):
    """A new version of the call with nothing else changed in it."""
    return clarification.challenge_clarify(
        challenge_id=challenge.pk, acting_user=stage.handler, values={}, reason=reason, **options
    )


def finalise(challenge, user, uploaded, key="key"):
    return bids.bid_finalise(challenge_id=challenge.pk, acting_user=user, envelope_ids=uploaded, idempotency_key=key)


def test_a_retry_gives_the_same_receipt_also_after_the_deadline(challenge):
    bidder = make.make_bidder()
    uploaded = make.upload_bid(challenge, bidder)
    first = finalise(challenge, bidder, uploaded)
    with frozen(make.after_deadline(challenge)):
        again = finalise(challenge, bidder, uploaded)
    assert (again.pk, again.receipt) == (first.pk, first.receipt)
    assert BidVersion.objects.count() == 1


def test_the_last_version_before_the_deadline_counts_and_a_withdrawn_bid_does_not(stage, challenge):
    replacing, leaving = make.make_bidder("改标公司"), make.make_bidder("撤标公司")
    make.hand_in(challenge, replacing)
    make.hand_in(challenge, leaving)
    make.hand_in(challenge, replacing, manifest=make.manifest_of(replacing, plan="第二版方案，改用红外补光。"))
    confirmation = bids.bid_withdraw(challenge_id=challenge.pk, acting_user=leaving)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        rows = list(selectors.bids_of(stage.handler, challenge))
        record = records.challenge_record(challenge)
    assert [(row.organisation.name, row.version, row.technical_content["plan"]) for row in rows] == [
        ("改标公司", 2, "第二版方案，改用红外补光。")
    ]
    assert verify_record({**record, "receipts": [confirmation]}).failures == []
    with pytest.raises(DomainError):
        bids.bid_withdraw(challenge_id=challenge.pk, acting_user=replacing)


def test_a_withdrawn_bid_may_come_back_until_the_deadline(challenge):
    bidder = make.make_bidder()
    make.hand_in(challenge, bidder)
    bids.bid_withdraw(challenge_id=challenge.pk, acting_user=bidder)
    assert make.hand_in(challenge, bidder).number == 2
    assert Bid.objects.get().state == BidState.SEALED


def test_freezing_late_by_the_first_reader_gives_the_same_root_as_the_clock(challenge, client):
    make.hand_in(challenge, make.make_bidder())
    bodies = bids.final_bodies(challenge)
    with frozen(challenge.deadline_at + timedelta(hours=3)):
        assert client.get(reverse("challenges:challenge", args=[challenge.code])).status_code == 200
        challenge.refresh_from_db()
        assert (challenge.state, bids.challenges_freeze_due()) == (ChallengeState.CLOSED, 0)
    assert bids.final_bodies(challenge) == bodies
    assert challenge.chain.filter(kind="frozen").count() == 1


def test_too_few_bids_are_returned_unopened(stage):
    challenge = make.make_open_challenge(stage, parameters={"minimum_applicants_to_open": 3})
    make.hand_in(challenge, make.make_bidder())
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.NO_BID
    assert list(challenge.bids.values_list("state", "technical_cipher")) == [(BidState.RETURNED, None)]


def test_a_material_change_extends_the_deadline_and_asks_for_reconfirmation(stage, challenge):
    confirming, silent = make.make_bidder("确认公司"), make.make_bidder("沉默公司")
    make.hand_in(challenge, confirming)
    make.hand_in(challenge, silent)
    near = challenge.deadline_at - timedelta(days=3)
    with frozen(near):
        clarification.challenge_clarify(
            challenge_id=challenge.pk,
            acting_user=stage.handler,
            values={"expected_result": "增加一套标注数据集。"},
            reason="明确成果形式。",
            material=True,
        )
        challenge.refresh_from_db()
        assert challenge.deadline_at == near + timedelta(days=15)
        bids.bid_reconfirm(challenge_id=challenge.pk, acting_user=confirming)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        record = records.challenge_record(challenge)
    assert dict(challenge.bids.values_list("organisation__name", "state")) == {
        "确认公司": BidState.OPENED,
        "沉默公司": BidState.RETURNED,
    }
    assert verify_record(record).failures == []


def test_replaced_officers_make_new_keys_and_every_bid_is_sealed_again(stage, challenge):
    bidder = make.make_bidder()
    make.hand_in(challenge, bidder)
    stand_in = make.make_person("operator", organisation=make.make_organisation(region_code="370000"))
    make.give_key(stage, stand_in)
    old = challenge.annual_list.openers.get(user=stage.platform)
    openers.opener_replace(
        opener_id=old.pk,
        acting_user=stage.handler,
        user=stand_in,
        organisation=stand_in.current_organisation,
        reason="调离岗位。",
    )
    standing = openers.standing_openers(challenge.annual_list)
    clarify(
        stage,
        challenge,
        "更换开启人，重新生成封标密钥。",
        material=False,
        made_keys=make.made_keys(challenge, standing, 2),
    )
    challenge.refresh_from_db()
    with pytest.raises(DomainError) as refusal:
        bids.bid_reconfirm(challenge_id=challenge.pk, acting_user=bidder)
    assert refusal.value.code == "rekeyed"
    assert make.hand_in(challenge, bidder).number == 2
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL, [stage.supervisor, stand_in])
        assert verify_record(records.challenge_record(challenge)).failures == []
    assert Bid.objects.get().state == BidState.OPENED


def change_while_waiting(monkeypatch, change):
    """`change` happens after a hand-in has been judged and before it holds the challenge's row."""
    lock = bids.locked_challenge

    def waited(challenge_id):
        monkeypatch.setattr(bids, "locked_challenge", lock)
        change()
        return lock(challenge_id)

    monkeypatch.setattr(bids, "locked_challenge", waited)


@pytest.mark.parametrize(("material", "taken"), [(False, True), (True, False)])
def test_a_change_of_the_call_while_a_hand_in_waits_is_read_before_it_counts(
    material, taken, stage, challenge, monkeypatch
):
    bidder = make.make_bidder()
    uploaded = make.upload_bid(challenge, bidder)

    change_while_waiting(monkeypatch, lambda: clarify(stage, challenge, "补充说明。", material=material))
    if taken:
        assert finalise(challenge, bidder, uploaded).content_version == 1
        assert not bids.unconfirmed(Bid.objects.get())
    else:
        with pytest.raises(DomainError) as refusal:
            finalise(challenge, bidder, uploaded)
        assert refusal.value.code == "call_changed"
        assert (Bid.objects.count(), BidVersion.objects.count()) == (0, 0)
        assert not challenge.chain.filter(kind="bid_received").exists()
        assert SealedEnvelope.objects.filter(bid_version=None).count() == 2


def test_a_bid_written_against_an_older_call_is_taken_only_if_nothing_material_changed(stage, challenge):
    bidder = make.make_bidder()
    for material, code in ((False, ""), (True, "call_changed")):
        clarify(stage, challenge, "说明。", material=material)
        hand_in = {
            "challenge_id": challenge.pk,
            "acting_user": bidder,
            "envelope_ids": make.upload_bid(challenge, bidder),
            "idempotency_key": f"material {material}",
            "read_content_version": 1,
        }
        if code:
            with pytest.raises(DomainError) as refusal:
                bids.bid_finalise(**hand_in)
            assert refusal.value.code == code
        else:
            assert bids.bid_finalise(**hand_in).number == 1
    assert BidVersion.objects.get().content_version == 1


def test_keys_that_change_while_a_hand_in_waits_make_it_stale(stage, challenge, monkeypatch):
    bidder = make.make_bidder()
    uploaded = make.upload_bid(challenge, bidder)
    standing = openers.standing_openers(challenge.annual_list)

    def rekey():
        clarify(
            stage, challenge, "重新生成封标密钥。", material=False, made_keys=make.made_keys(challenge, standing, 2)
        )

    change_while_waiting(monkeypatch, rekey)
    with pytest.raises(DomainError) as refusal:
        finalise(challenge, bidder, uploaded)
    assert refusal.value.code == "envelope_stale"
    assert (Bid.objects.count(), BidVersion.objects.count()) == (0, 0)


def test_while_it_holds_the_challenge_a_hand_in_asks_the_database_little(challenge, monkeypatch):
    """Hundreds share that row in the last minute: clock, changes, last link twice, link, version, envelopes, event."""
    bidder = make.make_bidder()
    uploaded = make.upload_bid(challenge, bidder)
    statements = []
    lock = bids.locked_challenge

    def locked(challenge_id):
        held = lock(challenge_id)
        statements.clear()
        return held

    def count(execute, sql, params, many, context):
        statements.append(sql)
        return execute(sql, params, many, context)

    monkeypatch.setattr(bids, "locked_challenge", locked)
    with connection.execute_wrapper(count):
        finalise(challenge, bidder, uploaded)
    assert len(statements) <= 9, statements


def test_a_colleagues_draft_is_not_overwritten(challenge):
    bidder = make.make_bidder()
    bids.sealing_ticket(challenge_id=challenge.pk, acting_user=bidder)
    save = {"challenge_id": challenge.pk, "acting_user": bidder}
    bids.draft_save(**save, ciphertext="一", expected_revision=0)
    with pytest.raises(EditConflict):
        bids.draft_save(**save, ciphertext="二", expected_revision=0)
    assert BidDraft.objects.get().ciphertext == "一"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"%PDF-1.7 not sealed at all",
        lambda data: data[:-1],
        lambda data: data + b"\x00",
        lambda data: data[: len(data) // 2],
        lambda data: b"",
    ],
)
def test_what_is_not_a_whole_envelope_is_refused_and_nothing_kept(spoil, challenge):
    bidder = make.make_bidder()
    ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=bidder)
    key = challenge.envelope_keys.get(kind="technical")
    data = make.seal(ticket.context("technical"), key.public_key, make.manifest_of(bidder))
    with pytest.raises(InvalidInput):
        bids.envelope_receive(challenge_id=challenge.pk, acting_user=bidder, kind="technical", chunks=[spoil(data)])
    assert not SealedEnvelope.objects.exists()


def test_an_envelope_of_another_challenge_organisation_or_kind_is_refused(stage, challenge):
    bidder, other = make.make_bidder(), make.make_bidder()
    ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=bidder)
    key = challenge.envelope_keys.get(kind="technical")
    data = make.seal(ticket.context("technical"), key.public_key, make.manifest_of(bidder))
    second = make.make_open_challenge(stage)
    for place, user, kind in (
        (challenge, other, "technical"),
        (challenge, bidder, "price"),
        (second, bidder, "technical"),
    ):
        with pytest.raises(InvalidInput):
            bids.envelope_receive(challenge_id=place.pk, acting_user=user, kind=kind, chunks=[data])
    assert not SealedEnvelope.objects.exists()


def test_the_demander_and_a_related_party_cannot_bid(stage, challenge):
    own = make.make_person("vendor_staff", organisation=stage.demander)
    related = make.make_bidder("子公司")
    Affiliation.objects.create(
        parent_code=stage.demander.unified_code,
        parent_name=stage.demander.name,
        child_code=related.current_organisation.unified_code,
        child_name="子公司",
        kind="control",
    )
    for user, code in ((own, "bidder_is_demander"), (related, "related_party")):
        with pytest.raises(GuardFailed) as refusal:
            make.hand_in(challenge, user)
        assert code in [reason.code for reason in refusal.value.reasons]
    assert not Bid.objects.exists()


def test_before_the_opening_no_page_export_or_trail_tells_of_a_bid(stage, challenge, client):
    bidder = make.make_bidder("不可提及公司")
    make.hand_in(challenge, bidder)
    assert not AuditEntry.objects.filter(detail__icontains="bid").exclude(action__contains="read_denied").exists()
    for user in (stage.handler, stage.approver, stage.supervisor, stage.clerk, stage.platform):
        client.force_login(user)
        for name in ("challenge", "board"):
            arguments = [challenge.code] if name == "challenge" else []
            page = client.get(reverse(f"challenges:{name}", args=arguments)).content.decode()
            assert "不可提及公司" not in page
        assert client.get(reverse("challenges:bids", args=[challenge.code])).status_code == 403
        bid = Bid.objects.get()
        assert client.get(reverse("challenges:bid", args=[bid.public_id])).status_code == 404
        assert client.get(reverse("challenges:record", args=[challenge.code])).status_code == 409


def test_a_stranger_does_not_get_a_receipt_and_a_directed_commission_stays_hidden(stage, challenge, client):
    bidder, stranger = make.make_bidder(), make.make_bidder()
    version = make.hand_in(challenge, bidder)
    address = reverse("challenges:receipt", args=[version.bid.public_id, 1])
    client.force_login(stranger)
    assert client.get(address).status_code == 404
    client.force_login(bidder)
    assert client.get(address).json() == version.receipt
    Challenge.objects.filter(pk=challenge.pk).update(
        selection_method="directed", directed_to=bidder.current_organisation
    )
    with pytest.raises(ObjectNotFound):
        bids.sealing_ticket(challenge_id=challenge.pk, acting_user=stranger)
    assert challenge not in selectors.public_challenges()
    assert bids.sealing_ticket(challenge_id=challenge.pk, acting_user=bidder).version == 2


def test_the_command_verifies_and_finds_a_removed_bid(stage, challenge, tmp_path):
    kept = make.hand_in(challenge, make.make_bidder())
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps(kept.receipt), encoding="utf-8")
    output = io.StringIO()
    call_command("verify_challenge", challenge.code, receipt=[receipt], json=True, stdout=output)
    assert json.loads(output.getvalue())["ok"] is True
    challenge.chain.filter(kind="bid_received").delete()
    with pytest.raises(SystemExit) as stopped:
        call_command("verify_challenge", challenge.code, json=True, stdout=io.StringIO())
    assert stopped.value.code == 1
    with pytest.raises(SystemExit) as stopped:
        call_command("verify_challenge", "JB2026-999", stderr=io.StringIO())
    assert stopped.value.code == 2
