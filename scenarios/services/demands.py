"""Writes about demands: drafts, submission, the two reviews, what happens after publication."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.permissions import organisation_of
from core import audit, outbox
from core.clock import now, today
from core.errors import DomainError, EditConflict, InvalidInput, NotPermitted, ObjectNotFound
from core.models import TechnologyTag
from core.money import UnreadableAmount, parse_amount
from core.texts import text_problems
from core.transitions import transition
from core.working_days import period
from scenarios.enums import (
    Restriction,
    ReviewConclusion,
    ReviewStage,
    ScenarioSource,
    ScenarioState,
)
from scenarios.events import ScenarioChanged, ScenarioTransitioned
from scenarios.models import FairCompetitionReview, Scenario, ScenarioReview, ScenarioVersion
from scenarios.permissions import acts_as_owner, may_create_scenario, may_edit_scenario
from scenarios.selectors import content_of
from scenarios.states import SCENARIO_MACHINE
from scenarios.validators import PUBLIC_TEXT_FIELDS

#: Working days a reviewer has for each stage (domain.md §3.3, our choice where the plan is silent).
REVIEW_WORKING_DAYS = 5

#: What the owner may write; state, versions and numbers are never in a form.
EDITABLE_FIELDS = frozenset(
    {
        *PUBLIC_TEXT_FIELDS,
        "scenario_type",
        "funding_nature",
        "level",
        "data_class",
        "category",
        "industry",
        "region",
        "lead_department",
        "is_cross_region",
        "needed_by",
        "deadline_at",
        "required_credentials",
        "restricts_by",
        "public_contact_email",
        "private_contact_name",
        "private_contact_phone",
        "no_state_secret",
        "previous",
        "tags",
    }
)
CHOICES = {
    name: dict(getattr(Scenario._meta.get_field(name), "choices", ()))
    for name in ("scenario_type", "funding_nature", "level", "data_class")
}


# --- drafts ------------------------------------------------------------------------------------------------------


def apply_budget(scenario: Scenario) -> list[str]:
    """Read the amounts out of `budget_text`; the text stays as typed. Returns what could not be understood."""
    if not scenario.budget_text.strip():
        scenario.budget_min_fen = scenario.budget_max_fen = None
        return []
    try:
        amount = parse_amount(scenario.budget_text, default_unit=scenario.budget_unit)
    except UnreadableAmount as error:
        scenario.budget_min_fen = scenario.budget_max_fen = None
        return [str(error)]
    scenario.budget_min_fen, scenario.budget_max_fen = amount.minimum_fen, amount.maximum_fen
    scenario.budget_unit = amount.unit
    return list(amount.warnings)


def _apply(scenario: Scenario, values: Mapping[str, Any], acting_user: User) -> list[str]:
    unknown = set(values) - EDITABLE_FIELDS
    if unknown:
        raise InvalidInput({name: [_("没有这个栏目，或者不能填写。")] for name in sorted(unknown)})
    problems: dict[str, list[str]] = {}
    for name, value in values.items():
        if name == "tags":
            continue
        if name in CHOICES and value not in CHOICES[name]:
            problems[name] = [_("请从给出的选项中选择。")]
            continue
        if name == "restricts_by" and not set(value) <= set(Restriction.values):
            problems[name] = [_("请从给出的选项中选择。")]
            continue
        if wrong := text_problems(scenario, {name: value}):
            problems |= wrong
            continue
        setattr(scenario, name, value)
    previous = scenario.previous
    if previous is not None and (previous.pk == scenario.pk or previous.owner_id != scenario.owner_id):
        problems["previous"] = [_("“前次发布”只能选择本单位的另一项需求。")]
    if problems:
        raise InvalidInput(problems)
    if "no_state_secret" in values:
        scenario.no_state_secret_by = acting_user if values["no_state_secret"] else None
    names = [
        field.name
        for field in Scenario._meta.concrete_fields
        if field.name in values and field.name not in ("category", "industry", "region", "lead_department", "previous")
    ]
    if "title" in values and not scenario.title.strip():
        raise InvalidInput({"title": [_("请填写需求名称。")]})
    try:
        scenario.clean_fields(
            exclude=[field.name for field in Scenario._meta.concrete_fields if field.name not in names]
        )
    except ValidationError as error:
        raise InvalidInput({name: list(texts) for name, texts in error.message_dict.items()}) from error
    return apply_budget(scenario)


@transaction.atomic
def scenario_create(*, acting_user: User, values: Mapping[str, Any], source: str = ScenarioSource.FORM) -> Scenario:
    """Begin a draft for the organisation the person acts for. Only a title is needed; the rest may follow."""
    if not may_create_scenario(acting_user):
        raise NotPermitted(_("填报需求需要“需求填报人”角色，请联系本单位管理员授权。"))
    owner = organisation_of(acting_user)
    if owner is None:
        raise NotPermitted()
    scenario = Scenario(owner=owner, created_by=acting_user, source=source, level=owner.level, region=owner.region)
    _apply(scenario, {"title": "", **values}, acting_user)
    scenario.save()
    if "tags" in values:
        scenario.tags.set(values["tags"])
    audit.record(acting_user, "scenarios.scenario.create", scenario)
    return scenario


@transaction.atomic
def scenario_save(
    *,
    scenario_id: int,
    acting_user: User,
    values: Mapping[str, Any],
    expected_version: int | None = None,
    section: str = "",
) -> tuple[Scenario, list[str]]:
    """Save a draft or a demand under supplement; returns it with remarks about what was not understood.

    `expected_version` is the `document_version` the form was opened with: EditConflict when somebody saved since,
    so that nobody's words are overwritten unseen. A save with nothing new changes nothing. `section` is the one that a
    person finished with the button: it is done from now on even if everything in it may stay empty.
    """
    scenario = _locked(scenario_id)
    if not may_edit_scenario(acting_user, scenario):
        raise _refusal_to_edit(scenario, acting_user)
    if expected_version is not None and expected_version != scenario.document_version:
        raise EditConflict()
    before = _comparable(scenario)
    remarks = _apply(scenario, values, acting_user)
    tags_changed = "tags" in values and set(values["tags"]) != set(scenario.tags.all())
    if section and section not in (scenario.saved_sections or ()):
        scenario.saved_sections = [*(scenario.saved_sections or ()), section]
        Scenario.objects.filter(pk=scenario.pk).update(saved_sections=scenario.saved_sections)
        before["saved_sections"] = scenario.saved_sections
    if _comparable(scenario) == before and not tags_changed:
        return scenario, remarks
    if tags_changed:
        scenario.tags.set(values["tags"])
    _touch(scenario)
    scenario.save()
    audit.record(acting_user, "scenarios.scenario.save", scenario, {"fields": sorted(values)})
    return scenario, remarks


def _comparable(scenario: Scenario) -> dict[str, Any]:
    return {field.attname: getattr(scenario, field.attname) for field in Scenario._meta.concrete_fields}


def _refusal_to_edit(scenario: Scenario, user: User) -> DomainError:
    if not acts_as_owner(user, scenario):
        return ObjectNotFound()
    return DomainError(
        _("当前状态为“%s”，内容不能修改。需要修改时请先撤回，或等待审核退回。") % scenario.get_state_display(),
        code="not_editable",
    )


@transaction.atomic
def fair_competition_review_save(
    *,
    scenario_id: int,
    acting_user: User,
    reviewer_name: str,
    conclusion: str,
    exception_clause: str,
    ends_on: date | None,
    attachment: Any = None,
) -> FairCompetitionReview:
    """Record the review that restrictive conditions need (V17). The attachment may follow; submission checks it."""
    scenario = _locked(scenario_id)
    if not may_edit_scenario(acting_user, scenario):
        raise _refusal_to_edit(scenario, acting_user)
    problems: dict[str, list[str]] = {}
    if not reviewer_name.strip():
        problems["reviewer_name"] = [_("请填写审查单位或人员。")]
    if not conclusion.strip():
        problems["conclusion"] = [_("请填写审查结论。")]
    if ends_on is None:
        problems["ends_on"] = [_("请填写实施期限（公平竞争审查条例第十二条）。")]
    elif ends_on < today():
        problems["ends_on"] = [_("实施期限已经过去，请填写将来的日期。")]
    if problems:
        raise InvalidInput(problems)
    values = {
        "reviewer_name": reviewer_name,
        "conclusion": conclusion,
        "exception_clause": exception_clause,
        "ends_on": ends_on,
    }
    if attachment is not None:
        values["attachment"] = attachment
    review, _created = FairCompetitionReview.objects.update_or_create(scenario=scenario, defaults=values)
    _touch(scenario)
    scenario.save(update_fields=["document_version", "updated_at"])
    audit.record(acting_user, "scenarios.scenario.fair_competition_review", scenario)
    return review


@transaction.atomic
def scenario_copy(*, scenario_id: int, acting_user: User) -> Scenario:
    """A new draft with the text of an earlier demand of one's own (上期复制), linked to it as a repeat."""
    original = Scenario.objects.filter(pk=scenario_id).first()
    if original is None or not acts_as_owner(acting_user, original):
        raise ObjectNotFound()
    copied = {
        name: getattr(original, name)
        for name in EDITABLE_FIELDS - {"tags", "previous", "no_state_secret", "deadline_at", "needed_by"}
    }
    scenario = scenario_create(acting_user=acting_user, values={**copied, "previous": original})
    scenario.tags.set(original.tags.all())
    return scenario


