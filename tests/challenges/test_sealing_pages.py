"""Endpoints of sealed bids by HTTP: what is taken, what is refused in words, and that a refusal changes nothing."""

import json
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from challenges.enums import BidState, EnvelopeKind, OpeningState
from challenges.models import (
    Bid,
    BidDraft,
    BidVersion,
    ChainEntry,
    Challenge,
    EnvelopeKey,
    OfficerKey,
    OfficerKeyProof,
    Opening,
    OpeningLayer,
    SealedEnvelope,
)
from challenges.sealing import keys
from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.services import bids, openers
from core.clock import frozen
from tests.factories import challenges as make
from tests.factories.accounts import PASSWORD, make_person

pytestmark = pytest.mark.django_db

#: Everything a refused request could have changed.
WATCHED = (Bid, BidVersion, SealedEnvelope, ChainEntry, OfficerKey, OfficerKeyProof, EnvelopeKey, Opening, OpeningLayer)


def rows() -> dict[str, list[dict[str, Any]]]:
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in (*WATCHED, BidDraft, Challenge)}


@pytest.fixture
def stage(clock: Any) -> make.Stage:
    return make.make_stage()


@pytest.fixture
def challenge(stage: make.Stage) -> Challenge:
    return make.make_published_challenge(stage)


@pytest.fixture
def bidder(client: Client, challenge: Challenge) -> Any:
    user = make.make_bidder("甲公司")
    client.force_login(user)
    return user


@pytest.fixture
def post(client: Client) -> Callable[..., Any]:
    def posted(name: str, *args: Any, body: Any = None, raw: bytes | None = None) -> Any:
        data = raw if raw is not None else json.dumps(body if body is not None else {})
        kind = "application/octet-stream" if raw is not None else "application/json"
        return client.post(reverse(f"challenges:{name}", args=args), data=data, content_type=kind)

    return posted


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """In the one shape the page's script reads, with Chinese words."""
    answer = response.json()
    assert (response.status_code, answer["code"]) == (status, code), answer
    assert set(answer) == {"code", "message", "reasons"}
    assert all(set(reason) == {"code", "message", "field"} for reason in answer["reasons"])
    assert any("\u4e00" <= letter <= "\u9fff" for letter in answer["message"])
    return answer


def envelope(challenge: Challenge, user: Any, kind: str = EnvelopeKind.TECHNICAL) -> bytes:
    """A right envelope of this bidder's next version."""
    ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=user)
    key = openers.current_envelope_keys(challenge)[kind]
    content = make.manifest_of(user) if kind == EnvelopeKind.TECHNICAL else make.price_of()
    return make.seal(ticket.context(kind), key.public_key, content)


def uploaded(post: Callable[..., Any], challenge: Challenge, user: Any) -> list[str]:
    ids = []
    for kind in EnvelopeKind.values:
        response = post("upload", challenge.code, kind, raw=envelope(challenge, user, kind))
        assert response.status_code == 201
        ids.append(response.json()["id"])
    return ids


# --- uploads ----------------------------------------------------------------------------------------------------------


def test_a_bid_is_uploaded_and_handed_in(post, challenge, bidder):
    ids = uploaded(post, challenge, bidder)
    response = post("finalise", challenge.code, body={"envelopes": ids, "idempotency_key": "one"})
    answer = response.json()
    version = BidVersion.objects.get()
    assert response.status_code == 201
    assert answer == {
        "receipt": version.receipt,
        "received_at": version.received_at.astimezone(UTC).isoformat(),
        "bid": str(version.bid.public_id),
        "version": 1,
    }
    assert set(SealedEnvelope.objects.values_list("bid_version", flat=True)) == {version.pk}


def test_an_unknown_kind_of_envelope_is_refused(post, challenge, bidder):
    data = envelope(challenge, bidder)
    before = rows()
    answer = refused(post("upload", challenge.code, "notes", raw=data), 400, "invalid_input")
    assert answer["reasons"][0]["field"] == "kind"
    assert rows() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data + b"0",
        lambda data: data.replace(b'"version":1', b'"version":2', 1),
        lambda data: data[:30] + bytes([data[30] ^ 1]) + data[31:],
        lambda data: b"%PDF-1.4\n" + data,
    ],
    ids=["last byte cut", "cut in half", "empty", "lengthened", "another version", "header byte", "not encrypted"],
)
def test_what_is_not_a_whole_envelope_of_this_bid_is_refused(post, challenge, bidder, spoil):
    data = spoil(envelope(challenge, bidder))
    before = rows()
    answer = refused(post("upload", challenge.code, "technical", raw=data), 400, "invalid_input")
    assert answer["reasons"][0]["field"] == "file"
    assert rows() == before


