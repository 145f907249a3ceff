"""Only who is in office now, for the organisation of the appointment, takes a step of a ceremony (issue 11, H1)."""

from typing import Any

import pytest
from django.urls import reverse

from accounts.enums import OrganisationState, Role
from accounts.models import Organisation
from challenges import selectors
from challenges.enums import BidState, EnvelopeKind, OpeningState
from challenges.models import ChainEntry, Challenge, EnvelopeKey, OfficerKey, OfficerKeyProof, Opener, Opening
from challenges.officers_record import verify_officers
from challenges.permissions import office_of
from challenges.records import challenge_record
from challenges.sealing import keys
from challenges.sealing.canonical import encode_bytes
from challenges.sealing.verification import verify_record
from challenges.services import bids, openers, openings, programmes
from core.clock import frozen, now
from core.errors import DomainError, GuardFailed, InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry
from tests.factories import challenges as make
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def frozen_call(clock: Any):
    """A challenge with one bid after its deadline; the clock stands there."""
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder())
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        yield stage, challenge


def subset(stage: make.Stage, challenge: Challenge, *users: Any) -> list[str]:
    wanted = {str(user.officer_keys.get().public_id) for user in users}
    key = openings.key_for_opening(challenge, "technical")
    return next(one["officers"] for one in key.wrapped if set(one["officers"]) == wanted)


def start(challenge: Challenge, user: Any, officers: list[str]) -> Opening:
    return openings.opening_start(challenge_id=challenge.pk, acting_user=user, kind="technical", officers=officers)


def take_off(stage: make.Stage, challenge: Challenge, opening: Opening) -> Opening:
    """The next layer, by whose turn it is."""
    position = opening.layers.count()
    owner = OfficerKey.objects.get(public_id=opening.officers[position]).user
    return openings.opening_peel(
        opening_public_id=opening.public_id,
        acting_user=owner,
        peeled=make.peel(stage, challenge, opening, position),
    )


def replace(stage: make.Stage, user: Any) -> Opener:
    fresh = make_person(Role.SUPERVISOR, organisation=make_organisation(region_code="370000"))
    make.give_key(stage, fresh)
    return openers.opener_replace(
        opener_id=Opener.objects.get(user=user, replaced_at=None).pk,
        acting_user=stage.handler,
        user=fresh,
        organisation=fresh.current_organisation,
        reason="调离岗位",
    )


def leave(stage: make.Stage, user: Any) -> None:
    user.memberships.update(ended_at=now())


def suspend(stage: make.Stage, user: Any) -> None:
    Organisation.objects.filter(pk=user.current_organisation_id).update(state=OrganisationState.SUSPENDED)


def become_administrator(stage: make.Stage, user: Any) -> None:
    user.memberships.get().grants.create(role=Role.SECURITY_ADMINISTRATOR)


def disabled(stage: make.Stage, user: Any) -> None:
    user.is_active = False
    user.save(update_fields=["is_active"])


OUT_OF_OFFICE = (replace, leave, suspend, become_administrator, disabled)


@pytest.mark.parametrize("out", OUT_OF_OFFICE, ids=lambda out: out.__name__)
def test_who_is_out_of_office_neither_starts_nor_sees_a_ceremony(frozen_call, client, out) -> None:
    stage, challenge = frozen_call
    officers = subset(stage, challenge, stage.supervisor, stage.platform)
    client.force_login(stage.platform)
    out(stage, stage.platform)
    stage.platform.refresh_from_db()
    with pytest.raises(ObjectNotFound):
        start(challenge, stage.platform, officers)
    assert (Opening.objects.count(), office_of(stage.platform, challenge.annual_list_id)) == (0, None)
    entry = AuditEntry.objects.filter(action="challenges.opening.refused").get()
    assert (entry.actor, entry.detail) == (stage.platform, {"code": "not_in_office"})
    state = reverse("challenges:opening_state", args=[challenge.code, "technical"])
    assert client.get(state).status_code in (302, 404)
    assert not selectors.openers_of(stage.platform).exists()


@pytest.mark.parametrize("out", OUT_OF_OFFICE, ids=lambda out: out.__name__)
def test_who_went_out_of_office_meanwhile_takes_no_layer_off(frozen_call, out) -> None:
    stage, challenge = frozen_call
    opening = start(challenge, stage.supervisor, subset(stage, challenge, stage.supervisor, stage.platform))
    opening = take_off(stage, challenge, opening)
    last = OfficerKey.objects.get(public_id=opening.officers[1]).user
    out(stage, last)
    with pytest.raises(ObjectNotFound):
        take_off(stage, challenge, opening)
    opening.refresh_from_db()
    assert (opening.state, opening.layers.count()) == (OpeningState.RUNNING, 1)
    assert not challenge.bids.exclude(technical_cipher=None).exists()


