"""Needs: stated by their owner, checked by county or city, argued by experts, selected by the meeting (§2.4)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.permissions import organisation_of
from challenges.enums import ChallengeState, CheckStage, PanelPurpose, PanelState, SelectionMethod
from challenges.models import Challenge, ChallengeCheck, Indicator, Programme
from challenges.permissions import acts_as_demander, handles_challenge, handles_programme, may_state_need
from challenges.services.credit import credit_reasons
from challenges.services.movement import locked_challenge, move, touch
from challenges.services.reserve import short_reasons
from challenges.states import programme_parameters
from challenges.validators import directed_problems
from core import audit
from core.clock import now, today
from core.errors import DomainError, EditConflict, InvalidInput, NotPermitted, ObjectNotFound, Reason
from core.texts import text_problems
from core.working_days import period
from scenarios.enums import Restriction, ReviewConclusion, ScenarioType
from scenarios.models import Scenario
from scenarios.services import scenario_convert

#: What the demander writes. Terms of the call (criteria, deadlines, reviews) are the handler's (TERM_FIELDS).
NEED_FIELDS = frozenset(
    {
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
        "public_contact_office",
        "public_contact_phone",
        "public_contact_email",
        "states_no_secret",
    }
)
TERM_FIELDS = frozenset(
    {
        "grant_cap_fen",
        "budget_source",
        "criteria",
        "question_deadline_at",
        "deadline_at",
        "selection_method",
        "directed_to",
        "directed_reason",
        "secrecy_reviewer_name",
        "fair_competition_conclusion",
        "fair_competition_reviewer",
        "fair_competition_ends_on",
    }
)
EDITABLE_STATES = (ChallengeState.DRAFT, ChallengeState.RETURNED)
#: Until publication the handler may settle text and terms "with the demander" (domain.md §2.2 b).
TERM_STATES = (ChallengeState.FIRST_PASSED, ChallengeState.ARGUING, ChallengeState.SELECTED)
INDICATOR_FIELDS = ("name", "baseline", "target", "unit", "method")
_REFERENCES = ("category", "industry", "region", "directed_to")


def apply_values(challenge: Challenge, values: Mapping[str, Any], allowed: frozenset[str]) -> None:
    """Put `values` on the row; InvalidInput for unknown names, wrong types and texts too long."""
    unknown = set(values) - allowed - {"indicators"}
    if unknown:
        raise InvalidInput({name: [_("没有这个栏目，或者不能填写。")] for name in sorted(unknown)})
    if not set(values.get("restricts_by") or ()) <= set(Restriction.values):
        raise InvalidInput({"restricts_by": [_("请从给出的选项中选择。")]})
    if problems := text_problems(challenge, {name: text for name, text in values.items() if name != "indicators"}):
        raise InvalidInput(problems)
    for name, value in values.items():
        if name != "indicators":
            setattr(challenge, name, value)
    if not challenge.title.strip():
        raise InvalidInput({"title": [_("请填写榜单名称。")]})
    checked = [name for name in values if name not in _REFERENCES and name != "indicators"]
    try:
        challenge.clean_fields(
            exclude=[field.name for field in Challenge._meta.concrete_fields if field.name not in checked]
        )
    except ValidationError as error:
        raise InvalidInput({name: list(texts) for name, texts in error.message_dict.items()}) from error


def put_indicators(challenge: Challenge, rows: Sequence[Mapping[str, str]]) -> None:
    """Replace the indicators by `rows`, in order; rows without any text are left out."""
    kept = [row for row in rows if any(str(row.get(name, "")).strip() for name in INDICATOR_FIELDS)]
    longest = {name: getattr(Indicator._meta.get_field(name), "max_length", 0) for name in INDICATOR_FIELDS}
    problems = [
        _("第 %(row)d 项指标的内容过长，每栏最多 %(longest)d 个字。") % {"row": position, "longest": longest[name]}
        for position, row in enumerate(kept, 1)
        for name in INDICATOR_FIELDS
        if len(str(row.get(name, ""))) > longest[name]
    ]
    if problems:
        raise InvalidInput({"indicators": problems})
    challenge.indicators.all().delete()
    Indicator.objects.bulk_create(
        [
            Indicator(
                challenge=challenge,
                sequence=position,
                **{name: str(row.get(name, "")).strip() for name in INDICATOR_FIELDS},
            )
            for position, row in enumerate(kept, 1)
        ]
    )


@transaction.atomic
def need_create(*, programme_id: int, acting_user: User, values: Mapping[str, Any]) -> Challenge:
    """Begin a need for the organisation the person acts for. Only a title is needed; the rest may follow."""
    if not may_state_need(acting_user):
        raise NotPermitted(_("填报技术需求需要“需求填报人”角色，请联系本单位管理员授权。"))
    programme = Programme.objects.filter(pk=programme_id).exclude(state="preparing").first()
    owner = organisation_of(acting_user)
    if programme is None or owner is None:
        raise ObjectNotFound()
    challenge = Challenge(programme=programme, demander=owner, created_by=acting_user, region=owner.region)
    apply_values(challenge, {"title": "", **values}, NEED_FIELDS)
    challenge.save()
    if "indicators" in values:
        put_indicators(challenge, values["indicators"])
    audit.record(acting_user, "challenges.need.create", challenge)
    return challenge


@transaction.atomic
def need_save(
    *, challenge_id: int, acting_user: User, values: Mapping[str, Any], expected_version: int | None = None
) -> Challenge:
    """Save a draft or a returned need. EditConflict when somebody saved since `expected_version` was read."""
    challenge = locked_challenge(challenge_id)
    if not acts_as_demander(acting_user, challenge):
        raise ObjectNotFound()
    if challenge.state not in EDITABLE_STATES:
        raise DomainError(_("当前状态为“%s”，内容不能修改。") % challenge.get_state_display(), code="not_editable")
    if expected_version is not None and expected_version != challenge.document_version:
        raise EditConflict()
    apply_values(challenge, values, NEED_FIELDS)
    if "indicators" in values:
        put_indicators(challenge, values["indicators"])
    touch(challenge)
    challenge.save()
    audit.record(acting_user, "challenges.need.save", challenge, {"fields": sorted(values)})
    return challenge


@transaction.atomic
def need_submit(*, challenge_id: int, acting_user: User) -> Challenge:
    """Hand the need in, by the database's clock (domain.md §2.2 a: the system closes by itself)."""
    challenge = locked_challenge(challenge_id)
    challenge.submitted_by, challenge.submitted_at = acting_user, now()
    code = challenge.demander.unified_code
    return move(
        challenge,
        "submit",
        acting_user=acting_user,
        context={"credit_reasons": credit_reasons([code] if code else [])},
        update_fields=["submitted_by", "submitted_at"],
    )


