"""The clerk's pages: my demands, the task list, its sections with autosave, check, submit, what follows."""

from collections import Counter

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import acts_for_suspended
from core.attachments import attach, attachments_of
from core.entered import whole_number
from core.enums import PublicityClass
from core.errors import DomainError, EditConflict, InvalidInput, NotPermitted, ObjectNotFound
from core.forms import refuse
from core.pages import page_of, posted, refused_answer, saved_answer, wants_json
from scenarios import selectors, services
from scenarios.defects import defects_shown
from scenarios.enums import ScenarioState
from scenarios.forms import AttachmentForm, CommentForm, FairCompetitionForm, NewScenarioForm, ScenarioSectionForm
from scenarios.models import Scenario
from scenarios.permissions import acts_as_owner, may_create_scenario, may_edit_scenario
from scenarios.restrictions import restrictions_found
from scenarios.states import SCENARIO_MACHINE
from scenarios.validators import SECTIONS, fair_competition_problems, section_states, submission_problems
from scenarios.views.public import PAGE_ACTIONS, TEXT_BLOCKS, owner_actions
from scenarios.views.returns import last_return

STATE_WORDS = {
    "done": gettext_lazy("已完成"),
    "in_progress": gettext_lazy("填写中"),
    "has_problems": gettext_lazy("有问题"),
    "not_started": gettext_lazy("未开始"),
}
SECTION_HINTS = {
    "basics": gettext_lazy("名称、类型、领域、地区"),
    "need": gettext_lazy("问题、内容、指标、技术标签"),
    "conditions": gettext_lazy("能提供的条件、数据、验收、知识产权"),
    "money": gettext_lazy("资金性质、预算、时间、截止"),
    "eligibility": gettext_lazy("对供给方的条件与资质"),
    "contact": gettext_lazy("公开联系方式、内部联系人、保密声明"),
}

#: Steps with a reason that the other side reads, and what each step does, in words.
ASKS_REASON = ("withdraw", "suspend", "close")
WITHDRAWS_DRAFT = gettext_lazy("草稿只有本单位能看到。撤回后不再列在填写中，以后可以重新填报。")
CONSEQUENCES = {
    "withdraw": gettext_lazy("撤回后审核停止，审核人会知道；以后可以重新填报，要从初审重新开始。"),
    "reopen": gettext_lazy("需求回到草稿，可以修改后重新提交。"),
    "suspend": gettext_lazy("暂停期间不接受新的意向，已有的对接不结束；需求单位和对接中的供给方会收到通知，可以恢复。"),
    "resume": gettext_lazy("恢复后重新接受意向，需求单位和对接中的供给方会收到通知。"),
    "close": gettext_lazy("结束后不能恢复：不再接受意向，尚未签约的对接随之结束并通知供给方；已签约的不受影响。"),
}


@never_cache
@require_safe
def own(request: HttpRequest) -> HttpResponse:
    """Demands of the organisation, by state, with the next step of each."""
    if not (may_create_scenario(request.user) or acts_for_suspended(request.user)):
        raise NotPermitted(_("填报需求需要“需求填报人”角色，请联系本单位管理员授权。"))
    rows = selectors.own_scenarios(request.user)
    counts = Counter(rows.order_by().values_list("state", flat=True))
    state = request.GET.get("state", "")
    if state in ScenarioState.values:
        rows = rows.filter(state=state)
    tabs = [("", _("全部"), sum(counts.values()))]
    tabs += [(value, label, counts[value]) for value, label in ScenarioState.choices if counts[value]]
    return render(request, "scenarios/own.html", {"page": page_of(request, rows), "tabs": tabs, "state": state})


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Begin a draft with its name and type."""
    if not may_create_scenario(request.user):
        raise NotPermitted(_("填报需求需要“需求填报人”角色，请联系本单位管理员授权。"))
    form = NewScenarioForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            scenario = services.scenario_create(acting_user=request.user, values=form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            return redirect("scenarios:tasks", scenario.key)
    return render(request, "scenarios/create.html", {"form": form}, status=400 if form.errors else 200)


def _draft(request: HttpRequest, key: str) -> Scenario:
    """The demand, for its owner's clerks only."""
    scenario = selectors.scenario_for(request.user, key)
    if not acts_as_owner(request.user, scenario):
        raise ObjectNotFound()
    return scenario


def _sections(scenario: Scenario) -> list[dict]:
    sections = section_states(scenario)
    for section in sections:
        section["word"] = STATE_WORDS[section["state"]]
        section["hint"] = SECTION_HINTS[section["key"]]
    return sections