# --- the machine -------------------------------------------------------------------------------------------------


def _locked(scenario_id: int) -> Scenario:
    scenario = (
        Scenario.objects.select_for_update(of=("self",))
        .select_related("owner", "owner__region", "region", "category", "fair_competition_review")
        .filter(pk=scenario_id)
        .first()
    )
    if scenario is None:
        raise ObjectNotFound()
    return scenario


def _touch(scenario: Scenario) -> None:
    scenario.document_version += 1
    scenario.updated_at = now()
    if scenario.state != ScenarioState.DRAFT:
        outbox.publish(ScenarioChanged(scenario.pk, scenario.document_version))


@transaction.atomic
def scenarios_refresh(*, owner_id: int) -> None:
    """Tell search that the demander has changed: its demands show its name, kind and region."""
    rows = Scenario.objects.filter(owner_id=owner_id).exclude(state=ScenarioState.DRAFT)
    rows.update(document_version=F("document_version") + 1)
    outbox.publish_many(ScenarioChanged(key, version) for key, version in rows.values_list("pk", "document_version"))


def move(
    scenario: Scenario,
    action: str,
    *,
    acting_user: User | None,
    context: Mapping[str, Any] | None = None,
    update_fields: Sequence[str] = (),
    detail: Mapping[str, Any] | None = None,
    review: ScenarioReview | None = None,
) -> Scenario:
    """One step of machine E on a locked row, with its trail and its events. Shared by this app's services."""
    source = transition(
        scenario,
        action,
        SCENARIO_MACHINE,
        by=acting_user,
        context=context,
        update_fields=update_fields,
    )
    scenario.document_version += 1
    scenario.updated_at = now()
    scenario.save(update_fields=["document_version", "updated_at"])
    if review is not None:
        review.save()
    audit.record(acting_user, f"scenarios.scenario.{action}", scenario, {"from": source, **(detail or {})})
    outbox.publish_many(
        [
            ScenarioTransitioned(
                scenario.pk,
                action,
                source,
                scenario.state,
                acting_user.pk if acting_user else None,
                review.pk if review else None,
                scenario.document_version,
            ),
            ScenarioChanged(scenario.pk, scenario.document_version),
        ]
    )
    return scenario