def supplement_end(challenge: Challenge) -> date:
    """The day until which defects are to be mended, in working days from today."""
    return period(today(), programme_parameters(challenge).supplement_working_days).last_day


_CHECK_ACTIONS = {
    ReviewConclusion.PASSED: "pass_first",
    ReviewConclusion.RETURNED: "return",
    ReviewConclusion.NOT_ACCEPTED: "reject",
}


@transaction.atomic
def need_check(
    *,
    challenge_id: int,
    acting_user: User,
    conclusion: str,
    comment: str = "",
    defects: Sequence[str] = (),
) -> Challenge:
    """County or city check: pass, return once with every defect, or reject with a reason."""
    if conclusion not in _CHECK_ACTIONS:
        raise InvalidInput({"conclusion": [_("请选择审查结论。")]})
    challenge = locked_challenge(challenge_id)
    fields: list[str] = []
    if conclusion == ReviewConclusion.RETURNED:
        challenge.supplement_due_on = supplement_end(challenge)
        fields = ["supplement_due_on"]
    move(
        challenge,
        _CHECK_ACTIONS[ReviewConclusion(conclusion)],
        acting_user=acting_user,
        context={"comment": comment, "defects": [text for text in defects if text.strip()]},
        update_fields=fields,
        detail={"comment": comment, "defects": list(defects)},
    )
    if conclusion == ReviewConclusion.RETURNED:
        challenge.return_count += 1
        challenge.save(update_fields=["return_count"])
    ChallengeCheck.objects.create(
        challenge=challenge,
        stage=CheckStage.FIRST,
        conclusion=conclusion,
        comment=comment.strip(),
        defects=[text.strip() for text in defects if text.strip()],
        reviewer=acting_user,
    )
    return challenge


@transaction.atomic
def terms_save(*, challenge_id: int, acting_user: User, values: Mapping[str, Any]) -> Challenge:
    """The handler settles the terms, and with the demander the final wording. A changed text needs agreeing again."""
    challenge = locked_challenge(challenge_id)
    if not handles_challenge(acting_user, challenge):
        raise ObjectNotFound()
    if challenge.state not in TERM_STATES:
        raise DomainError(
            _("当前状态为“%s”，条款不能修改；已发榜的请使用“澄清修改”。") % challenge.get_state_display(),
            code="not_editable",
        )
    if challenge.annual_list is not None and challenge.annual_list.state != "preparing":
        raise DomainError(_("所在榜单已送审或公示，条款不能修改；请先退回编制。"), code="list_not_preparing")
    before = _agreed_text(challenge)
    apply_values(challenge, values, NEED_FIELDS | TERM_FIELDS)
    if problems := directed_problems(challenge):
        raise InvalidInput({reason.field: [str(reason.message)] for reason in problems})
    if challenge.selection_method == SelectionMethod.COMPETITIVE:
        challenge.directed_to, challenge.directed_reason = None, ""
    if "indicators" in values:
        put_indicators(challenge, values["indicators"])
    if _agreed_text(challenge) != before:
        challenge.demander_agreed_at = None
    touch(challenge)
    challenge.save()
    audit.record(acting_user, "challenges.challenge.terms_save", challenge, {"fields": sorted(values)})
    return challenge