@never_cache
@require_safe
def tasks(request: HttpRequest, key: str) -> HttpResponse:
    """The task list of a draft, and what the reviewers want mended."""
    scenario = _draft(request, key)
    if not may_edit_scenario(request.user, scenario):
        return redirect("scenarios:scenario", scenario.key)
    sections = _sections(scenario)
    done = sum(section["state"] == "done" for section in sections)
    returned = last_return(request.user, scenario) if scenario.state == ScenarioState.SUPPLEMENT else None
    return render(
        request,
        "scenarios/tasks.html",
        {
            "scenario": scenario,
            "sections": sections,
            "done": done,
            "restricted": bool(scenario.restricts_by),
            "competition_done": not fair_competition_problems(scenario),
            "attachment_count": attachments_of(scenario).count(),
            "returned": returned,
            "defects": defects_shown(returned.defects) if returned else [],
            "actions": owner_actions(request.user, scenario),
        },
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, key: str, section: str) -> HttpResponse:
    """One section; the same address takes the button's post and the autosave script's."""
    if section not in SECTIONS:
        raise Http404
    scenario = _draft(request, key)
    if not may_edit_scenario(request.user, scenario):
        return redirect("scenarios:scenario", scenario.key)
    names = list(SECTIONS)
    following = names[names.index(section) + 1] if section != names[-1] else ""
    version = scenario.document_version
    conflict = False
    form = ScenarioSectionForm(posted(request), instance=scenario, section=section)
    if request.method == "POST":
        is_valid = form.is_valid()
        try:
            version = _typed_version(request)
            scenario, remarks = services.scenario_save(
                scenario_id=scenario.pk,
                acting_user=request.user,
                values=form.values(),
                expected_version=version,
                section=section if is_valid and not wants_json(request) else "",
            )
        except DomainError as error:
            if wants_json(request):
                return refused_answer(error)
            conflict = isinstance(error, EditConflict)
            refuse(form, error)
        else:
            version = scenario.document_version
            if wants_json(request):
                return saved_answer(version)
            if is_valid:
                for remark in remarks:
                    messages.warning(request, remark)
                messages.success(request, _("“%s”已保存。") % SECTIONS[section][0])
                if "next" in request.POST and following:
                    return redirect("scenarios:edit", scenario.key, following)
                return redirect("scenarios:tasks", scenario.key)
    current = next(entry for entry in _sections(scenario) if entry["key"] == section)
    returned = last_return(request.user, scenario) if scenario.state == ScenarioState.SUPPLEMENT else None
    defects = defects_shown(returned.defects) if returned else []
    return render(
        request,
        "scenarios/edit.html",
        {
            "scenario": scenario,
            "form": form,
            "section": section,
            "title": SECTIONS[section][0],
            "number": names.index(section) + 1,
            "count": len(names),
            "following": SECTIONS[following][0] if following else "",
            "version": scenario.document_version if conflict and "overwrite" in request.POST else version,
            "problems": current["problems"] if current["state"] != "not_started" and not form.errors else [],
            "defects": [defect for defect in defects if defect.section == section],
            "conflict": conflict,
            "latest": selectors.scenario_for(request.user, key) if conflict else None,
        },
        status=409 if conflict else 400 if form.errors else 200,
    )


def _typed_version(request: HttpRequest) -> int:
    version = whole_number(request.POST.get("version", ""))
    if version is None:
        raise InvalidInput({"version": [_("页面缺少版本信息，请刷新后重新填写。")]})
    return version


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def fair_competition(request: HttpRequest, key: str) -> HttpResponse:
    """The review that a restrictive condition needs."""
    scenario = _draft(request, key)
    review = getattr(scenario, "fair_competition_review", None)
    initial = (
        {name: getattr(review, name) for name in ("reviewer_name", "conclusion", "exception_clause", "ends_on")}
        if review
        else {}
    )
    form = FairCompetitionForm(posted(request), request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            _save_review(request, scenario, dict(form.cleaned_data))
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("公平竞争审查结论已保存。"))
            return redirect("scenarios:tasks", scenario.key)
    return render(
        request,
        "scenarios/fair_competition.html",
        {"scenario": scenario, "form": form, "review": review},
        status=400 if form.errors else 200,
    )


