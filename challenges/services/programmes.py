"""Programmes and annual lists: the call, its close, the list, 拟发榜公示, 发榜 (domain.md §2.2 a–c)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.permissions import organisation_of
from challenges.due_days import DUE_DAYS
from challenges.enums import (
    AnnualListState,
    ChallengeState,
    ProgrammeModel,
    ProgrammeState,
    PublicityState,
)
from challenges.events import AnnualListPublished, ProgrammeCalled, PublicityStarted
from challenges.models import AnnualList, Challenge, ChallengeVersion, Programme, Publicity
from challenges.parameters import checked, default_parameters, parameters_from, stored
from challenges.permissions import handles_list, handles_programme, may_run_programmes
from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.sealing.receipts import time_text
from challenges.sealing.suites import DEFAULT_SUITE
from challenges.sealing.verification import PUBLISHED, layer_digest
from challenges.services.chain import chain_append
from challenges.services.due_days import due_day_tell
from challenges.services.movement import locked_challenge, move
from challenges.services.openers import current_envelope_keys, officers_of_keys, opener_reasons
from challenges.signing import signer
from challenges.states import LIST_MACHINE, PROGRAMME_MACHINE
from challenges.validators import publication_problems
from core import audit, outbox
from core.clock import database_now, today
from core.content_keys import new_data_key
from core.errors import DomainError, GuardFailed, InvalidInput, NotPermitted, ObjectNotFound, Reason
from core.transitions import transition
from core.working_days import period

PROGRAMME_FIELDS = ("title", "basis", "call_text", "needs_open_at", "needs_close_at", "check_due_at")


# --- programmes ---------------------------------------------------------------------------------------------------


@transaction.atomic
def programme_create(
    *,
    acting_user: User,
    year: int,
    model: str,
    values: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
) -> Programme:
    """Open a year's programme of one organising model; `parameters` override the model's defaults (§2.3)."""
    if not may_run_programmes(acting_user):
        raise NotPermitted(_("组织揭榜计划需要“科技部门经办人”角色。"))
    if model not in ProgrammeModel.values:
        raise InvalidInput({"model": [_("请选择组织模式。")]})
    programme = Programme(year=year, model=model, owner=organisation_of(acting_user), created_by=acting_user, title="")
    _apply(programme, values)
    sheet = stored(default_parameters(model)) | dict(parameters or {})
    programme.parameters = stored(checked(parameters_from(sheet)))
    programme.save()
    audit.record(acting_user, "challenges.programme.create", programme, {"parameters": programme.parameters})
    return programme


def _apply(programme: Programme, values: Mapping[str, Any]) -> None:
    unknown = set(values) - set(PROGRAMME_FIELDS)
    if unknown:
        raise InvalidInput({name: [_("没有这个栏目，或者不能填写。")] for name in sorted(unknown)})
    for name, value in values.items():
        setattr(programme, name, value)
    if not programme.title.strip():
        raise InvalidInput({"title": [_("请填写计划名称。")]})


def _locked_programme(programme_id: int) -> Programme:
    programme = Programme.objects.select_for_update().filter(pk=programme_id).first()
    if programme is None:
        raise ObjectNotFound()
    return programme


@transaction.atomic
def programme_save(
    *,
    programme_id: int,
    acting_user: User,
    values: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
) -> Programme:
    """Change a programme before its call. After the call nobody changes its clock or parameters (domain.md §6)."""
    programme = _locked_programme(programme_id)
    if not handles_programme(acting_user, programme):
        raise ObjectNotFound()
    if programme.state != ProgrammeState.PREPARING:
        raise DomainError(_("征集通知已经发布，时间和参数不能再改。"), code="programme_called")
    _apply(programme, values)
    if parameters is not None:
        programme.parameters = stored(checked(parameters_from({**programme.parameters, **parameters})))
    programme.save()
    audit.record(acting_user, "challenges.programme.save", programme, {"parameters": programme.parameters})
    return programme


def _move_programme(programme: Programme, action: str, acting_user: User | None) -> None:
    source = transition(programme, action, PROGRAMME_MACHINE, by=acting_user)
    audit.record(acting_user, f"challenges.programme.{action}", programme, {"from": source})


@transaction.atomic
def programme_call(*, programme_id: int, acting_user: User) -> Programme:
    """Publish the call for needs."""
    programme = _locked_programme(programme_id)
    _move_programme(programme, "call", acting_user)
    outbox.publish(ProgrammeCalled(programme.pk))
    return programme


@transaction.atomic
def programme_archive(*, programme_id: int, acting_user: User) -> Programme:
    programme = _locked_programme(programme_id)
    _move_programme(programme, "archive", acting_user)
    return programme


def programmes_collect() -> int:
    """Close every call whose time is over (the clock's job); returns how many."""
    due = Programme.objects.filter(state=ProgrammeState.CALLING, needs_close_at__lte=database_now())
    closed = 0
    for key in due.values_list("pk", flat=True):
        with transaction.atomic():
            programme = _locked_programme(key)
            if programme.state == ProgrammeState.CALLING:
                _move_programme(programme, "collect", None)
                due_day_tell(DUE_DAYS["programme.needs_close_at"], programme, "over")
                closed += 1
    return closed


# --- annual lists -------------------------------------------------------------------------------------------------


def _locked_list(list_id: int) -> AnnualList:
    annual_list = (
        AnnualList.objects.select_for_update(of=("self",)).select_related("programme").filter(pk=list_id).first()
    )
    if annual_list is None:
        raise ObjectNotFound()
    return annual_list


@transaction.atomic
def annual_list_create(*, programme_id: int, acting_user: User, title: str = "", foreword: str = "") -> AnnualList:
    """Open the next list of the year. Numbers run through a year across programmes."""
    programme = _locked_programme(programme_id)
    if not handles_programme(acting_user, programme):
        raise ObjectNotFound()
    last = AnnualList.objects.filter(year=programme.year).order_by("-issue_number").first()
    issue = last.issue_number + 1 if last is not None else 1
    annual_list = AnnualList.objects.create(
        programme=programme,
        year=programme.year,
        issue_number=issue,
        title=title.strip()
        or _("%(year)d年度“揭榜挂帅”榜单（第%(issue)d批）") % {"year": programme.year, "issue": issue},
        foreword=foreword,
    )
    annual_list.editors.add(acting_user)
    audit.record(acting_user, "challenges.annual_list.create", annual_list)
    return annual_list


def _preparing(list_id: int, acting_user: User) -> AnnualList:
    annual_list = _locked_list(list_id)
    if not handles_list(acting_user, annual_list):
        raise ObjectNotFound()
    if annual_list.state != AnnualListState.PREPARING:
        raise DomainError(
            _("榜单当前为“%s”，条目不能增减。") % annual_list.get_state_display(), code="list_not_preparing"
        )
    annual_list.editors.add(acting_user)
    return annual_list


@transaction.atomic
def annual_list_add(*, list_id: int, challenge_ids: Sequence[int], acting_user: User) -> int:
    """Put selected needs on the list; GuardFailed names every one that is not selected or stands elsewhere."""
    annual_list = _preparing(list_id, acting_user)
    reasons, chosen = [], []
    for key in dict.fromkeys(challenge_ids):
        challenge = locked_challenge(key)
        if challenge.programme_id != annual_list.programme_id or challenge.state != ChallengeState.SELECTED:
            reasons.append(
                Reason(
                    "not_selected",
                    _("“%(title)s”当前为“%(state)s”，不能列入本榜单。")
                    % {"title": challenge.title, "state": challenge.get_state_display()},
                )
            )
        elif challenge.annual_list_id not in (None, annual_list.pk):
            reasons.append(Reason("on_another_list", _("“%s”已在另一份榜单中。") % challenge.title))
        else:
            chosen.append(challenge)
    if reasons:
        raise GuardFailed(reasons)
    start = annual_list.challenges.count()
    for position, challenge in enumerate(chosen, start + 1):
        challenge.annual_list, challenge.sequence = annual_list, position
        challenge.save(update_fields=["annual_list", "sequence"])
    audit.record(acting_user, "challenges.annual_list.add", annual_list, {"challenges": [row.pk for row in chosen]})
    return len(chosen)


@transaction.atomic
def annual_list_remove(*, list_id: int, challenge_id: int, acting_user: User) -> None:
    annual_list = _preparing(list_id, acting_user)
    challenge = locked_challenge(challenge_id)
    if challenge.annual_list_id != annual_list.pk:
        raise ObjectNotFound()
    challenge.annual_list, challenge.sequence = None, 0
    challenge.save(update_fields=["annual_list", "sequence"])
    _number(annual_list.challenges.order_by("sequence", "pk"))
    audit.record(acting_user, "challenges.annual_list.remove", annual_list, {"challenge": challenge.pk})


@transaction.atomic
def annual_list_reorder(*, list_id: int, challenge_ids: Sequence[int], acting_user: User) -> None:
    """Put the items in the order given, which names each of them once; numbers follow it at publication."""
    annual_list = _preparing(list_id, acting_user)
    items = annual_list.challenges.in_bulk()
    if sorted(challenge_ids) != sorted(items):
        raise InvalidInput({"items": [_("顺序中须包含全部条目，每条一次。请刷新后重试。")]})
    _number(items[key] for key in challenge_ids)
    audit.record(acting_user, "challenges.annual_list.reorder", annual_list, {"challenges": list(challenge_ids)})


def _number(items: Iterable[Challenge]) -> None:
    for position, item in enumerate(items, 1):
        if item.sequence != position:
            item.sequence = position
            item.save(update_fields=["sequence"])


def _move_list(
    annual_list: AnnualList,
    action: str,
    acting_user: User,
    context: Mapping[str, Any] | None = None,
    update_fields: Sequence[str] = (),
) -> None:
    source = transition(annual_list, action, LIST_MACHINE, by=acting_user, context=context, update_fields=update_fields)
    told = {key: value for key, value in (context or {}).items() if isinstance(value, str | bool)}
    audit.record(acting_user, f"challenges.annual_list.{action}", annual_list, {"from": source, **told})


def _publication_context(annual_list: AnnualList) -> dict[str, Any]:
    sheet = parameters_from(annual_list.programme.parameters)
    item_reasons = [
        reason
        for challenge in annual_list.challenges.select_related("programme", "demander")
        for reason in publication_problems(challenge, sheet)
    ]
    item_reasons += [
        Reason("demander_not_agreed", _("“%s”的需求单位尚未确认最终文本。") % challenge.title)
        for challenge in annual_list.challenges.filter(demander_agreed_at=None)
    ]
    return {
        "item_reasons": item_reasons,
        "needs_publicity": sheet.list_publicity,
        "opener_reasons": opener_reasons(annual_list, sheet),
    }


@transaction.atomic
def annual_list_publicise(*, list_id: int, acting_user: User) -> AnnualList:
    """拟发榜公示, where the programme asks for it (荣成 2023): working days by the loaded calendar, or loud failure."""
    annual_list = _locked_list(list_id)
    sheet = parameters_from(annual_list.programme.parameters)
    span = period(today(), sheet.publicity_working_days)
    annual_list.publicity_first_day, annual_list.publicity_last_day = span.first_day, span.last_day
    annual_list.calendar_versions = list(span.calendar_versions)
    _move_list(
        annual_list,
        "publicise",
        acting_user,
        update_fields=["publicity_first_day", "publicity_last_day", "calendar_versions"],
    )
    annual_list.editors.add(acting_user)
    publicity = Publicity.objects.create(
        annual_list=annual_list,
        working_days=span.working_days,
        first_day=span.first_day,
        last_day=span.last_day,
        calendar_versions=list(span.calendar_versions),
        content={
            "title": annual_list.title,
            "items": [
                {"title": row.title, "demander": str(row.demander)}
                for row in annual_list.challenges.select_related("demander").order_by("sequence")
            ],
        },
        started_by=acting_user,
    )
    outbox.publish(PublicityStarted(publicity.pk))
    return annual_list


@transaction.atomic
def annual_list_send_to_approval(*, list_id: int, acting_user: User) -> AnnualList:
    annual_list = _locked_list(list_id)
    _move_list(annual_list, "send_to_approval", acting_user, _publication_context(annual_list))
    annual_list.editors.add(acting_user)
    return annual_list


@transaction.atomic
def annual_list_return(*, list_id: int, acting_user: User, comment: str) -> AnnualList:
    annual_list = _locked_list(list_id)
    annual_list.approval_comment = comment.strip()
    _move_list(annual_list, "return", acting_user, {"comment": comment}, update_fields=["approval_comment"])
    return annual_list


@transaction.atomic
def annual_list_publish(
    *, list_id: int, acting_user: User, minutes_number: str, secrecy_reviewer_name: str
) -> AnnualList:
    """发榜: parameters, texts and key fingerprints are frozen; numbers are given; bidding begins.

    The approver edited nothing of it. Everything is checked again at this moment, by the database's clock.
    """
    annual_list = _locked_list(list_id)
    challenges = [locked_challenge(key) for key in annual_list.challenges.order_by("pk").values_list("pk", flat=True)]
    annual_list.approver, annual_list.published_at = acting_user, database_now()
    annual_list.minutes_number = minutes_number.strip()[:60]
    annual_list.secrecy_reviewer_name = secrecy_reviewer_name.strip()[:40]
    annual_list.parameters = stored(checked(parameters_from(annual_list.programme.parameters)))
    context = _publication_context(annual_list) | {
        "minutes_number": minutes_number,
        "secrecy_reviewer_name": secrecy_reviewer_name,
    }
    _move_list(
        annual_list,
        "publish",
        acting_user,
        context,
        update_fields=["approver", "published_at", "minutes_number", "secrecy_reviewer_name", "parameters"],
    )
    annual_list.publicities.filter(state=PublicityState.RUNNING).update(
        state=PublicityState.ENDED, ended_at=database_now()
    )
    position = Challenge.objects.filter(annual_list__year=annual_list.year, code__isnull=False).count()
    for challenge in sorted(challenges, key=lambda row: row.sequence):
        position += 1
        challenge.annual_list = annual_list
        _publish_challenge(challenge, f"JB{annual_list.year}-{position:03d}", acting_user)
    outbox.publish(AnnualListPublished(annual_list.pk))
    return annual_list


def _publish_challenge(challenge: Challenge, code: str, acting_user: User) -> None:
    challenge.code, challenge.published_at = code, database_now()
    challenge.suite = DEFAULT_SUITE.name
    # Made now: an installation without CONTENT_KEYS learns it here and not at the opening, when everybody waits.
    challenge.content_key = new_data_key()
    move(
        challenge,
        "publish",
        acting_user=acting_user,
        update_fields=["code", "published_at", "suite", "content_key"],
        detail={"code": code},
    )
    version = keep_version(challenge, acting_user, reason="", material=False)
    chain_append(challenge, PUBLISHED, published_body(challenge, version))


def published_content(challenge: Challenge) -> dict[str, Any]:
    """The text everybody may read, as frozen into a version. No private contact, no working file."""
    return {
        "code": challenge.code,
        "title": challenge.title,
        "demander": str(challenge.demander),
        "background": challenge.background,
        "content": challenge.content,
        "expected_result": challenge.expected_result,
        "intellectual_property": challenge.intellectual_property,
        "acceptance_method": challenge.acceptance_method,
        "eligibility_conditions": challenge.eligibility_conditions,
        "duration_months": challenge.duration_months,
        "own_funding_fen": challenge.own_funding_fen,
        "grant_cap_fen": challenge.grant_cap_fen,
        "budget_source": challenge.budget_source,
        "criteria": challenge.criteria,
        "indicators": [
            {
                "sequence": row.sequence,
                "name": row.name,
                "baseline": row.baseline,
                "target": row.target,
                "unit": row.unit,
                "method": row.method,
            }
            for row in challenge.indicators.all()
        ],
        "question_deadline_at": challenge.question_deadline_at.isoformat() if challenge.question_deadline_at else "",
        "deadline_at": challenge.deadline_at.isoformat() if challenge.deadline_at else "",
    }


def keep_version(challenge: Challenge, acting_user: User | None, *, reason: str, material: bool) -> ChallengeVersion:
    """Freeze the present text as the next version."""
    last = challenge.versions.order_by("-number").first()
    number = last.number + 1 if last is not None else 1
    challenge.content_version = number
    challenge.save(update_fields=["content_version"])
    return ChallengeVersion.objects.create(
        challenge=challenge,
        number=number,
        content=published_content(challenge),
        reason=reason,
        material=material,
        deadline_at=challenge.deadline_at,
        published_by=acting_user,
    )


def published_body(challenge: Challenge, version: ChallengeVersion) -> dict[str, Any]:
    """The chain's link of a publication: text, deadline, officers and keys in force (docs/sealing.md, call)."""
    keys_in_force = current_envelope_keys(challenge)
    openers = officers_of_keys(challenge, keys_in_force.values())
    threshold = max((key.threshold for key in keys_in_force.values()), default=0)
    return {
        "challenge": str(challenge.public_id),
        "suite": challenge.suite,
        "version": version.number,
        "deadline": time_text(challenge.deadline_at) if challenge.deadline_at else "",
        "signing_key": encode_bytes(signer().public_key),
        "threshold": threshold,
        "officers": [
            {
                "id": str(opener.key.public_id),
                "organisation": str(opener.organisation.public_id),
                "capacity": opener.capacity,
                "in_office": opener.replaced_at is None,
                "public_key": opener.key.public_key,
                "fingerprint": opener.key.fingerprint,
            }
            for opener in openers
            if opener.key is not None
        ],
        "envelopes": [
            {
                "kind": key.kind,
                "public_key": key.public_key,
                "fingerprint": key.fingerprint,
                "wrapped": [
                    {
                        "officers": one["officers"],
                        "blob_sha256": layer_digest(decode_bytes(one["blob"])),
                        "layer_digests": one["layer_digests"],
                    }
                    for one in key.wrapped
                ],
            }
            for key in sorted(keys_in_force.values(), key=lambda row: row.kind)
        ],
        "content": version.content,
    }


@transaction.atomic
def annual_list_archive(*, list_id: int, acting_user: User) -> AnnualList:
    annual_list = _locked_list(list_id)
    _move_list(annual_list, "archive", acting_user)
    return annual_list


@transaction.atomic
def challenge_reissue(*, challenge_id: int, programme_id: int, acting_user: User, comment: str) -> Challenge:
    """After 流榜: a new item linked to the old one, selected already; the old one says where it went (§2.4)."""
    challenge = locked_challenge(challenge_id)
    programme = Programme.objects.filter(pk=programme_id).first()
    if programme is None or not handles_programme(acting_user, programme):
        raise ObjectNotFound()
    move(challenge, "reissue", acting_user=acting_user, context={"comment": comment}, detail={"comment": comment})
    indicators = list(challenge.indicators.all())
    copied = {
        field.attname: getattr(challenge, field.attname)
        for field in Challenge._meta.concrete_fields
        if field.name in _REISSUED_FIELDS
    }
    again = Challenge.objects.create(**copied, programme=programme, reissue_of=challenge, state=ChallengeState.SELECTED)
    for row in indicators:
        row.pk, row.challenge = None, again
        row.save(force_insert=True)
    audit.record(acting_user, "challenges.challenge.reissued", again, {"reissue_of": challenge.code})
    return again


_REISSUED_FIELDS = frozenset(
    {
        "demander",
        "created_by",
        "submitted_by",
        "title",
        "background",
        "content",
        "expected_result",
        "intellectual_property",
        "acceptance_method",
        "eligibility_conditions",
        "restricts_by",
        "category",
        "industry",
        "region",
        "duration_months",
        "own_funding_fen",
        "grant_cap_fen",
        "budget_source",
        "public_contact_office",
        "public_contact_phone",
        "public_contact_email",
        "states_no_secret",
        "criteria",
        "fair_competition_conclusion",
        "fair_competition_reviewer",
        "fair_competition_ends_on",
    }
)