def _agreed_text(challenge: Challenge) -> dict[str, Any]:
    return {name: getattr(challenge, name) for name in sorted(NEED_FIELDS | {"grant_cap_fen", "criteria"})} | {
        "indicators": [str(row) for row in challenge.indicators.all()]
    }


@transaction.atomic
def need_agree(*, challenge_id: int, acting_user: User) -> Challenge:
    """The demander agrees the final wording, without which nothing is selected (domain.md §2.4)."""
    challenge = locked_challenge(challenge_id)
    if not acts_as_demander(acting_user, challenge):
        raise ObjectNotFound()
    if challenge.state not in TERM_STATES:
        raise DomainError(_("当前状态下不需要确认文本。"), code="not_editable")
    challenge.demander_agreed_at = now()
    challenge.save(update_fields=["demander_agreed_at"])
    audit.record(acting_user, "challenges.need.agree", challenge)
    return challenge


@transaction.atomic
def need_argue(*, challenge_id: int, acting_user: User) -> Challenge:
    """Send to argumentation: a panel for it must have been drawn and be free of open conflicts."""
    challenge = locked_challenge(challenge_id)
    panel = challenge.panels.filter(purpose=PanelPurpose.ARGUMENTATION).exclude(state=PanelState.VOID).first()
    if panel is None or panel.state == PanelState.COMMITTED:
        reasons = [Reason("panel_missing", _("请先抽取论证专家。"))]
    else:
        reasons = short_reasons(panel)
    return move(challenge, "argue", acting_user=acting_user, context={"panel_reasons": reasons})


@transaction.atomic
def need_select(
    *, challenge_id: int, acting_user: User, selected: bool, minutes_number: str, comment: str = ""
) -> Challenge:
    """The meeting's conclusion on a need, after every expert has signed."""
    challenge = locked_challenge(challenge_id)
    signed = challenge.panels.filter(purpose=PanelPurpose.ARGUMENTATION, state=PanelState.SIGNED).exists()
    move(
        challenge,
        "select" if selected else "not_select",
        acting_user=acting_user,
        context={"panel_signed": signed, "minutes_number": minutes_number, "comment": comment},
        detail={"minutes_number": minutes_number, "comment": comment},
    )
    ChallengeCheck.objects.create(
        challenge=challenge,
        stage=CheckStage.SELECTION,
        conclusion=ReviewConclusion.PASSED if selected else ReviewConclusion.NOT_ACCEPTED,
        comment=comment.strip() or minutes_number,
        reviewer=acting_user,
    )
    return challenge


@transaction.atomic
def need_withdraw(*, challenge_id: int, acting_user: User, comment: str) -> Challenge:
    """Before publication the demander may take the need back, with a reason."""
    challenge = locked_challenge(challenge_id)
    challenge.closing_comment = comment.strip()
    move(
        challenge,
        "withdraw",
        acting_user=acting_user,
        context={"comment": comment},
        update_fields=["closing_comment"],
        detail={"comment": comment},
    )
    if challenge.annual_list_id is not None:
        challenge.annual_list = None
        challenge.save(update_fields=["annual_list"])
    return challenge


@transaction.atomic
def challenge_from_scenario(*, scenario_id: int, programme_id: int, acting_user: User) -> Challenge:
    """A listed scenario of type 技术攻关 becomes a challenge of a programme, linked both ways (domain.md §3.3).

    The scenario is CONVERTED in the same transaction; the new need starts where the county check would have ended,
    because the scenario has been through two reviews. Its demander still agrees the final wording.
    """
    programme = Programme.objects.filter(pk=programme_id).first()
    scenario = Scenario.objects.filter(pk=scenario_id).select_related("owner").first()
    if programme is None or scenario is None or not handles_programme(acting_user, programme):
        raise ObjectNotFound()
    if scenario.scenario_type != ScenarioType.RESEARCH:
        raise DomainError(
            _("只有“技术攻关”类需求可以转为揭榜任务，这项需求是“%s”。") % scenario.get_scenario_type_display(),
            code="not_research",
        )
    scenario_convert(scenario_id=scenario.pk, acting_user=acting_user)
    challenge = Challenge.objects.create(
        programme=programme,
        demander=scenario.owner,
        scenario=scenario,
        created_by=scenario.created_by,
        submitted_by=scenario.submitted_by,
        submitted_at=now(),
        state=ChallengeState.FIRST_PASSED,
        title=scenario.title,
        background=scenario.pain_point,
        content=scenario.description or scenario.pain_point,
        expected_result=scenario.target_indicators,
        intellectual_property=scenario.intellectual_property,
        acceptance_method=scenario.acceptance_method,
        eligibility_conditions=scenario.eligibility_conditions,
        restricts_by=scenario.restricts_by,
        category=scenario.category,
        industry=scenario.industry,
        region=scenario.region,
        public_contact_office=scenario.public_contact_office,
        public_contact_phone=scenario.public_contact_phone,
        public_contact_email=scenario.public_contact_email,
        states_no_secret=scenario.no_state_secret,
    )
    audit.record(acting_user, "challenges.challenge.from_scenario", challenge, {"scenario": scenario.code})
    return challenge