def test_a_group_with_somebody_out_of_office_is_not_begun(frozen_call) -> None:
    stage, challenge = frozen_call
    officers = subset(stage, challenge, stage.handler, stage.platform)
    replace(stage, stage.platform)
    with pytest.raises(DomainError) as refusal:
        start(challenge, stage.handler, officers)
    assert refusal.value.code == "opening_officer_left"
    assert not Opening.objects.exists()


def test_an_officer_who_has_left_neither_registers_nor_proves_a_key(frozen_call) -> None:
    stage, challenge = frozen_call
    key = stage.platform.officer_keys.get()
    proof = openers.officer_key_question(key_public_id=key.public_id, acting_user=stage.platform)
    proven = Opener.objects.get(user=stage.platform).last_proven_at
    leave(stage, stage.platform)
    count = (OfficerKey.objects.count(), OfficerKeyProof.objects.count())
    public = encode_bytes(keys.generate_key_pair().public_key)
    for step in (
        lambda: openers.officer_key_register(acting_user=stage.platform, public_key=public),
        lambda: openers.officer_key_question(key_public_id=key.public_id, acting_user=stage.platform),
        lambda: openers.officer_key_prove(proof_public_id=proof.public_id, acting_user=stage.platform, answer=""),
    ):
        with pytest.raises(NotPermitted):
            step()
    assert (OfficerKey.objects.count(), OfficerKeyProof.objects.count()) == count
    assert Opener.objects.get(user=stage.platform).last_proven_at == proven


def test_whoever_starts_anew_throws_away_nobodys_turn(frozen_call) -> None:
    """The supervisor has acted; the handler chooses another group; the platform's officer goes on with the first."""
    stage, challenge = frozen_call
    first = start(challenge, stage.supervisor, subset(stage, challenge, stage.supervisor, stage.platform))
    first = take_off(stage, challenge, first)
    for _time in range(3):
        other = start(challenge, stage.handler, subset(stage, challenge, stage.handler, stage.platform))
    first.refresh_from_db()
    assert (first.state, first.layers.count(), other.layers.count()) == (OpeningState.RUNNING, 1, 0)
    again = start(challenge, stage.handler, list(first.officers))
    assert (again.pk, again.layers.count()) == (first.pk, 1)
    done = take_off(stage, challenge, first)
    other.refresh_from_db()
    assert (done.state, other.state, other.current_blob) == (OpeningState.DONE, OpeningState.FAILED, "")
    assert set(challenge.bids.values_list("state", flat=True)) == {BidState.OPENED}
    challenge.refresh_from_db()
    assert verify_record(challenge_record(challenge)).failures == []
    assert [row for row in verify_officers(challenge) if not row.ok] == []


def test_the_page_shows_each_officer_the_ceremony_that_waits_for_them(frozen_call, client) -> None:
    stage, challenge = frozen_call
    first = start(challenge, stage.supervisor, subset(stage, challenge, stage.supervisor, stage.platform))
    first = take_off(stage, challenge, first)
    waiting = OfficerKey.objects.get(public_id=first.officers[1]).user
    start(challenge, stage.handler, subset(stage, challenge, stage.handler, waiting))
    client.force_login(waiting)
    shown = client.get(reverse("challenges:opening_state", args=[challenge.code, "technical"])).json()
    assert (shown["opening"]["id"], shown["opening"]["position"]) == (str(first.public_id), 1)
    assert shown["opening"]["blob"]
    assert shown["begun"] == [{"officers": first.officers, "position": 1}]


def test_a_finished_turn_counts_although_its_officer_is_replaced_afterwards(frozen_call) -> None:
    stage, challenge = frozen_call
    opening = start(challenge, stage.supervisor, subset(stage, challenge, stage.supervisor, stage.platform))
    opening = take_off(stage, challenge, opening)
    with frozen(make.after_deadline(challenge) + make.timedelta(hours=1)):
        replace(stage, OfficerKey.objects.get(public_id=opening.officers[0]).user)
        assert take_off(stage, challenge, opening).state == OpeningState.DONE
        challenge.refresh_from_db()
    assert verify_record(challenge_record(challenge)).failures == []
    assert [row for row in verify_officers(challenge) if not row.ok] == []


# --- the verifier -------------------------------------------------------------------------------------------------


def test_a_replacement_stands_in_the_chain_of_every_published_challenge(clock) -> None:
    stage = make.make_stage(expert_count=0)
    one, other = make.make_open_challenges(stage, 2)
    old = str(stage.platform.officer_keys.get().public_id)
    new = replace(stage, stage.platform)
    for challenge in (one, other):
        link = challenge.chain.get(kind="officer_replaced")
        assert (link.body["officer"], link.body["successor"]) == (old, str(new.key.public_id))


