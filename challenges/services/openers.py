"""Opening officers: keys made in their browsers, proofs, appointments, envelope keys (security.md C.3)."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Organisation, User
from accounts.permissions import is_member
from challenges.enums import AnnualListState, ChallengeState, EnvelopeKind, OpenerCapacity, ProgrammeModel
from challenges.models import AnnualList, Challenge, EnvelopeKey, OfficerKey, OfficerKeyProof, Opener
from challenges.parameters import Parameters, parameters_from
from challenges.permissions import handles_challenge, handles_list, is_in_office, may_be_opener
from challenges.sealing import keys
from challenges.sealing import verification as kinds
from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.sealing.errors import SealingError
from challenges.sealing.suites import DEFAULT_SUITE, KEY_LENGTH, load_public_key
from challenges.services.chain import chain_append
from challenges.services.movement import locked_challenge
from core import audit
from core.clock import database_now, now
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound, Reason

#: A proof of possession lasts this long before publication and before the opening (T-24 h asks for a new one).
PROOF_VALID = timedelta(days=7)
PROOF_ANSWER_WITHIN = timedelta(minutes=30)


# --- keys ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def officer_key_register(*, acting_user: User, public_key: str) -> OfficerKeyProof:
    """Keep the public half of a pair made in the officer's browser and ask the first question of possession.

    The key counts only once the question is answered. An earlier key stays for the lists it was named in.
    """
    _refuse_unfit(acting_user)
    try:
        raw = decode_bytes(public_key)
        digest = keys.fingerprint(raw)
    except SealingError as error:
        raise InvalidInput({"public_key": [error.message]}) from error
    if OfficerKey.objects.filter(fingerprint=digest).exists():
        raise InvalidInput({"public_key": [_("这把公钥已经登记过，请重新生成。")]})
    key = OfficerKey.objects.create(
        user=acting_user, suite=DEFAULT_SUITE.name, public_key=encode_bytes(raw), fingerprint=digest
    )
    audit.record(acting_user, "challenges.officer_key.register", key, {"fingerprint": digest})
    return _ask(key)


def _refuse_unfit(acting_user: User) -> None:
    """Who holds offices must be in one of them now; who holds none yet may get ready for one."""
    if not may_be_opener(acting_user):
        raise NotPermitted(_("系统、安全、审计管理员，以及不属于任何机构的人员，不能担任开启人。"))
    offices = list(Opener.objects.filter(user=acting_user).select_related("user", "organisation"))
    if offices and not any(is_in_office(one) for one in offices):
        raise NotPermitted(
            _("您已不在任：被更换，或已离开任命时所在的机构。如需再次担任开启人，请联系组织单位。"),
            code="not_in_office",
        )


def _ask(key: OfficerKey) -> OfficerKeyProof:
    question = keys.make_possession_challenge(key.suite, str(key.public_id), decode_bytes(key.public_key))
    return OfficerKeyProof.objects.create(
        key=key, sealed=encode_bytes(question.blob), answer_digest=question.answer_digest
    )


@transaction.atomic
def officer_key_question(*, key_public_id: UUID, acting_user: User) -> OfficerKeyProof:
    """A new question, as asked at publication and a day before the opening."""
    _refuse_unfit(acting_user)
    key = OfficerKey.objects.filter(public_id=key_public_id, user=acting_user, retired_at=None).first()
    if key is None:
        raise ObjectNotFound()
    return _ask(key)


@transaction.atomic
def officer_key_prove(*, proof_public_id: UUID, acting_user: User, answer: str) -> OfficerKey:
    """Check the answer: right, in time, once. A wrong one is refused and kept in the trail."""
    proof = (
        OfficerKeyProof.objects.select_for_update(of=("self",))
        .select_related("key")
        .filter(public_id=proof_public_id, key__user=acting_user)
        .first()
    )
    if proof is None:
        raise ObjectNotFound()
    _refuse_unfit(acting_user)
    moment = database_now()
    if proof.answered_at is not None or moment > proof.asked_at + PROOF_ANSWER_WITHIN:
        raise DomainError(_("这次验证已用过或已过期，请重新开始验证。"), code="proof_expired")
    try:
        right = keys.possession_is_proved(decode_bytes(answer), proof.answer_digest)
    except SealingError:
        right = False
    if not right:
        raise DomainError(_("验证没有通过：私钥与登记的公钥不匹配，请检查所选的密钥文件。"), code="proof_wrong")
    proof.answered_at = moment
    proof.save(update_fields=["answered_at"])
    key = proof.key
    key.proven_at = moment
    key.save(update_fields=["proven_at"])
    held = key.appointments.filter(replaced_at=None).select_related("user", "organisation")
    in_office = [appointment.pk for appointment in held if is_in_office(appointment)]
    Opener.objects.filter(pk__in=in_office).update(last_proven_at=moment)
    audit.record(acting_user, "challenges.officer_key.prove", key)
    return key


# --- appointments -------------------------------------------------------------------------------------------------


def _open_list(list_id: int, acting_user: User) -> AnnualList:
    annual_list = (
        AnnualList.objects.select_for_update(of=("self",)).select_related("programme").filter(pk=list_id).first()
    )
    if annual_list is None or not handles_list(acting_user, annual_list):
        raise ObjectNotFound()
    return annual_list


@transaction.atomic
def opener_appoint(*, list_id: int, acting_user: User, capacity: str, user: User, organisation: Organisation) -> Opener:
    """Name an officer before publication. Their own proven key is taken; without one they are asked to make it."""
    annual_list = _open_list(list_id, acting_user)
    if annual_list.state not in (AnnualListState.PREPARING, AnnualListState.LIST_PUBLICITY):
        raise DomainError(_("榜单已送审，开启人不能再改；请先退回编制。"), code="list_not_preparing")
    opener = _appoint(annual_list, acting_user, capacity, user, organisation)
    _forget_envelope_keys(annual_list)
    audit.record(acting_user, "challenges.opener.appoint", annual_list, {"user": str(user), "capacity": capacity})
    return opener


def _appoint(
    annual_list: AnnualList, acting_user: User, capacity: str, user: User, organisation: Organisation
) -> Opener:
    problems: dict[str, list[str]] = {}
    if capacity not in OpenerCapacity.values:
        problems["capacity"] = [_("请选择开启人的身份。")]
    if not may_be_opener(user):
        problems["user"] = [_("系统、安全、审计管理员不能担任开启人。")]
    elif not is_member(user, organisation):
        problems["user"] = [_("该人员不属于所选机构。")]
    if annual_list.openers.filter(user=user, replaced_at=None).exists():
        problems["user"] = [_("该人员已是本榜单的开启人。")]
    demanders = set(annual_list.challenges.values_list("demander_id", flat=True))
    if annual_list.programme.model == ProgrammeModel.GOVERNMENT and organisation.pk in demanders:
        problems["organisation"] = [_("政府发榜模式下，需求单位不能担任开启人。")]
    if problems:
        raise InvalidInput(problems)
    key = user.officer_keys.filter(retired_at=None, proven_at__isnull=False).order_by("-pk").first()
    return Opener.objects.create(
        annual_list=annual_list,
        capacity=capacity,
        user=user,
        organisation=organisation,
        key=key,
        appointed_by=acting_user,
        last_proven_at=key.proven_at if key is not None else None,
    )


def _forget_envelope_keys(annual_list: AnnualList) -> None:
    """Keys wrapped for other officers are of no use; before publication nothing was sealed to them."""
    EnvelopeKey.objects.filter(challenge__annual_list=annual_list, retired_at=None).update(retired_at=now())


@transaction.atomic
def opener_take_key(*, opener_id: int, acting_user: User) -> Opener:
    """The named officer brings the key they proved, before publication."""
    opener = (
        Opener.objects.select_for_update(of=("self",))
        .select_related("annual_list", "user", "organisation")
        .filter(pk=opener_id)
        .first()
    )
    if opener is None or opener.user_id != acting_user.pk or not is_in_office(opener):
        raise ObjectNotFound()
    if opener.annual_list.is_public:
        raise DomainError(
            _("榜单已发布，密钥不能再换；需要更换时请联系组织单位办理更换开启人。"), code="list_published"
        )
    key = acting_user.officer_keys.filter(retired_at=None, proven_at__isnull=False).order_by("-pk").first()
    if key is None:
        raise DomainError(_("请先生成并验证您的开启密钥。"), code="key_missing")
    if opener.key_id != key.pk:
        opener.key = key
        _forget_envelope_keys(opener.annual_list)
    opener.last_proven_at = key.proven_at
    opener.save(update_fields=["key", "last_proven_at"])
    audit.record(acting_user, "challenges.opener.take_key", opener.annual_list, {"fingerprint": key.fingerprint})
    return opener


@transaction.atomic
def opener_replace(
    *,
    opener_id: int,
    acting_user: User,
    user: User,
    organisation: Organisation,
    reason: str,
) -> Opener:
    """Replace an officer. After publication envelopes sealed to the old keys still open with the remaining officers.

    The new officer counts for keys made from now on: `challenge_rekey` (services.clarification) makes them and asks
    every bidder to seal again. Nothing already received is lost: with the default 2 of 3, the other two can open.
    """
    old = (
        Opener.objects.select_for_update(of=("self",))
        .select_related("key", "organisation")
        .filter(pk=opener_id, replaced_at=None)
        .first()
    )
    if old is None:
        raise ObjectNotFound()
    annual_list = _open_list(old.annual_list_id, acting_user)
    if not reason.strip():
        raise InvalidInput({"reason": [_("请写明更换理由。")]})
    old.replaced_at, old.replaced_reason = database_now(), reason.strip()
    old.save(update_fields=["replaced_at", "replaced_reason"])
    opener = _appoint(annual_list, acting_user, old.capacity, user, organisation)
    if not annual_list.is_public:
        _forget_envelope_keys(annual_list)
    _chain_replacement(annual_list, old, opener)
    audit.record(
        acting_user,
        "challenges.opener.replace",
        annual_list,
        {"from": str(old.user), "to": str(user), "reason": reason},
    )
    return opener


def _chain_replacement(annual_list: AnnualList, old: Opener, new: Opener) -> None:
    """Who left office, and who came, stands in every published challenge's chain: a verifier sees who might open."""
    body = {
        "officer": str(old.key.public_id) if old.key is not None else "",
        "organisation": str(old.organisation.public_id),
        "successor": str(new.key.public_id) if new.key is not None else "",
        "successor_organisation": str(new.organisation.public_id),
    }
    for pk in annual_list.challenges.exclude(suite="").exclude(chain=None).order_by("pk").values_list("pk", flat=True):
        chain_append(locked_challenge(pk), kinds.REPLACED, body)


