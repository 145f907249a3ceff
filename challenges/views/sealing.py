"""Pages and endpoints of sealed bids: officers' keys, envelope keys, sealing, receipts, openings, the verifier.

The pages carry their data as JSON in the document; everything secret happens in the browser's modules
(`challenges/frontend/`). Endpoints answer JSON: `{…}` or `{"code", "message", "reasons"}` with the error's status.
"""

import json
import logging
from collections.abc import Callable
from datetime import UTC
from typing import Any
from urllib.parse import quote
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from django.contrib.auth.decorators import login_not_required
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import organisation_of
from challenges import selectors
from challenges.enums import EnvelopeKind, OpeningState
from challenges.models import BidDraft, Challenge, OfficerKey, Opening
from challenges.parameters import parameters_from
from challenges.permissions import acts_as_bidder, handles_list, is_in_office, may_be_opener, office_of
from challenges.records import inclusion
from challenges.sealer_package import FILE_NAME, sealer_package
from challenges.sealing.canonical import encode_bytes
from challenges.sealing.suites import DEFAULT_SUITE
from challenges.services import bids, openers, openings
from challenges.signing import signer
from challenges.states import programme_parameters
from challenges.validators import AGREEMENT_CLAUSES
from core.clock import now
from core.entered import identifier, whole_number
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound
from core.json_bodies import BodyNotReadable, read_json
from core.views import takes_bodies_of

LARGEST_JSON = 4 << 20
DEVICE_COOKIE = "device"

logger = logging.getLogger("marketplace.sealing")

Endpoint = Callable[..., HttpResponse]