def test_an_envelope_of_the_other_kind_or_of_another_bidder_is_refused(post, challenge, bidder):
    price = envelope(challenge, bidder, EnvelopeKind.PRICE)
    foreign = envelope(challenge, make.make_bidder("乙公司"))
    before = rows()
    refused(post("upload", challenge.code, "technical", raw=price), 400, "invalid_input")
    refused(post("upload", challenge.code, "technical", raw=foreign), 400, "invalid_input")
    assert rows() == before


# --- handing in -------------------------------------------------------------------------------------------------------


def test_one_second_late_is_late_and_the_last_moment_is_not(post, challenge, bidder):
    ids = uploaded(post, challenge, bidder)
    bids.sealing_ticket(challenge_id=challenge.pk, acting_user=bidder)
    before = rows()
    for late in (timedelta(0), timedelta(seconds=1)):
        with frozen(challenge.deadline_at + late):
            response = post("finalise", challenge.code, body={"envelopes": ids, "idempotency_key": "late"})
            assert "截止" in refused(response, 409, "bidding_closed")["message"]
            refused(post("upload", challenge.code, "price", raw=b"x"), 409, "bidding_closed")
    assert rows() == before
    with frozen(challenge.deadline_at - timedelta(microseconds=1)):
        response = post("finalise", challenge.code, body={"envelopes": ids, "idempotency_key": "in time"})
    assert response.status_code == 201


def test_asking_again_after_the_deadline_gives_the_same_receipt(post, challenge, bidder):
    body = {"envelopes": uploaded(post, challenge, bidder), "idempotency_key": "answer lost"}
    first = post("finalise", challenge.code, body=body).json()
    before = rows()
    with frozen(make.after_deadline(challenge)):
        again = post("finalise", challenge.code, body=body)
    assert (again.status_code, again.json()) == (201, first)
    assert rows() == before


def test_a_refusal_is_logged_without_whose_it_was_or_for_what(post, challenge, bidder, caplog):
    ids = uploaded(post, challenge, bidder)
    with caplog.at_level("WARNING", logger="marketplace.sealing"):
        refused(post("upload", challenge.code, "price", raw=b"cut off"), 400, "invalid_input")
        refused(
            post("finalise", challenge.code, body={"envelopes": ids[:1], "idempotency_key": "half"}),
            400,
            "invalid_input",
        )
        refused(
            post(
                "finalise", challenge.code, body={"envelopes": ids, "idempotency_key": "x", "content_version": "first"}
            ),
            400,
            "invalid_input",
        )
    logged = [record.getMessage() for record in caplog.records if record.name == "marketplace.sealing"]
    assert logged == ["refused at upload: invalid_input", *["refused at finalise: invalid_input"] * 2]


def test_a_second_window_cannot_hand_in_the_same_envelopes(post, challenge, bidder):
    ids = uploaded(post, challenge, bidder)
    post("finalise", challenge.code, body={"envelopes": ids, "idempotency_key": "first window"})
    before = rows()
    response = post("finalise", challenge.code, body={"envelopes": ids, "idempotency_key": "second window"})
    assert "另一窗口" in refused(response, 400, "invalid_input")["reasons"][0]["message"]
    assert rows() == before


def test_envelopes_sealed_before_another_window_handed_in_are_stale(post, challenge, bidder):
    stale = uploaded(post, challenge, bidder)
    make.hand_in(challenge, bidder)
    before = rows()
    response = post("finalise", challenge.code, body={"envelopes": stale, "idempotency_key": "stale"})
    assert "另一窗口" in refused(response, 400, "envelope_stale")["message"]
    assert rows() == before