def standing_openers(annual_list: AnnualList) -> list[Opener]:
    """Officers in office, in the order in which layers are peeled."""
    return list(
        annual_list.openers.filter(replaced_at=None).select_related("user", "organisation", "key").order_by("pk")
    )


def officers_of_keys(challenge: Challenge, envelope_keys: Iterable[EnvelopeKey]) -> list[Opener]:
    """Whom these keys are wrapped for, in order of appointment; each once, a replaced one too: the wrapping stands."""
    named = {officer for key in envelope_keys for one in key.wrapped for officer in one["officers"]}
    appointed = Opener.objects.filter(annual_list_id=challenge.annual_list_id, key__public_id__in=named)
    by_key = {
        opener.key_id: opener for opener in appointed.select_related("user", "organisation", "key").order_by("pk")
    }
    return sorted(by_key.values(), key=lambda opener: opener.pk)


def officers_of(openers: Sequence[Opener]) -> list[keys.Officer]:
    """As the sealing core knows them: by their key's public id."""
    return [
        keys.Officer(str(opener.key.public_id), str(opener.organisation.public_id), decode_bytes(opener.key.public_key))
        for opener in openers
        if opener.key is not None
    ]


def opener_reasons(annual_list: AnnualList, sheet: Parameters) -> list[Reason]:
    """Everything that would keep the list's bids from being opened, or opened fairly."""
    openers = standing_openers(annual_list)
    reasons = officer_reasons(openers, sheet)
    if reasons:
        return reasons
    for challenge in annual_list.challenges.order_by("sequence"):
        kinds = {key.kind for key in current_envelope_keys(challenge).values()}
        if kinds != set(EnvelopeKind.values):
            reasons.append(Reason("envelope_keys_missing", _("“%s”还没有生成封标密钥。") % challenge.title))
    return reasons