def answers_json(view: Endpoint) -> Endpoint:
    """Refusals as JSON for the page's script: code, message, reasons with their fields.

    Each is logged with the step and the code, and with the request's id, but without whose it was or for what: before
    the opening nobody, an operator neither, is to learn from a log who bids (招标投标法 22).
    """

    def wrapped(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            return view(request, *args, **options)
        except DomainError as error:
            logger.warning("refused at %s: %s", view.__name__, error.code)
            return JsonResponse(
                {
                    "code": error.code,
                    "message": error.message,
                    "reasons": [
                        {"code": reason.code, "message": str(reason.message), "field": reason.field}
                        for reason in error.reasons
                    ],
                },
                status=error.status,
            )

    wrapped.__name__, wrapped.__doc__ = view.__name__, view.__doc__
    return wrapped


def _body(request: HttpRequest) -> dict[str, Any]:
    length = whole_number(request.headers.get("Content-Length", "") or "0", most_digits=15)
    if length is None or length > LARGEST_JSON:
        raise InvalidInput({"": ["提交的数据过大。"]})
    try:
        body = read_json(request.body)
    except BodyNotReadable:
        raise InvalidInput({"": ["提交的数据格式不正确，请刷新页面后重试。"]}) from None
    if not isinstance(body, dict):
        raise InvalidInput({"": ["提交的数据格式不正确，请刷新页面后重试。"]})
    return body


def module_address(name: str) -> str:
    """Where a built browser module is served, or "" on an installation that could not build them (docs/sealing.md §8).

    The page then says so and names the command line. Known from the manifest of collected files, or from disk.
    """
    path = f"vendor/sealing/{name}.js"
    if path not in getattr(staticfiles_storage, "hashed_files", {}) and not finders.find(path):
        return ""
    try:
        return staticfiles_storage.url(path)
    except ValueError:  # built after the static files were collected
        return ""


def _uuid(text: Any) -> UUID:
    found = identifier(text)
    if found is None:
        raise ObjectNotFound()
    return found


# --- officers' keys -----------------------------------------------------------------------------------------------


@never_cache
@require_safe
def officer_keys(request: HttpRequest) -> HttpResponse:
    """Make one's opening key in the browser, keep the file and the paper copy, prove possession."""
    keys = list(OfficerKey.objects.filter(user=request.user).order_by("-pk"))
    valid_since = now() - openers.PROOF_VALID
    data = {
        "register": reverse("challenges:officer_key_register"),
        "person": str(request.user),
        "keys": [
            {
                "fingerprint": key.fingerprint,
                "question": reverse("challenges:officer_key_question", args=[key.public_id]),
                "recent": key.proven_at is not None and key.proven_at >= valid_since,
            }
            for key in keys
            if key.retired_at is None
        ],
    }
    return render(
        request,
        "challenges/officer_keys.html",
        {
            "keys": keys,
            "valid_since": valid_since,
            "data": data,
            "module": module_address("officer-keys-page"),
            "fit": may_be_opener(request.user),
            "appointments": selectors.openers_of(request.user),
        },
    )


@require_POST
@answers_json
def officer_key_register(request: HttpRequest) -> HttpResponse:
    """{"public_key"} → the first question: {"key", "sealed", "suite", "fingerprint", "answer_to"}."""
    proof = openers.officer_key_register(acting_user=request.user, public_key=str(_body(request).get("public_key", "")))
    return JsonResponse(_question(proof), status=201)


@require_POST
@answers_json
def officer_key_question(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A new question for an existing key."""
    return JsonResponse(
        _question(openers.officer_key_question(key_public_id=public_id, acting_user=request.user)), status=201
    )


def _question(proof: Any) -> dict[str, Any]:
    return {
        "key": str(proof.key.public_id),
        "sealed": proof.sealed,
        "suite": proof.key.suite,
        "fingerprint": proof.key.fingerprint,
        "answer_to": reverse("challenges:officer_key_prove", args=[proof.public_id]),
    }


@require_POST
@answers_json
def officer_key_prove(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """{"answer"} → {"fingerprint", "proven_at"}."""
    key = openers.officer_key_prove(
        proof_public_id=public_id, acting_user=request.user, answer=str(_body(request).get("answer", ""))
    )
    return JsonResponse({"fingerprint": key.fingerprint, "proven_at": key.proven_at.isoformat()})


# --- envelope keys ------------------------------------------------------------------------------------------------


@never_cache
@require_safe
def envelope_keys(request: HttpRequest, code: str) -> HttpResponse:
    """The handler's browser makes a key pair for each challenge and envelope and wraps it for the officers."""
    found = selectors.annual_list_for(request.user, code)
    if not handles_list(request.user, found) or found.is_public:
        raise ObjectNotFound()
    sheet = parameters_from(found.programme.parameters)
    standing = openers.standing_openers(found)
    items = selectors.list_challenges(request.user, found)
    data = {
        "suite": DEFAULT_SUITE.name,
        "threshold": sheet.opening_threshold,
        "kinds": EnvelopeKind.values,
        "officers": [
            {
                "id": str(opener.key.public_id),
                "name": str(opener.user),
                "organisation": str(opener.organisation.public_id),
                "place": f"{opener.get_capacity_display()} · {opener.organisation.name}",
                "public_key": opener.key.public_key,
                "fingerprint": opener.key.fingerprint,
            }
            for opener in standing
            if opener.key is not None
        ],
        "challenges": [
            {
                "id": str(item.public_id),
                "title": item.title,
                "done": len(openers.current_envelope_keys(item)) == len(EnvelopeKind.values),
                "store": reverse("challenges:envelope_keys_store", args=[item.public_id]),
            }
            for item in items
        ],
    }
    return render(
        request,
        "challenges/envelope_keys.html",
        {
            "list": found,
            "data": data,
            "module": module_address("envelope-keys-page"),
            "reasons": openers.officer_reasons(standing, sheet),
        },
    )


@require_POST
@answers_json
def envelope_keys_store(request: HttpRequest, key: str) -> HttpResponse:
    """{"keys": [{"kind", "public_key", "wrapped"}]} → {"fingerprints": {kind: hex}}."""
    found = selectors.challenge_for(request.user, key)
    made = _body(request).get("keys")
    if not isinstance(made, list) or any(not isinstance(row, dict) for row in made):
        raise InvalidInput({"keys": ["密钥数据不完整。"]})
    stored = openers.envelope_keys_store(challenge_id=found.pk, acting_user=request.user, made=made)
    return JsonResponse({"fingerprints": {row.kind: row.fingerprint for row in stored}}, status=201)


# --- sealing ------------------------------------------------------------------------------------------------------


def _call(challenge: Challenge) -> dict[str, Any]:
    """What the sealing page and the command-line sealer need to know of a challenge."""
    sheet = programme_parameters(challenge)
    return {
        "challenge": str(challenge.public_id),
        "code": challenge.code,
        "title": challenge.title,
        "suite": challenge.suite,
        "content_version": challenge.content_version,
        "deadline_at": challenge.deadline_at.isoformat() if challenge.deadline_at else "",
        "signing_key": encode_bytes(signer().public_key),
        "envelopes": [
            {"kind": row.kind, "public_key": row.public_key, "fingerprint": row.fingerprint}
            for row in openers.current_envelope_keys(challenge).values()
        ],
        "indicators": [
            {"sequence": row.sequence, "name": row.name, "target": f"{row.target}{row.unit}", "method": row.method}
            for row in challenge.indicators.all()
        ],
        "rules": {
            "maximum_members": sheet.consortium_maximum_members,
            "grant_cap_fen": challenge.grant_cap_fen,
            "self_funding_percent": sheet.self_funding_percent,
            "clauses": [{"key": key, "label": label} for key, label in AGREEMENT_CLAUSES.items()],
        },
    }


def _ticket(request: HttpRequest, challenge: Challenge) -> dict[str, Any]:
    ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=request.user)
    draft = BidDraft.objects.filter(challenge=challenge, organisation=ticket.organisation).first() or BidDraft()
    return {
        "call": _call(challenge),
        "organisation": {
            "id": str(ticket.organisation.public_id),
            "name": ticket.organisation.name,
            "unified_code": ticket.organisation.unified_code or "",
        },
        "bid": str(ticket.bid_public_id),
        "version": ticket.version,
        "reasons": [{"code": reason.code, "message": str(reason.message)} for reason in ticket.reasons],
        "draft": {
            "ciphertext": draft.ciphertext,
            "revision": draft.revision,
            "saved_at": draft.saved_at.isoformat() if draft.revision else "",
            "saved_by": str(draft.saved_by or ""),
        },
        "now": now().isoformat(),
    }


@never_cache
@require_safe
def sealing(request: HttpRequest, key: str) -> HttpResponse:
    """Write, check, seal and hand in a bid, all in the browser; replace or withdraw it until the deadline."""
    found = bids.freeze_if_due(selectors.challenge_for(request.user, key))
    own = selectors.own_bid(request.user, found)
    try:
        data = _ticket(request, found)
    except bids.BiddingClosed as error:
        return render(
            request,
            "challenges/sealing_closed.html",
            {
                "challenge": found,
                "own": own,
                "withdrawals": bids.withdrawals_of(own) if own is not None else (),
                "error": error,
                "place": _place(request, found),
            },
            status=409,
        )
    return render(
        request,
        "challenges/sealing.html",
        {
            "challenge": found,
            "data": data,
            "module": module_address("sealing-page"),
            "bid_sample": _bid_sample(data),
            "sealer": sealer_package(),
            "own": own,
            "versions": own.versions.order_by("-number") if own is not None else (),
            "withdrawals": bids.withdrawals_of(own) if own is not None else (),
            "needs_reconfirmation": own is not None and bids.unconfirmed(own),
        },
    )


def _place(request: HttpRequest, challenge: Challenge) -> str:
    """The name under which the browser keeps a hand-in that was not answered yet."""
    own = organisation_of(request.user)
    return f"{challenge.public_id}:{own.public_id}" if own is not None else ""


def _bid_sample(data: dict[str, Any]) -> str:
    """`bid.json` for the command-line sealer with everything the platform knows; the words are the bidder's."""
    own = data["organisation"]
    manifest = {
        "members": [{"unified_code": own["unified_code"], "name": own["name"], "role": "lead", "share_percent": "100"}],
        "answers": {str(row["sequence"]): {"promise": "", "evidence": ""} for row in data["call"]["indicators"]},
        "plan": "",
        "route": "",
        "leader": "",
        "team": [{"name": "", "title": ""}],
    }
    sample = {"organisation": own["id"], "bid": data["bid"], "version": data["version"], "manifest": manifest}
    return json.dumps(sample, ensure_ascii=False, indent=2)


@never_cache
@require_safe
@answers_json
def sealing_ticket(request: HttpRequest, key: str) -> HttpResponse:
    """The same data as JSON, for a page left open and for the command line (`call.json`)."""
    return JsonResponse(_ticket(request, selectors.challenge_for(request.user, key)))


@require_POST
@answers_json
def draft_save(request: HttpRequest, key: str) -> HttpResponse:
    """{"ciphertext", "revision"} → {"revision", "saved_at"}; 409 when a colleague saved since."""
    found, body = selectors.challenge_for(request.user, key), _body(request)
    revision = body.get("revision")
    if not isinstance(revision, int):
        raise InvalidInput({"revision": ["缺少草稿版本号。"]})
    draft = bids.draft_save(
        challenge_id=found.pk,
        acting_user=request.user,
        ciphertext=str(body.get("ciphertext", "")),
        expected_revision=revision,
    )
    return JsonResponse({"revision": draft.revision, "saved_at": draft.saved_at.isoformat()})


@takes_bodies_of(530 << 20)
@require_POST
@answers_json
def upload(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    """The envelope's raw bytes as the request's body → {"id", "size", "sha256"}. Nothing is held in memory."""
    found = selectors.challenge_for(request.user, key)
    envelope = bids.envelope_receive(
        challenge_id=found.pk, acting_user=request.user, kind=kind, chunks=bids.stream_chunks(request)
    )
    return JsonResponse({"id": str(envelope.public_id), "size": envelope.size, "sha256": envelope.sha256}, status=201)


@require_POST
@answers_json
def finalise(request: HttpRequest, key: str) -> HttpResponse:
    """{"envelopes": [ids], "idempotency_key", "content_version"?} → {"receipt", "received_at", "bid", "version"}."""
    found, body = selectors.challenge_for(request.user, key), _body(request)
    envelopes = body.get("envelopes")
    if not isinstance(envelopes, list):
        raise InvalidInput({"envelopes": ["请先上传标书。"]})
    read = body.get("content_version")
    if read is not None and (type(read) is not int or read < 1):
        raise InvalidInput({"content_version": ["榜单版本号不正确，请刷新页面后重试。"]})
    version = bids.bid_finalise(
        challenge_id=found.pk,
        acting_user=request.user,
        envelope_ids=[_uuid(one) for one in envelopes],
        idempotency_key=str(body.get("idempotency_key", "")),
        read_content_version=read,
        device=request.COOKIES.get(DEVICE_COOKIE, "") or request.headers.get("User-Agent", ""),
        address=request.META.get("REMOTE_ADDR", ""),
    )
    return JsonResponse(
        {
            "receipt": version.receipt,
            "received_at": version.received_at.astimezone(UTC).isoformat(),
            "bid": str(version.bid.public_id),
            "version": version.number,
        },
        status=201,
    )


@require_POST
@answers_json
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    """Take the bid back → {"confirmation", "address"}; the confirmation stays at that address."""
    found = selectors.challenge_for(request.user, key)
    confirmation = bids.bid_withdraw(challenge_id=found.pk, acting_user=request.user)
    place = [confirmation["body"]["bid"], confirmation["body"]["version"]]
    return JsonResponse({"confirmation": confirmation, "address": reverse("challenges:withdrawal", args=place)})


@never_cache
@require_safe
def withdrawal(request: HttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """The bidder's own confirmation of a withdrawal as a file, at any time."""
    bid = selectors.bid_for(request.user, public_id)
    if not acts_as_bidder(request.user, bid):
        raise ObjectNotFound()
    confirmation = bids.withdrawal_confirmation(bid, number)
    response = JsonResponse(confirmation, json_dumps_params={"ensure_ascii": False, "indent": 1})
    name = quote(f"撤回确认-{bid.challenge.code}-v{number}.json")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


@require_POST
@answers_json
def reconfirm(request: HttpRequest, key: str) -> HttpResponse:
    """Let the sealed bid stand under the changed call."""
    found = selectors.challenge_for(request.user, key)
    bid = bids.bid_reconfirm(challenge_id=found.pk, acting_user=request.user)
    return JsonResponse({"content_version": bid.confirmed_content_version})


@never_cache
@require_safe
def receipt(request: HttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """The bidder's own receipt as a file, at any time."""
    bid = selectors.bid_for(request.user, public_id)
    version = bid.versions.filter(number=number).first()
    if version is None or not acts_as_bidder(request.user, bid):
        raise ObjectNotFound()
    response = JsonResponse(version.receipt, json_dumps_params={"ensure_ascii": False, "indent": 1})
    name = quote(f"回执-{bid.challenge.code}-v{number}.json")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


@never_cache
@require_safe
@answers_json
def inclusion_proof(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """After the opening: the proof that one's final version is under the published root."""
    bid = selectors.bid_for(request.user, public_id)
    if not acts_as_bidder(request.user, bid):
        raise ObjectNotFound()
    return JsonResponse(inclusion(bid.challenge, str(bid.public_id)))


# --- openings -----------------------------------------------------------------------------------------------------


def _step_up(request: HttpRequest) -> None:
    """Opening needs that the person has just shown once more who they are (ASVS 7.5.3)."""
    if not did_recently_reauthenticate(request):
        raise NotPermitted("请重新验证身份后再继续：刷新本页并输入密码或动态验证码。", code="step_up")


@never_cache
@reauthentication_required()
@require_safe
def opening(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    """The ceremony: who must act now, what each has done, one's own layer to peel."""
    found = bids.freeze_if_due(selectors.challenge_for(request.user, key))
    if kind not in EnvelopeKind.values or not openings.may_open(found, request.user):
        raise ObjectNotFound()
    return render(
        request,
        "challenges/opening.html",
        {
            "challenge": found,
            "kind": kind,
            "kind_label": EnvelopeKind(kind).label,
            "data": _ceremony(found, kind, request),
            "module": module_address("opening-page"),
        },
    )


@never_cache
@require_safe
@answers_json
def opening_state(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    """The ceremony's present state, for the page of the other officer."""
    found = selectors.challenge_for(request.user, key)
    if kind not in EnvelopeKind.values or not openings.may_open(found, request.user):
        raise ObjectNotFound()
    return JsonResponse(_ceremony(found, kind, request))


def _ceremony(challenge: Challenge, kind: str, request: HttpRequest) -> dict[str, Any]:
    key = openings.key_for_opening(challenge, kind)
    office = office_of(request.user, challenge.annual_list_id)
    mine = str(office.key.public_id) if office is not None and office.key is not None else ""
    appointed = openers.officers_of_keys(challenge, [key])
    in_office = {str(opener.key.public_id) for opener in appointed if opener.key is not None and is_in_office(opener)}
    running = [(one, one.layers.count()) for one in challenge.openings.filter(kind=kind, state=OpeningState.RUNNING)]
    return {
        "challenge": str(challenge.public_id),
        "kind": kind,
        "suite": key.suite,
        "fingerprint": key.fingerprint,
        "threshold": key.threshold,
        # A group with somebody who is not in office could not come to its end.
        "subsets": [one["officers"] for one in key.wrapped if in_office.issuperset(one["officers"])],
        "begun": [{"officers": one.officers, "position": position} for one, position in running if position],
        "officers": [
            {
                "id": str(opener.key.public_id),
                "name": str(opener.user),
                "organisation": opener.organisation.name,
                "capacity": opener.get_capacity_display(),
                "fingerprint": opener.key.fingerprint,
                "mine": str(opener.key.public_id) == mine,
            }
            for opener in appointed
            if opener.key is not None and str(opener.key.public_id) in in_office
        ],
        "opening": _shown_opening(challenge, kind, running, mine),
    }


def _shown_opening(
    challenge: Challenge, kind: str, running: list[tuple[Opening, int]], mine: str
) -> dict[str, Any] | None:
    """The ceremony that waits for this officer, else one under way, else the last one."""
    waiting = [(one, position) for one, position in running if one.officers[position] == mine]
    for one, position in (*waiting, *reversed(running)):
        return _opening(one, position, mine)
    last = challenge.openings.filter(kind=kind).order_by("-pk").first()
    return None if last is None else _opening(last, last.layers.count(), mine)


def _opening(found: Opening, position: int, mine: str) -> dict[str, Any]:
    running = found.state == OpeningState.RUNNING
    turn = found.officers[position] if running and position < len(found.officers) else ""
    return {
        "id": str(found.public_id),
        "state": found.state,
        "officers": found.officers,
        "position": position,
        "turn": turn,
        # The layer goes to the officer whose turn it is, and to nobody else.
        "blob": found.current_blob if turn and turn == mine else "",
        "peel": reverse("challenges:opening_peel", args=[found.public_id]),
        "started_at": found.started_at.isoformat(),
        "finished_at": found.finished_at.isoformat() if found.finished_at else "",
        "results": [
            {"bid": row["bid"], "result": row["result"], "reason": row["reason"]}
            for row in (found.record or {}).get("envelopes", ())
        ],
    }


@require_POST
@answers_json
def opening_start(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    """{"officers": [key ids in peeling order]} → the ceremony."""
    _step_up(request)
    found = selectors.challenge_for(request.user, key)
    officers = _body(request).get("officers")
    if not isinstance(officers, list):
        raise InvalidInput({"officers": ["请选择开启人。"]})
    openings.opening_start(
        challenge_id=found.pk, acting_user=request.user, kind=kind, officers=[str(one) for one in officers]
    )
    return JsonResponse(_ceremony(found, kind, request), status=201)


@require_POST
@answers_json
def opening_peel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """{"peeled"} → the ceremony; with the last layer every envelope is opened before the answer."""
    _step_up(request)
    found = openings.opening_peel(
        opening_public_id=public_id, acting_user=request.user, peeled=str(_body(request).get("peeled", ""))
    )
    return JsonResponse(_ceremony(found.challenge, found.kind, request))


# --- the verifier -------------------------------------------------------------------------------------------------


@login_not_required
@require_safe
def verifier(request: HttpRequest) -> HttpResponse:
    """Check a record and receipts in one's own browser; nothing is sent to the platform."""
    context = {"module": module_address("verifier-page"), "sealer": sealer_package()}
    return render(request, "challenges/verifier.html", context)


@login_not_required
@require_safe
def sealer(request: HttpRequest) -> HttpResponse:
    """The command-line sealer and verifier as a zip, for everybody; its digest stands on the pages that name it."""
    package = sealer_package()
    response = HttpResponse(package.content, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    return response


@login_not_required
@require_safe
def call(request: HttpRequest, key: str) -> HttpResponse:
    """`call.json` of an open challenge: public keys and rules, for those who seal by the command line."""
    found = selectors.challenge_for(request.user, key)
    if not found.is_public or not openers.current_envelope_keys(found):
        raise Http404
    return JsonResponse(_call(found), json_dumps_params={"ensure_ascii": False, "indent": 1})