def keep_version(scenario: Scenario, acting_user: User | None) -> ScenarioVersion:
    """The stored version of the present content; a new one only if the content differs from the last."""
    content = content_of(scenario)
    last = scenario.versions.order_by("-version").first()
    if last is not None and last.content == content:
        return last
    scenario.content_version = last.version + 1 if last is not None else 1
    scenario.save(update_fields=["content_version"])
    return ScenarioVersion.objects.create(
        scenario=scenario, version=scenario.content_version, content=content, created_by=acting_user
    )


def review_due_date() -> date:
    """Five working days from today; CalendarMissing if the year's arrangement is not loaded (V09)."""
    return period(today(), REVIEW_WORKING_DAYS).last_day


@transaction.atomic
def scenario_submit(*, scenario_id: int, acting_user: User) -> Scenario:
    """Hand a draft to the first review. Search, mail and reminders follow from the event, not from here."""
    scenario = _locked(scenario_id)
    if not acts_as_owner(acting_user, scenario):
        raise ObjectNotFound()
    scenario.submitted_by, scenario.submitted_at = acting_user, now()
    scenario.review_due_on = review_due_date()
    move(
        scenario,
        "submit",
        acting_user=acting_user,
        update_fields=["submitted_by", "submitted_at", "review_due_on"],
    )
    keep_version(scenario, acting_user)
    return scenario


def _review(
    scenario: Scenario, stage: str, conclusion: str, acting_user: User, comment: str, defects: Sequence[Any]
) -> ScenarioReview:
    return ScenarioReview(
        scenario=scenario,
        version=scenario.content_version,
        stage=stage,
        conclusion=conclusion,
        comment=comment.strip(),
        defects=[defect for defect in defects if str(defect.get("reason", "")).strip()],
        reviewer=acting_user,
        reviewer_organisation=acting_user.current_organisation,
    )