def test_envelopes_of_another_organisation_cannot_be_named(client, post, challenge, bidder):
    ids = uploaded(post, challenge, bidder)
    client.force_login(make.make_bidder("乙公司"))
    uploaded_by_other = post("upload", challenge.code, "technical", raw=b"x")
    assert uploaded_by_other.status_code == 400
    before = rows()["SealedEnvelope"], BidVersion.objects.count(), ChainEntry.objects.count()
    refused(
        post("finalise", challenge.code, body={"envelopes": ids, "idempotency_key": "theirs"}), 400, "invalid_input"
    )
    assert (rows()["SealedEnvelope"], BidVersion.objects.count(), ChainEntry.objects.count()) == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"idempotency_key": "x"}, 400, "invalid_input"),
        ({"envelopes": "all", "idempotency_key": "x"}, 400, "invalid_input"),
        ({"envelopes": [], "idempotency_key": "x"}, 400, "invalid_input"),
        ({"envelopes": ["no uuid"], "idempotency_key": "x"}, 404, "not_found"),
        ({"envelopes": [str(uuid4()), str(uuid4())], "idempotency_key": "x"}, 400, "invalid_input"),
        ({"envelopes": []}, 400, "invalid_input"),
        ({"envelopes": [], "idempotency_key": "k" * 101}, 400, "invalid_input"),
    ],
)
def test_a_malformed_hand_in_is_refused(post, challenge, bidder, body, status, code):
    before = rows()
    refused(post("finalise", challenge.code, body=body), status, code)
    assert rows() == before