def officer_reasons(openers: Sequence[Opener], sheet: Parameters) -> list[Reason]:
    reasons = []
    if len(openers) != sheet.opening_officers:
        reasons.append(
            Reason(
                "openers_count",
                _("需要 %(wanted)d 名开启人，现有 %(found)d 名。")
                % {"wanted": sheet.opening_officers, "found": len(openers)},
            )
        )
    if len({opener.organisation_id for opener in openers}) < keys.LEAST_ORGANISATIONS:
        reasons.append(Reason("openers_organisations", _("开启人至少来自两个机构。")))
    reasons += _indispensable_reasons(openers, sheet.opening_threshold)
    if OpenerCapacity.SUPERVISION not in {opener.capacity for opener in openers}:
        reasons.append(Reason("openers_supervision", _("开启人中应有监督人员。")))
    for opener in openers:
        if not is_in_office(opener):
            reasons.append(Reason("opener_unfit", _("%s已不能担任开启人，请更换。") % opener.user))
        elif opener.key is None or opener.last_proven_at is None:
            reasons.append(Reason("opener_key_missing", _("开启人%s还没有生成并验证密钥。") % opener.user))
        elif opener.last_proven_at < database_now() - PROOF_VALID:
            reasons.append(Reason("opener_proof_old", _("开启人%s的密钥需要重新验证。") % opener.user))
    return reasons


