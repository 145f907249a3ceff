"""Pages of engagements (对接): the vendor's interest, both sides' steps, what is reached."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.enums import Role
from accounts.permissions import acts_for, has_role
from core import slots
from core.errors import DomainError
from core.forms import DateInput, OneOf, PageForm
from core.money import UnreadableAmount, format_fen, parse_amount
from core.pages import page_of, posted
from core.transitions import available_actions
from matching.enums import EngagementState, ProcurementMethod
from matching.models import Engagement
from matching.permissions import acts_for_demand, acts_for_supply
from matching.services import engagements
from matching.states import ENGAGEMENT_MACHINE
from matching.terms import TERMS, Difference, differences, shown, terms_digest, terms_of
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from scenarios.selectors import scenario_for
from vendors.selectors import own_capabilities

LARGEST_CONTRACT = 20 << 20


class InterestForm(PageForm):
    capability = OneOf(label=gettext_lazy("以哪项能力对接"), queryset=None, required=False)
    message = forms.CharField(
        label=gettext_lazy("意向说明"),
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=gettext_lazy("能提供什么、做过什么、需要对方提供什么。对方会看到。"),
    )

    def __init__(self, *args: Any, user: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["capability"].queryset = own_capabilities(user)


class TrialForm(PageForm):
    trial_plan = forms.CharField(
        label=gettext_lazy("试用方案与数据安全约定"),
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=gettext_lazy("试用不产生付款义务，也不等于中选。"),
    )
    trial_ends_on = forms.DateField(label=gettext_lazy("试用截止"), widget=DateInput)


class IntentForm(PageForm):
    """Nothing to fill in: the confirmation is the content."""


class ContractForm(PageForm):
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    procurement_method = forms.ChoiceField(
        label=gettext_lazy("采购方式"), choices=[("", "—"), *ProcurementMethod.choices], required=False
    )
    procurement_number = forms.CharField(
        label=gettext_lazy("采购公告或合同编号"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("使用财政资金的需求必填。"),
    )
    amount = forms.CharField(label=gettext_lazy("合同金额"), max_length=40, required=False)
    contract = forms.FileField(
        label=gettext_lazy("合同文件"),
        required=False,
        help_text=gettext_lazy("非财政资金的需求必填。平台只计算并保存文件摘要，不保存文件。"),
    )

    def clean_amount(self) -> int | None:
        text = self.cleaned_data["amount"].strip()
        if not text:
            return None
        try:
            return parse_amount(text).maximum_fen
        except UnreadableAmount as error:
            raise forms.ValidationError(str(error)) from error

    def clean_contract(self) -> bytes | None:
        file = self.cleaned_data["contract"]
        if file is None:
            return None
        if file.size > LARGEST_CONTRACT:
            raise forms.ValidationError(_("文件超过 20 MB。"))
        return file.read()


class DeliverForm(PageForm):
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    outcome = forms.CharField(
        label=gettext_lazy("落地情况"),
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=gettext_lazy("何时投入使用、投入多少、指标完成值。"),
    )


class CloseForm(PageForm):
    comment = forms.CharField(label=gettext_lazy("原因"), widget=forms.Textarea(attrs={"rows": 4}))


FORMS: dict[str, type[PageForm]] = {
    "accept": IntentForm,
    "trial": TrialForm,
    "intent": IntentForm,
    "contract": ContractForm,
    "deliver": DeliverForm,
    "close": CloseForm,
}


def engagement_panel(request: HttpRequest, scenario: Scenario) -> str:
    """On a demand's page: how far it has come for everybody, and what this person can do."""
    if not scenario.is_public and not scenario.engagements.exists():
        return ""
    user = request.user
    mine: Any = ()
    if has_role(user, Role.VENDOR_STAFF, Role.DEMAND_SUBMITTER):
        mine = engagements.engagements_of(user).filter(scenario=scenario)
    would_begin = (
        has_role(user, Role.VENDOR_STAFF)
        and not acts_for(user, scenario.owner_id)
        and not any(row.state != EngagementState.CLOSED for row in mine)
    )
    refusal = engagements.interest_refusal(scenario) if would_begin else ""
    return render_to_string(
        "matching/_engagement_panel.html",
        {
            "scenario": scenario,
            "progress": engagements.public_progress(scenario),
            "mine": mine,
            "may_begin": would_begin and not refusal,
            "refusal": refusal,
        },
        request,
    )


def fill_places() -> None:
    """Offer the panel to the demand's page (architecture.md §10.1)."""
    slots.fill("scenario.aside", engagement_panel)


@never_cache
@require_safe
def engagement_list(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "matching/engagements.html",
        {"page": page_of(request, engagements.engagements_of(request.user).order_by("-pk"))},
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest, key: str) -> HttpResponse:
    """A vendor expresses interest in a listed demand."""
    scenario = scenario_for(request.user, key)
    form = InterestForm(posted(request), user=request.user)
    if request.method == "POST" and form.is_valid():
        capability = form.cleaned_data["capability"]
        try:
            found = engagements.engagement_begin(
                scenario_id=scenario.pk,
                acting_user=request.user,
                message=form.cleaned_data["message"],
                capability_id=capability.pk if capability else None,
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("意向已送达需求单位，对方应在 %s 前答复。") % found.respond_by)
            return redirect("matching:engagement", found.public_id)
    return render(
        request,
        "matching/engagement_act.html",
        {"form": form, "title": _("表达对接意向"), "subject": scenario, "back": request.path},
        status=400 if form.errors else 200,
    )