@pytest.mark.parametrize("raw", [b"", b"not json", b"[1]", b'"text"', b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(client, challenge, bidder, raw):
    before = rows()
    for name in ("finalise", "draft_save"):
        response = client.post(
            reverse(f"challenges:{name}", args=[challenge.code]), data=raw, content_type="application/json"
        )
        refused(response, 400, "invalid_input")
    assert rows() == before


def test_one_that_may_not_bid_is_refused_and_a_stranger_learns_nothing(client, post, challenge):
    client.force_login(make_person())
    before = rows()
    refused(post("upload", challenge.code, "technical", raw=b"x"), 403, "not_permitted")
    refused(post("upload", "JB2020-999", "technical", raw=b"x"), 404, "not_found")
    refused(post("withdraw_bid", challenge.code), 403, "not_permitted")
    assert rows() == before


# --- drafts, withdrawal, receipts -------------------------------------------------------------------------------------


def test_a_draft_saved_over_a_colleagues_is_refused(post, challenge, bidder):
    first = post("draft_save", challenge.code, body={"ciphertext": "mine", "revision": 0})
    assert (first.status_code, first.json()["revision"]) == (200, 1)
    before = rows()
    refused(post("draft_save", challenge.code, body={"ciphertext": "older", "revision": 0}), 409, "edit_conflict")
    refused(post("draft_save", challenge.code, body={"ciphertext": "x", "revision": "1"}), 400, "invalid_input")
    refused(post("draft_save", challenge.code, body={"ciphertext": "", "revision": 1}), 400, "invalid_input")
    assert rows() == before
    assert post("draft_save", challenge.code, body={"ciphertext": "next", "revision": 1}).json()["revision"] == 2


def test_a_bid_is_withdrawn_once_and_not_after_the_deadline(post, challenge, bidder):
    make.hand_in(challenge, bidder)
    before = rows()
    with frozen(challenge.deadline_at):
        refused(post("withdraw_bid", challenge.code), 409, "bidding_closed")
    assert rows() == before
    answer = post("withdraw_bid", challenge.code).json()
    assert answer["confirmation"]["type"] == "marketplace-withdrawal/1"
    assert Bid.objects.get().state == BidState.WITHDRAWN
    before = rows()
    refused(post("withdraw_bid", challenge.code), 400, "bid_withdrawn")
    assert rows() == before


def test_only_its_bidder_gets_a_receipt(client, challenge, bidder):
    version = make.hand_in(challenge, bidder)
    address = reverse("challenges:receipt", args=[version.bid.public_id, 1])
    response = client.get(address)
    assert json.loads(response.content) == version.receipt
    assert "attachment" in response["Content-Disposition"]
    client.force_login(make.make_bidder("乙公司"))
    assert client.get(address).status_code == 404


def test_the_page_after_the_deadline_says_so_and_offers_the_receipts(client, challenge, bidder):
    make.hand_in(challenge, bidder)
    with frozen(make.after_deadline(challenge)):
        response = client.get(reverse("challenges:sealing", args=[challenge.code]))
    assert response.status_code == 409
    text = response.content.decode()
    assert "揭榜已截止" in text
    assert reverse("challenges:receipt", args=[Bid.objects.get().public_id, 1]) in text


def test_the_page_names_the_command_line_where_modules_were_not_built(client, challenge, bidder, settings):
    settings.STATICFILES_DIRS = []
    text = client.get(reverse("challenges:sealing", args=[challenge.code])).content.decode()
    assert "python -m challenges.sealing seal" in text
    assert "vendor/sealing" not in text


# --- officers ---------------------------------------------------------------------------------------------------------


def test_an_officer_key_is_registered_and_proved(client, post, stage):
    client.force_login(stage.supervisor)
    pair = keys.generate_key_pair()
    question = post("officer_key_register", body={"public_key": encode_bytes(pair.public_key)}).json()
    blob = decode_bytes(question["sealed"])
    answer = keys.answer_possession(question["suite"], question["key"], blob, pair.private_key)
    before = rows()
    wrong = client.post(question["answer_to"], json.dumps({"answer": encode_bytes(b"0" * 32)}), "application/json")
    refused(wrong, 400, "proof_wrong")
    assert rows() == before
    right = client.post(question["answer_to"], json.dumps({"answer": encode_bytes(answer)}), "application/json")
    assert right.json()["fingerprint"] == keys.fingerprint(pair.public_key)
    before = rows()
    again = client.post(question["answer_to"], json.dumps({"answer": encode_bytes(answer)}), "application/json")
    refused(again, 400, "proof_expired")
    refused(post("officer_key_register", body={"public_key": encode_bytes(pair.public_key)}), 400, "invalid_input")
    refused(post("officer_key_register", body={"public_key": "AAAA"}), 400, "invalid_input")
    refused(post("officer_key_register", body={}), 400, "invalid_input")
    assert rows() == before
    client.force_login(stage.handler)
    refused(post("officer_key_question", question["key"]), 404, "not_found")
    assert rows() == before


def test_envelope_keys_wrapped_for_the_wrong_people_are_refused(client, post, stage):
    challenge = make.make_selected_need(stage, make.make_programme(stage))
    annual_list = make.make_annual_list(stage, [challenge])
    client.force_login(stage.handler)
    made = make.made_keys(challenge, openers.standing_openers(annual_list), 2)
    made[0]["wrapped"] = made[0]["wrapped"][:-1]
    before = rows()
    refused(post("envelope_keys_store", challenge.public_id, body={"keys": made}), 400, "invalid_input")
    refused(post("envelope_keys_store", challenge.public_id, body={"keys": made[:1]}), 400, "invalid_input")
    refused(post("envelope_keys_store", challenge.public_id, body={"keys": "all"}), 400, "invalid_input")
    client.force_login(stage.supervisor)
    refused(post("envelope_keys_store", challenge.public_id, body={"keys": made}), 404, "not_found")
    assert rows() == before


# --- openings ---------------------------------------------------------------------------------------------------------


def sign_in(client: Client, user: Any) -> None:
    """Signed in, and the password given once more just now."""
    client.force_login(user)
    response = client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert response.status_code == 302


@pytest.fixture
def closed(stage: make.Stage, challenge: Challenge) -> Any:
    """Past the deadline with one bid; yields the challenge."""
    make.hand_in(challenge, make.make_bidder("甲公司"))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        yield challenge


def subset(challenge: Challenge, *users: Any) -> list[str]:
    return [str(user.officer_keys.get().public_id) for user in users]


def changed(before: dict[str, Any]) -> set[str]:
    after = rows()
    return {name for name in after if after[name] != before[name]}


def test_opening_needs_a_fresh_sign_in(client, post, stage, closed):
    client.force_login(stage.handler)
    before = rows()
    body = {"officers": subset(closed, stage.handler, stage.supervisor)}
    refused(post("opening_start", closed.code, "technical", body=body), 403, "step_up")
    assert rows() == before
    assert client.get(reverse("challenges:opening", args=[closed.code, "technical"])).status_code == 302


def test_refused_openings_are_kept_in_the_chain_and_change_nothing_else(client, post, stage, closed):
    sign_in(client, stage.handler)
    before = rows()
    both = subset(closed, stage.handler, stage.supervisor)
    refused(post("opening_start", closed.code, "technical", body={"officers": both[:1]}), 400, "opening_subset")
    refused(post("opening_start", closed.code, "technical", body={"officers": both[::-1]}), 400, "opening_subset")
    refused(post("opening_start", closed.code, "price", body={"officers": both}), 400, "opening_state")
    refused(post("opening_start", closed.code, "technical", body={"officers": "both"}), 400, "invalid_input")
    assert changed(before) == {"ChainEntry"}
    assert list(closed.chain.order_by("-sequence").values_list("kind", flat=True)[:3]) == ["opening_refused"] * 3


def test_nothing_is_opened_before_the_deadline(client, post, stage, challenge):
    make.hand_in(challenge, make.make_bidder("甲公司"))
    sign_in(client, stage.handler)
    before = rows()
    body = {"officers": subset(challenge, stage.handler, stage.supervisor)}
    refused(post("opening_start", challenge.code, "technical", body=body), 400, "opening_before_freeze")
    assert changed(before) == {"ChainEntry"}


def test_a_layer_is_given_to_its_officer_only_and_taken_from_nobody_else(client, post, stage, closed):
    sign_in(client, stage.handler)
    body = {"officers": subset(closed, stage.handler, stage.supervisor)}
    ceremony = post("opening_start", closed.code, "technical", body=body).json()
    opening = Opening.objects.get()
    assert ceremony["opening"]["blob"] == opening.current_blob != ""
    right = make.peel(stage, closed, opening, 0)

    sign_in(client, stage.supervisor)
    state = client.get(reverse("challenges:opening_state", args=[closed.code, "technical"])).json()
    assert state["opening"]["blob"] == ""
    before = rows()
    refused(post("opening_peel", opening.public_id, body={"peeled": right}), 400, "opening_turn")
    sign_in(client, stage.handler)
    tampered = encode_bytes(bytes([decode_bytes(right)[0] ^ 1]) + decode_bytes(right)[1:])
    refused(post("opening_peel", opening.public_id, body={"peeled": tampered}), 400, "opening_peel")
    refused(post("opening_peel", opening.public_id, body={}), 400, "opening_peel")
    assert changed(before) == {"ChainEntry"}

    assert post("opening_peel", opening.public_id, body={"peeled": right}).json()["opening"]["position"] == 1
    before = rows()
    refused(post("opening_peel", opening.public_id, body={"peeled": right}), 400, "opening_turn")
    assert changed(before) == {"ChainEntry"}

    sign_in(client, stage.supervisor)
    last = make.peel(stage, closed, opening, 1)
    done = post("opening_peel", opening.public_id, body={"peeled": last}).json()
    assert done["opening"]["state"] == OpeningState.DONE
    assert done["opening"]["results"] == [{"bid": str(Bid.objects.get().public_id), "result": "opened", "reason": ""}]
    assert done["opening"]["blob"] == ""
    before = rows()
    refused(post("opening_peel", opening.public_id, body={"peeled": last}), 400, "opening_over")
    assert changed(before) == {"ChainEntry"}


def test_who_is_no_officer_does_not_find_the_ceremony(client, post, stage, closed):
    sign_in(client, stage.approver)
    assert client.get(reverse("challenges:opening", args=[closed.code, "technical"])).status_code == 404
    before = rows()
    refused(client.get(reverse("challenges:opening_state", args=[closed.code, "technical"])), 404, "not_found")
    refused(post("opening_start", closed.code, "technical", body={"officers": []}), 404, "not_found")
    refused(post("opening_start", closed.code, "other", body={"officers": []}), 404, "not_found")
    assert rows() == before


# --- the public side --------------------------------------------------------------------------------------------------


def test_the_call_of_an_open_challenge_is_for_everybody(client, challenge):
    call = client.get(reverse("challenges:call", args=[challenge.code])).json()
    assert {entry["kind"] for entry in call["envelopes"]} == set(EnvelopeKind.values)
    assert len(decode_bytes(call["signing_key"])) == 32
    assert call["rules"]["grant_cap_fen"] == 300_000_000
    assert client.get(reverse("challenges:verifier")).status_code == 200