def test_the_verifier_names_an_opening_by_somebody_replaced(frozen_call) -> None:
    """As the attack did it: the platform's own check is gone round, the chain and the rows still tell."""
    stage, challenge = frozen_call
    gone = stage.platform.officer_keys.get()
    officers = subset(stage, challenge, stage.supervisor, stage.platform)
    replaced = replace(stage, stage.platform)
    Opener.objects.filter(user=stage.platform).update(replaced_at=None)
    Opener.objects.filter(pk=replaced.pk).delete()
    opening = start(challenge, stage.platform, officers)
    for _layer in officers:
        opening = take_off(stage, challenge, opening)
    challenge.refresh_from_db()
    report = verify_record(challenge_record(challenge))
    named = [row for row in report.failures if row.check == "in_office"]
    assert {row.subject.split()[1] for row in named} == {str(gone.public_id)}
    assert {row.check for row in report.failures} == {"in_office"}
    Opener.objects.filter(user=stage.platform).update(replaced_at=make.clock.now() - make.timedelta(days=1))
    assert {row.subject.split()[1] for row in verify_officers(challenge) if not row.ok} == {str(gone.public_id)}


def test_the_verifier_names_an_opening_by_somebody_who_had_left(frozen_call) -> None:
    stage, challenge = frozen_call
    make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL, [stage.supervisor, stage.platform])
    stage.platform.memberships.update(ended_at=make.clock.now() - make.timedelta(minutes=1))
    failed = [row for row in verify_officers(challenge) if not row.ok]
    assert failed
    assert all("已不属于任命时的机构" in row.detail for row in failed)


def test_a_change_of_the_call_after_a_replacement_still_names_whom_the_keys_are_wrapped_for(clock) -> None:
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder())
    replace(stage, stage.platform)
    version = challenge.versions.get()
    body = programmes.published_body(challenge, version)
    assert [one["in_office"] for one in body["officers"]] == [True, True, False]
    wrapped = {officer for key in EnvelopeKey.objects.all() for one in key.wrapped for officer in one["officers"]}
    assert {one["id"] for one in body["officers"]} == wrapped
    assert ChainEntry.objects.filter(kind="published").count() == 1


# --- nobody is indispensable --------------------------------------------------------------------------------------


def test_a_list_that_one_lost_key_would_close_for_ever_is_not_published(clock) -> None:
    """Two officers of the department, one from outside: without the one, no group of two organisations is left."""
    stage = make.make_stage(expert_count=0)
    stage.platform = make_person(Role.OPERATOR, organisation=stage.department)
    programme = make.make_programme(stage)
    challenge = make.make_selected_challenge(stage, programme)
    annual_list = programmes.annual_list_create(programme_id=programme.pk, acting_user=stage.handler)
    programmes.annual_list_add(list_id=annual_list.pk, challenge_ids=[challenge.pk], acting_user=stage.handler)
    standing = make.appoint_openers(stage, annual_list)
    reasons = openers.officer_reasons(standing, openers.parameters_from(programme.parameters))
    assert [reason.code for reason in reasons] == ["opener_indispensable"]
    assert str(stage.supervisor) in reasons[0].message
    with pytest.raises(DomainError) as refusal:
        openers.envelope_keys_store(
            challenge_id=challenge.pk, acting_user=stage.handler, made=make.made_keys(challenge, standing, 2)
        )
    assert refusal.value.code == "opener_indispensable"
    with pytest.raises(GuardFailed) as guard:
        programmes.annual_list_send_to_approval(list_id=annual_list.pk, acting_user=stage.handler)
    assert "opener_indispensable" in {reason.code for reason in guard.value.reasons}
    assert not EnvelopeKey.objects.exists()


def test_a_plan_may_not_ask_for_every_officer(clock) -> None:
    stage = make.make_stage(expert_count=0)
    with pytest.raises(InvalidInput) as refusal:
        make.make_programme(stage, parameters={"opening_threshold": 2, "opening_officers": 2})
    assert list(refusal.value.fields) == ["opening_threshold"]


# --- keys of low order --------------------------------------------------------------------------------------------


LOW_ORDER = (
    bytes(32),
    (1).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
    bytes(31) + b"\x80",
)


@pytest.mark.parametrize("raw", LOW_ORDER, ids=lambda raw: raw.hex()[:4])
def test_a_key_of_low_order_is_refused_with_a_sentence(clock, client, raw) -> None:
    stage = make.make_stage(expert_count=0)
    client.force_login(stage.platform)
    answer = client.post(
        reverse("challenges:officer_key_register"),
        {"public_key": encode_bytes(raw)},
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["reasons"][0]["field"]) == (400, "public_key")
    assert "低阶点" in answer.json()["reasons"][0]["message"]
    assert not OfficerKey.objects.exists()
    challenge = make.make_open_challenge(stage)
    Challenge.objects.filter(pk=challenge.pk).update(state="selected")
    standing = openers.standing_openers(challenge.annual_list)
    made = make.made_keys(challenge, standing, 2)
    made[0]["public_key"] = encode_bytes(raw)
    before = challenge.envelope_keys.count()
    with pytest.raises(InvalidInput):
        openers.envelope_keys_store(challenge_id=challenge.pk, acting_user=stage.handler, made=made)
    assert challenge.envelope_keys.count() == before