def _indispensable_reasons(openers: Sequence[Opener], threshold: int) -> list[Reason]:
    """Officers without whom nobody could open: one lost key would lose every bid, so such a list is not published."""
    seats = {str(opener.pk): str(opener.organisation_id) for opener in openers}
    subsets = [
        subset for subset in itertools.combinations(seats, threshold) if keys.subset_is_valid(subset, seats, threshold)
    ]
    if not subsets:
        return []
    return [
        Reason(
            "opener_indispensable",
            _(
                "缺少%s一人，其余开启人就不能组成任何开启组合：密钥遗失或本人缺席时，全部标书将永远无法开启。"
                "请增加开启人（总人数应多于开启所需人数），或改由其他机构的人员担任。"
            )
            % opener.user,
        )
        for opener in openers
        if all(str(opener.pk) in subset for subset in subsets)
    ]


# --- envelope keys ------------------------------------------------------------------------------------------------


def current_envelope_keys(challenge: Challenge) -> dict[str, EnvelopeKey]:
    return {key.kind: key for key in challenge.envelope_keys.filter(retired_at=None)}


@transaction.atomic
def envelope_keys_store(
    *, challenge_id: int, acting_user: User, made: Sequence[Mapping[str, Any]]
) -> list[EnvelopeKey]:
    """Keep the key pairs made in the handler's browser: public halves, and private halves wrapped for the officers.

    `made`: [{"kind", "public_key", "wrapped": [{"officers", "blob", "layer_digests"}]}]. The server never sees a
    private half; it checks that every admissible subset of the present officers, and no other, has its copy.
    """
    challenge = locked_challenge(challenge_id)
    annual_list = challenge.annual_list
    if annual_list is None or not handles_challenge(acting_user, challenge):
        raise ObjectNotFound()
    if challenge.state != ChallengeState.SELECTED:
        raise DomainError(_("榜单已发布，更换密钥请使用“更换封标密钥”。"), code="list_published")
    sheet = parameters_from(annual_list.programme.parameters)
    stored = store_envelope_keys(challenge, acting_user, made, sheet)
    audit.record(
        acting_user,
        "challenges.envelope_keys.store",
        challenge,
        {key.kind: key.fingerprint for key in stored},
    )
    return stored