@transaction.atomic
def _save_review(request: HttpRequest, scenario: Scenario, values: dict) -> None:
    """The review and its file, both or neither."""
    file = values.pop("file")
    attachment = None
    if file:
        attachment = attach(acting_user=request.user, subject=scenario, file=file, purpose=str(_("公平竞争审查结论")))
    services.fair_competition_review_save(
        scenario_id=scenario.pk, acting_user=request.user, attachment=attachment, **values
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def attachments(request: HttpRequest, key: str) -> HttpResponse:
    """Files beside a draft; private unless marked to be published with it."""
    scenario = _draft(request, key)
    if not may_edit_scenario(request.user, scenario):
        return redirect("scenarios:scenario", scenario.key)
    form = AttachmentForm(posted(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            attach(
                acting_user=request.user,
                subject=scenario,
                file=form.cleaned_data["file"],
                purpose=form.cleaned_data["purpose"],
                publicity=PublicityClass.PUBLIC if form.cleaned_data["is_public"] else PublicityClass.PRIVATE,
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("附件已上传。"))
            return redirect("scenarios:attachments", scenario.key)
    return render(
        request,
        "scenarios/attachments.html",
        {"scenario": scenario, "form": form, "attachments": attachments_of(scenario)},
        status=400 if form.errors else 200,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest, key: str) -> HttpResponse:
    """Everything that was written, once more, and the button that hands it in."""
    scenario = _draft(request, key)
    if not may_edit_scenario(request.user, scenario):
        return redirect("scenarios:scenario", scenario.key)
    refusal: DomainError | None = None
    if request.method == "POST":
        try:
            services.scenario_submit(scenario_id=scenario.pk, acting_user=request.user)
        except DomainError as error:
            refusal = error
        else:
            return redirect("scenarios:submitted", scenario.key)
    problems = refusal.reasons if refusal else submission_problems(scenario)
    homes = {name: section for section, (_title, names) in SECTIONS.items() for name in names}
    return render(
        request,
        "scenarios/check.html",
        {
            "scenario": scenario,
            "sections": answers(scenario),
            "problems": [{"reason": reason, "section": homes.get(reason.field, "")} for reason in problems],
            "refused": refusal is not None,
            "restrictions": restrictions_found(scenario),
            "duplicates": selectors.possible_duplicates(scenario),
        },
        status=refusal.status if refusal else 200,
    )


def answers(scenario: Scenario) -> list[dict]:
    """The sections with label and value of each field, as a reader sees them."""
    content = selectors.content_of(scenario)
    blocks = {name for name, _heading in TEXT_BLOCKS}
    sections = []
    for key, (title, names) in SECTIONS.items():
        rows = []
        for name in names:
            label = str(Scenario._meta.get_field(name).verbose_name)
            rows.append(
                {"label": label, "value": _shown(scenario, content, name), "wide": name in blocks, "name": name}
            )
        sections.append({"key": key, "title": title, "rows": rows})
    return sections


def _shown(scenario: Scenario, content: dict, name: str) -> str:
    if name == "tags":
        return "、".join(content["tags"])
    if name in ("required_credentials", "restricts_by"):
        labels = dict(scenario_restrictions())
        return "、".join(labels.get(value, value) for value in content[name])
    if f"{name}_label" in content:
        return content[f"{name}_label"]
    if name in ("category", "region", "industry"):
        return content[name]
    value = getattr(scenario, name)
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if name == "deadline_at" and value:
        return content["deadline_at"][:16].replace("T", " ")
    return str(value) if value else ""


def scenario_restrictions() -> list[tuple[str, str]]:
    return [(value, str(label)) for value, label in ScenarioSectionForm.base_fields["restricts_by"].choices]


@never_cache
@require_safe
def submitted(request: HttpRequest, key: str) -> HttpResponse:
    """The receipt: number, time, what happens next and by when."""
    return render(request, "scenarios/submitted.html", {"scenario": _draft(request, key)})


@require_POST
def copy(request: HttpRequest, key: str) -> HttpResponse:
    """A new draft from an earlier demand (上期复制)."""
    scenario = services.scenario_copy(scenario_id=_draft(request, key).pk, acting_user=request.user)
    messages.success(request, _("已复制为新的草稿，请核对后提交。"))
    return redirect("scenarios:tasks", scenario.key)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, key: str, action: str) -> HttpResponse:
    """Withdraw, reopen, suspend, resume, close: one page that asks for the reason."""
    if action not in PAGE_ACTIONS:
        raise Http404
    scenario = selectors.scenario_for(request.user, key)
    form = CommentForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            scenario = services.scenario_act(
                scenario_id=scenario.pk, action=action, acting_user=request.user, **form.cleaned_data
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("已办理：%s。") % SCENARIO_MACHINE[action].label)
            if may_edit_scenario(request.user, scenario):
                return redirect("scenarios:tasks", scenario.key)
            return redirect("scenarios:scenario", scenario.key)
    return render(
        request,
        "scenarios/act.html",
        {
            "scenario": scenario,
            "form": form,
            "action": action,
            "label": SCENARIO_MACHINE[action].label,
            "asks_reason": action in ASKS_REASON and scenario.state != ScenarioState.DRAFT,
            "consequence": WITHDRAWS_DRAFT if scenario.state == ScenarioState.DRAFT else CONSEQUENCES[action],
        },
        status=400 if form.errors else 200,
    )