@never_cache
@require_safe
def engagement(request: HttpRequest, public_id: Any) -> HttpResponse:
    """One engagement, for its two sides and those who watch over the demand."""
    found = engagements.engagement_for(request.user, public_id)
    return render(
        request,
        "matching/engagement.html",
        {
            "engagement": found,
            "steps": [
                (name, ENGAGEMENT_MACHINE[name].label)
                for name in available_actions(found, ENGAGEMENT_MACHINE, by=request.user)
            ],
            "waits_for": _waits_for(found),
            "demand_note": _demand_note(found),
            "overtaken": _overtaken(found, (found.overtaken or {}).get("step", "")),
            "overtaken_by": (found.overtaken or {}).get("by", ""),
            "on_demand_side": acts_for_demand(request.user, found),
            "on_supply_side": acts_for_supply(request.user, found),
        },
    )


def _demand_note(found: Engagement) -> str:
    """What became of the demand meanwhile, where the engagement goes on all the same."""
    scenario = found.scenario
    if found.state in (EngagementState.CLOSED, EngagementState.DELIVERED) or scenario.state == ScenarioState.LISTED:
        return ""
    if scenario.state == ScenarioState.SUSPENDED:
        reason = _("原因：%s") % scenario.closing_reason if scenario.closing_reason else ""
        return _("需求已被审核单位暂停，暂停期间不接受新的意向；这项对接没有结束。") + reason
    return _("需求当前为“%s”，已签约的对接不受影响，请继续履行。") % scenario.get_state_display()


def _waits_for(found: Engagement) -> str:
    """Whose confirmation of which step is still missing."""
    for step in ("intent", "contract", "deliver"):
        machine_step = ENGAGEMENT_MACHINE[step]
        if found.state not in machine_step.sources:
            continue
        if found.owner_confirms == step and found.vendor_confirms != step:
            return _("需求单位已确认“%s”，等待供给方确认。") % machine_step.label
        if found.vendor_confirms == step and found.owner_confirms != step:
            return _("供给方已确认“%s”，等待需求单位确认。") % machine_step.label
    return ""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, public_id: Any, step: str) -> HttpResponse:
    """Take or confirm a step."""
    found = engagements.engagement_for(request.user, public_id)
    if step not in FORMS or step not in available_actions(found, ENGAGEMENT_MACHINE, by=request.user):
        raise Http404
    form = FORMS[step](posted(request), request.FILES or None, initial=_initial(found, step))
    if request.method == "POST" and form.is_valid():
        try:
            _take(request, found, step, form.cleaned_data)
        except DomainError as error:
            found.refresh_from_db()
            # What is shown now is what the next press confirms; everything else typed stays.
            form.data = form.data.copy() | {"seen": terms_digest(found, step)}
            form.refuse(error)
        else:
            before = found.state
            found.refresh_from_db()
            if step in TERMS and found.state == before:
                messages.success(request, _("已确认“%s”。对方确认同一份内容后生效。") % ENGAGEMENT_MACHINE[step].label)
            else:
                messages.success(request, _("已办理：%s。") % ENGAGEMENT_MACHINE[step].label)
            return redirect("matching:engagement", found.public_id)
    return render(
        request,
        "matching/engagement_act.html",
        {
            "form": form,
            "title": ENGAGEMENT_MACHINE[step].label,
            "subject": found,
            "danger": step == "close",
            "standing": _standing(found, step),
            "overtaken": _overtaken(found, step),
        },
        status=400 if form.errors else 200,
    )


def _initial(found: Engagement, step: str) -> dict[str, Any]:
    """What stands already, so that the second side confirms it instead of typing it again."""
    amount = format_fen(found.amount_fen) if found.amount_fen is not None else ""
    return {**terms_of(found, step), "amount": amount, "seen": terms_digest(found, step)}


def _standing(found: Engagement, step: str) -> list[tuple[Any, str]]:
    """The terms that the other side has confirmed, or that are still to be confirmed by both."""
    return [(label, shown(name, getattr(found, name))) for name, label in TERMS.get(step, {}).items()]


def _overtaken(found: Engagement, step: str) -> list[Difference]:
    """The difference between what one side had confirmed and what stands now."""
    kept = found.overtaken or {}
    return differences(found, step, kept["terms"]) if kept.get("step") == step else []


def _take(request: HttpRequest, found: Engagement, step: str, data: dict[str, Any]) -> None:
    chosen = {"public_id": found.public_id, "acting_user": request.user}
    if step == "accept":
        engagements.engagement_accept(**chosen)
    elif step == "trial":
        engagements.engagement_trial(**chosen, **data)
    elif step == "close":
        engagements.engagement_close(**chosen, **data)
    else:
        seen = data.pop("seen", "") or None
        values = {**data, "amount_fen": data.pop("amount", None)} if step == "contract" else data
        engagements.engagement_confirm(**chosen, step=step, values=values, seen=seen)