#: Review action → (stage, conclusion).
REVIEW_ACTIONS = {
    "pass_first": (ReviewStage.FIRST, ReviewConclusion.PASSED),
    "return_first": (ReviewStage.FIRST, ReviewConclusion.RETURNED),
    "reject_first": (ReviewStage.FIRST, ReviewConclusion.NOT_ACCEPTED),
    "pool": (ReviewStage.PROVINCIAL, ReviewConclusion.PASSED),
    "return_provincial": (ReviewStage.PROVINCIAL, ReviewConclusion.RETURNED),
    "reject_provincial": (ReviewStage.PROVINCIAL, ReviewConclusion.NOT_ACCEPTED),
}


@transaction.atomic
def scenario_review(
    *,
    scenario_id: int,
    action: str,
    acting_user: User,
    comment: str = "",
    defects: Sequence[Mapping[str, str]] = (),
    secrecy_reviewed: bool = False,
    expected_version: int | None = None,
) -> Scenario:
    """Pass, return or reject at either stage; `defects` are {"field", "reason"} and are all told at once.

    `expected_version` is the content version that was read: EditConflict if the text changed since, so that nobody
    passes what they did not see.
    """
    if action not in REVIEW_ACTIONS:
        raise InvalidInput({"action": [_("没有这种审核操作。")]})
    scenario = _locked(scenario_id)
    if expected_version is not None and expected_version != scenario.content_version:
        raise EditConflict()
    stage, conclusion = REVIEW_ACTIONS[action]
    review = _review(scenario, stage, conclusion, acting_user, comment, defects)
    scenario.review_due_on = review_due_date() if action == "pass_first" else None
    update_fields = ["review_due_on"]
    if action == "pool":
        scenario.secrecy_reviewed_by, scenario.secrecy_reviewed_at = acting_user, now()
        update_fields += ["secrecy_reviewed_by", "secrecy_reviewed_at"]
    return move(
        scenario,
        action,
        acting_user=acting_user,
        context={"comment": comment, "defects": review.defects, "secrecy_reviewed": secrecy_reviewed},
        update_fields=update_fields,
        detail={"comment": review.comment, "defects": review.defects},
        review=review,
    )


#: Steps that take a comment and nothing else.
PLAIN_ACTIONS = frozenset({"withdraw", "reopen", "suspend", "resume", "close"})


@transaction.atomic
def scenario_act(*, scenario_id: int, action: str, acting_user: User, comment: str = "") -> Scenario:
    """Withdraw, reopen, suspend, resume or close; the comment is kept and shown."""
    if action not in PLAIN_ACTIONS:
        raise InvalidInput({"action": [_("没有这种操作。")]})
    scenario = _locked(scenario_id)
    scenario.closing_reason = comment.strip()[:200]
    return move(
        scenario,
        action,
        acting_user=acting_user,
        context={"comment": comment},
        update_fields=["closing_reason"],
        detail={"comment": comment},
    )


@transaction.atomic
def scenario_convert(*, scenario_id: int, acting_user: User) -> Scenario:
    """Close a listed demand as converted into a challenge; the challenge itself is made by the app above (§3.3)."""
    return move(_locked(scenario_id), "convert", acting_user=acting_user)


@transaction.atomic
def scenario_land(*, scenario_id: int) -> Scenario | None:
    """End a demand whose need is met: both sides of an engagement confirmed its delivery, which the caller has seen.

    Called by what follows from the confirmation. None, and nothing changed, for a demand that landed before or became
    a challenge.
    """
    scenario = _locked(scenario_id)
    if scenario.state not in SCENARIO_MACHINE["land"].sources:
        return None
    return move(scenario, "land", acting_user=None)


# --- validity ----------------------------------------------------------------------------------------------------


def scenarios_expire() -> int:
    """Close what has run out; called by the clock. Each demand in its own transaction. Returns how many."""
    due = Scenario.objects.filter(
        state__in=(ScenarioState.LISTED, ScenarioState.SUSPENDED), valid_until__lt=today()
    ).values_list("pk", flat=True)
    count = 0
    for scenario_id in list(due):
        with transaction.atomic():
            scenario = _locked(scenario_id)
            still_due = scenario.state in (ScenarioState.LISTED, ScenarioState.SUSPENDED)
            if still_due and scenario.valid_until is not None and scenario.valid_until < today():
                move(scenario, "expire", acting_user=None)
                count += 1
    return count


def tags_named(names: Sequence[str]) -> list[TechnologyTag]:
    """Known technology tags of these names; unknown names are left out."""
    return list(TechnologyTag.objects.filter(name__in=names, retired=False))