def store_envelope_keys(
    challenge: Challenge, acting_user: User, made: Sequence[Mapping[str, Any]], sheet: Parameters
) -> list[EnvelopeKey]:
    """Check and keep a complete set on a locked challenge, retiring the set before."""
    if challenge.annual_list is None:
        raise ObjectNotFound()
    openers = standing_openers(challenge.annual_list)
    trouble = officer_reasons(openers, sheet)
    if trouble:
        raise DomainError(trouble[0].message, code=trouble[0].code)
    kinds = [str(row.get("kind", "")) for row in made]
    if sorted(kinds) != sorted(EnvelopeKind.values):
        raise InvalidInput({"keys": [_("应为技术标书和报价各生成一对密钥。")]})
    last = challenge.envelope_keys.order_by("-generation").first()
    generation = last.generation + 1 if last is not None else 1
    rows = []
    for row in made:
        try:
            raw = decode_bytes(row.get("public_key"))
            digest = keys.fingerprint(raw)
            wrapped = _checked_wrapped(row.get("wrapped"), officers_of(openers), sheet.opening_threshold)
        except SealingError as error:
            raise InvalidInput({"keys": [error.message]}) from error
        rows.append(
            EnvelopeKey(
                challenge=challenge,
                kind=row["kind"],
                generation=generation,
                suite=DEFAULT_SUITE.name,
                public_key=encode_bytes(raw),
                fingerprint=digest,
                threshold=sheet.opening_threshold,
                wrapped=wrapped,
                created_by=acting_user,
            )
        )
    if EnvelopeKey.objects.filter(fingerprint__in=[row.fingerprint for row in rows]).exists():
        raise InvalidInput({"keys": [_("密钥已经用过，请重新生成。")]})
    challenge.envelope_keys.filter(retired_at=None).update(retired_at=now())
    return EnvelopeKey.objects.bulk_create(rows)


def _checked_wrapped(wrapped: Any, officers: Sequence[keys.Officer], threshold: int) -> list[dict[str, Any]]:
    wanted = keys.valid_subsets(officers, threshold)
    if not isinstance(wrapped, list) or any(not isinstance(one, Mapping) for one in wrapped):
        raise SealingError(_("封标密钥的分拆数据不完整。"))
    found = [tuple(str(officer) for officer in one.get("officers", ())) for one in wrapped]
    if sorted(found) != sorted(wanted):
        raise SealingError(_("封标密钥没有为每一组开启人各保存一份，请重新生成。"))
    checked = []
    for one in wrapped:
        blob = decode_bytes(one.get("blob"))
        digests = one.get("layer_digests")
        if len(blob) != keys.wrapped_length(threshold):
            raise SealingError(_("封标密钥的分拆数据长度不正确，请重新生成。"))
        load_public_key(blob[:KEY_LENGTH])
        if (
            not isinstance(digests, list)
            or len(digests) != threshold - 1
            or any(not isinstance(digest, str) or len(digest) != hashlib.sha256().digest_size * 2 for digest in digests)
        ):
            raise SealingError(_("封标密钥的分层摘要不正确，请重新生成。"))
        checked.append({"officers": list(one["officers"]), "blob": encode_bytes(blob), "layer_digests": digests})
    return checked
