"""Pages of the supply side: what everybody reads, the vendor's desk, the verifiers' desk."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.enums import Role
from accounts.permissions import acts_for_suspended, has_role, organisation_of
from core.clock import today
from core.entered import whole_number
from core.errors import DomainError, EditConflict, InvalidInput, NotPermitted, ObjectNotFound
from core.forms import current_cities, refuse, rows_form
from core.models import Category, Region
from core.money import format_fen, parse_amount
from core.pages import page_of, posted, refused_answer, saved_answer, wants_json
from core.transitions import available_actions
from vendors import selectors, services
from vendors.enums import CapabilityState
from vendors.forms import (
    CapabilitySectionForm,
    CaseForm,
    CredentialForm,
    DecisionForm,
    MemberFormSet,
    NewCapabilityForm,
    ProfileForm,
)
from vendors.models import Capability, CaseConfirmation, Credential, DeliveredCase, VendorProfile
from vendors.permissions import (
    acts_as_vendor,
    may_edit_capability,
    may_hold_profile,
    may_see_verification,
    may_verify_capability,
)
from vendors.states import CAPABILITY_MACHINE
from vendors.validators import SECTIONS, submission_problems

READ_OR_POST = require_http_methods(["GET", "HEAD", "POST"])
TEXT_BLOCKS = (
    ("description", gettext_lazy("能力说明")),
    ("scenarios_of_use", gettext_lazy("可应用的场景")),
    ("technical_features", gettext_lazy("主要技术")),
)
SORTS = {"newest": ("-listed_at", "-pk"), "title": ("title", "pk")}
#: Steps with a page of their own asking for a reason, or none.
PAGE_ACTIONS = frozenset(services.PLAIN_ACTIONS)
NO_REASON = frozenset({"list", "edit", "resume", "extend", "withdraw"})


# --- for everybody -----------------------------------------------------------------------------------------------


@login_not_required
@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """Capabilities on the shelf, filtered by the address."""
    found, filters = _filtered(request, selectors.visible_to(None))
    found = selectors.with_relations(found).order_by(*SORTS[filters["sort"]])
    found = found.prefetch_related("service_regions")
    return render(request, "vendors/catalogue.html", {"page": page_of(request, found), "filters": filters})


def _filtered(request: HttpRequest, found: QuerySet[Capability]) -> tuple[QuerySet[Capability], dict[str, Any]]:
    given = {name: request.GET.get(name, "").strip()[:100] for name in ("q", "city", "field", "sort")}
    given["sort"] = given["sort"] if given["sort"] in SORTS else "newest"
    cities = list(current_cities().values_list("code", "name"))
    fields = list(Category.objects.current().filter(parent__isnull=True).values_list("code", "label"))
    chips = []
    if given["q"]:
        found = found.filter(
            Q(title__icontains=given["q"])
            | Q(summary__icontains=given["q"])
            | Q(vendor__organisation__name__icontains=given["q"])
        )
        chips.append(("q", given["q"]))
    if given["city"] in dict(cities):
        served = found.filter(service_regions__code__startswith=given["city"][:4]).values("pk")
        found = found.filter(Q(serves_whole_province=True) | Q(pk__in=served))
        chips.append(("city", dict(cities)[given["city"]]))
    if given["field"] in dict(fields):
        found = found.filter(Q(category__code=given["field"]) | Q(category__code__startswith=f"{given['field']}."))
        chips.append(("field", dict(fields)[given["field"]]))
    return found, given | {"cities": cities, "fields": fields, "chips": chips}


@login_not_required
@require_safe
def capability(request: HttpRequest, key: str) -> HttpResponse:
    """One capability: facts, text, cases, credentials of its vendor, demands that fit for those entitled."""
    shown = selectors.capability_for(request.user, key)
    sees = may_see_verification(request.user, shown)
    return render(
        request,
        "vendors/capability.html",
        {
            "capability": shown,
            "blocks": [(heading, getattr(shown, name)) for name, heading in TEXT_BLOCKS if getattr(shown, name)],
            "regions": list(shown.service_regions.all()),
            "tags": list(shown.tags.all()),
            "members": list(shown.members.all()),
            "cases": list(cases_of(shown)),
            "credentials": shown.vendor.credentials.in_force(today()),
            "sees_verification": sees,
            "is_own": acts_as_vendor(request.user, shown),
            "may_edit": may_edit_capability(request.user, shown),
            "actions": page_actions(request.user, shown),
            "may_verify": shown.state == CapabilityState.SUBMITTED and may_verify_capability(request.user, shown),
        },
    )


def cases_of(shown: Capability) -> QuerySet[DeliveredCase]:
    """With what became of their customers' confirmations, in a constant number of queries."""
    asked = CaseConfirmation.objects.select_related("customer")
    return shown.cases.select_related("region").prefetch_related(Prefetch("confirmations", queryset=asked))


def page_actions(user: Any, shown: Capability) -> list[tuple[str, str]]:
    """The plain steps open to this person now: (action, label)."""
    return [
        (action, str(CAPABILITY_MACHINE[action].label))
        for action in available_actions(shown, CAPABILITY_MACHINE, by=user)
        if action in PAGE_ACTIONS
    ]


@login_not_required
@require_safe
def vendor_list(request: HttpRequest) -> HttpResponse:
    """Vendors with something on the shelf."""
    wanted = request.GET.get("q", "").strip()[:100]
    found = selectors.public_vendors()
    if wanted:
        found = found.filter(Q(organisation__name__icontains=wanted) | Q(main_business__icontains=wanted))
    return render(request, "vendors/vendors.html", {"page": page_of(request, found), "q": wanted})


@login_not_required
@require_safe
def vendor(request: HttpRequest, public_id: UUID) -> HttpResponse:
    shown = selectors.vendor_for(request.user, public_id)
    on_shelf = selectors.with_relations(selectors.visible_to(None).filter(vendor=shown)).order_by("-listed_at", "-pk")
    return render(
        request,
        "vendors/vendor.html",
        {
            "vendor": shown,
            "page": page_of(request, on_shelf),
            "credentials": shown.credentials.in_force(today()),
        },
    )


# --- the vendor's desk -------------------------------------------------------------------------------------------


def _own_profile(request: HttpRequest) -> VendorProfile:
    """The organisation's profile; before anything was handed in an empty one that is kept nowhere."""
    if not may_hold_profile(request.user):
        raise NotPermitted(_("这项操作需要“供给方经办人”角色，请联系本单位管理员授权。"))
    found = selectors.own_profile(request.user)
    if found is None and request.method == "POST":
        return services.vendor_profile_open(acting_user=request.user)
    return found or VendorProfile(organisation=organisation_of(request.user))


def _credentials_of(shown: VendorProfile) -> QuerySet[Credential]:
    return shown.credentials.all() if shown.pk else Credential.objects.none()


@never_cache
@READ_OR_POST
def profile(request: HttpRequest) -> HttpResponse:
    """The vendor's data, contacts, and whether it wants recommendations."""
    shown = _own_profile(request)
    form = ProfileForm(posted(request), instance=shown)
    if request.method == "POST" and form.is_valid():
        try:
            services.vendor_profile_save(profile_id=shown.pk, acting_user=request.user, values=form.cleaned_data)
        except DomainError as error:
            refuse(form, error)
        else:
            messages.success(request, _("供给方资料已保存。"))
            return redirect("vendors:profile")
    return render(
        request,
        "vendors/profile.html",
        {"form": form, "profile": shown, "credentials": _credentials_of(shown), "today": today()},
        status=400 if form.errors else 200,
    )


@never_cache
@READ_OR_POST
def credentials(request: HttpRequest, credential_id: int | None = None) -> HttpResponse:
    """Credentials with their validity; the form adds one or changes the chosen one."""
    shown = _own_profile(request)
    chosen = _credentials_of(shown).filter(pk=credential_id).first() if credential_id else None
    if credential_id and chosen is None:
        raise ObjectNotFound()
    names = ("name", "kind", "number", "issuer", "valid_from", "valid_until")
    form = CredentialForm(posted(request), initial={name: getattr(chosen, name) for name in names} if chosen else {})
    if request.method == "POST" and form.is_valid():
        try:
            services.credential_save(
                profile_id=shown.pk, acting_user=request.user, credential_id=credential_id, **form.cleaned_data
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("资质证书已保存。"))
            return redirect("vendors:credentials")
    return render(
        request,
        "vendors/credentials.html",
        {"form": form, "credentials": _credentials_of(shown), "chosen": chosen, "today": today()},
        status=400 if form.errors else 200,
    )


@require_POST
def credential_remove(request: HttpRequest, credential_id: int) -> HttpResponse:
    services.credential_remove(credential_id=credential_id, acting_user=request.user)
    messages.success(request, _("资质证书已删除。"))
    return redirect("vendors:credentials")


@never_cache
@require_safe
def own(request: HttpRequest) -> HttpResponse:
    """Capabilities of the organisation, by state."""
    if not (may_hold_profile(request.user) or acts_for_suspended(request.user)):
        raise NotPermitted(_("这项操作需要“供给方经办人”角色，请联系本单位管理员授权。"))
    rows = selectors.own_capabilities(request.user)
    counts = Counter(rows.order_by().values_list("state", flat=True))
    state = request.GET.get("state", "")
    if state in CapabilityState.values:
        rows = rows.filter(state=state)
    tabs = [("", _("全部"), sum(counts.values()))]
    tabs += [(value, label, counts[value]) for value, label in CapabilityState.choices if counts[value]]
    return render(request, "vendors/own.html", {"page": page_of(request, rows), "tabs": tabs, "state": state})


@READ_OR_POST
def create(request: HttpRequest) -> HttpResponse:
    if not may_hold_profile(request.user):
        raise NotPermitted(_("这项操作需要“供给方经办人”角色，请联系本单位管理员授权。"))
    form = NewCapabilityForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            made = services.capability_create(acting_user=request.user, values=form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            return redirect("vendors:edit", made.key)
    return render(request, "vendors/create.html", {"form": form}, status=400 if form.errors else 200)


def _own_capability(request: HttpRequest, key: str) -> Capability:
    shown = selectors.capability_for(request.user, key)
    if not acts_as_vendor(request.user, shown):
        raise ObjectNotFound()
    return shown


SECTION_WORDS = {
    "done": gettext_lazy("已完成"),
    "in_progress": gettext_lazy("填写中"),
    "not_started": gettext_lazy("未开始"),
}


def _sections(shown: Capability) -> list[dict[str, Any]]:
    """Each section has something that must be filled in: done is what has no problem left."""
    problems = submission_problems(shown)
    sections = []
    for key, (title, names) in SECTIONS.items():
        own = [reason for reason in problems if reason.field in names]
        plain = [name for name in names if name not in ("tags", "service_regions")]
        touched = any(getattr(shown, name) for name in plain) or ("tags" in names and shown.tags.exists())
        state = "done" if not own else "in_progress" if touched else "not_started"
        sections.append(
            {"key": key, "title": title, "problems": own, "state": state, "word": SECTION_WORDS[state]},
        )
    return sections


@never_cache
@require_safe
def tasks(request: HttpRequest, key: str) -> HttpResponse:
    """The task list of a capability in the making."""
    shown = _own_capability(request, key)
    if not may_edit_capability(request.user, shown):
        return redirect("vendors:capability", shown.key)
    return _task_page(request, shown)


def _task_page(request: HttpRequest, shown: Capability, refusal: DomainError | None = None) -> HttpResponse:
    sections = _sections(shown)
    return render(
        request,
        "vendors/tasks.html",
        {
            "capability": shown,
            "sections": sections,
            "done": sum(section["state"] == "done" for section in sections),
            "member_count": shown.members.count(),
            "case_count": shown.cases.count(),
            "credential_count": shown.vendor.credentials.count(),
            "refusal": refusal,
        },
        status=refusal.status if refusal else 200,
    )


@never_cache
@READ_OR_POST
def edit(request: HttpRequest, key: str, section: str) -> HttpResponse:
    """One section; the same address takes the button's post and the autosave script's."""
    if section not in SECTIONS:
        raise Http404
    shown = _own_capability(request, key)
    if not may_edit_capability(request.user, shown):
        return redirect("vendors:capability", shown.key)
    names = list(SECTIONS)
    following = names[names.index(section) + 1] if section != names[-1] else ""
    version, conflict = shown.document_version, False
    form = CapabilitySectionForm(posted(request), instance=shown, section=section)
    if request.method == "POST":
        is_valid = form.is_valid()
        try:
            version = _typed_version(request)
            shown, remarks = services.capability_save(
                capability_id=shown.pk, acting_user=request.user, values=form.values(), expected_version=version
            )
        except DomainError as error:
            if wants_json(request):
                return refused_answer(error)
            conflict = isinstance(error, EditConflict)
            refuse(form, error)
        else:
            version = shown.document_version
            if wants_json(request):
                return saved_answer(version)
            if is_valid:
                for remark in remarks:
                    messages.warning(request, remark)
                messages.success(request, _("“%s”已保存。") % SECTIONS[section][0])
                if "next" in request.POST and following:
                    return redirect("vendors:section", shown.key, following)
                return redirect("vendors:edit", shown.key)
    return render(
        request,
        "vendors/edit.html",
        {
            "capability": shown,
            "form": form,
            "section": section,
            "title": SECTIONS[section][0],
            "following": SECTIONS[following][0] if following else "",
            "version": version,
            "conflict": conflict,
            "latest": selectors.capability_for(request.user, key) if conflict else None,
        },
        status=409 if conflict else 400 if form.errors else 200,
    )


def _typed_version(request: HttpRequest) -> int:
    version = whole_number(request.POST.get("version", ""))
    if version is None:
        raise InvalidInput({"version": [_("页面缺少版本信息，请刷新后重新填写。")]})
    return version


@never_cache
@READ_OR_POST
def members(request: HttpRequest, key: str) -> HttpResponse:
    """Partners of a joint capability."""
    shown = _own_capability(request, key)
    initial = [{"name": row.name, "contribution": row.contribution} for row in shown.members.all()]
    formset = rows_form(MemberFormSet, posted(request), prefix="members", initial=initial)
    refusal: DomainError | None = None
    if request.method == "POST" and formset.is_valid():
        given = [form.cleaned_data for form in formset if form.cleaned_data.get("name")]
        try:
            services.capability_members_set(capability_id=shown.pk, acting_user=request.user, members=given)
        except DomainError as error:
            refusal = error
        else:
            messages.success(request, _("联合体成员已保存。"))
            return redirect("vendors:edit", shown.key)
    return render(
        request,
        "vendors/members.html",
        {"capability": shown, "formset": formset, "refusal": refusal},
        status=refusal.status if refusal else 200,
    )


@never_cache
@READ_OR_POST
def cases(request: HttpRequest, key: str, case_id: int | None = None) -> HttpResponse:
    """Delivered cases; the form adds one or changes the chosen one."""
    shown = _own_capability(request, key)
    chosen = shown.cases.filter(pk=case_id).first() if case_id else None
    if case_id and chosen is None:
        raise ObjectNotFound()
    initial: dict[str, Any] = {}
    if chosen is not None:
        initial = {
            "title": chosen.title,
            "customer": chosen.customer,
            "delivered_on": chosen.delivered_on,
            "amount": format_fen(chosen.amount_fen),
            "region": chosen.region_id,
            "description": chosen.description,
        }
    form = CaseForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            _save_case(request, shown, form.cleaned_data, case_id)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("案例已保存。请点“请客户确认”，客户确认后计入业绩。"))
            return redirect("vendors:cases", shown.key)
    return render(
        request,
        "vendors/cases.html",
        {"capability": shown, "form": form, "cases": cases_of(shown), "chosen": chosen},
        status=400 if form.errors else 200,
    )


def _save_case(request: HttpRequest, shown: Capability, values: dict[str, Any], case_id: int | None) -> None:
    amount_fen = None
    if values["amount"]:
        try:
            amount_fen = parse_amount(values["amount"]).maximum_fen
        except DomainError as error:
            raise InvalidInput({"amount": [error.message]}) from error
    services.case_save(
        capability_id=shown.pk,
        acting_user=request.user,
        case_id=case_id,
        title=values["title"],
        customer=values["customer"],
        delivered_on=values["delivered_on"],
        amount_fen=amount_fen,
        description=values["description"],
        region=Region.objects.filter(pk=values["region"]).first() if values["region"] else None,
    )


@require_POST
def case_remove(request: HttpRequest, key: str, case_id: int) -> HttpResponse:
    services.case_remove(case_id=case_id, acting_user=request.user)
    messages.success(request, _("案例已删除。"))
    return redirect("vendors:cases", key)


@require_POST
def submit(request: HttpRequest, key: str) -> HttpResponse:
    """Hand in for verification; what is missing comes back as a list on the task page."""
    shown = _own_capability(request, key)
    try:
        services.capability_submit(capability_id=shown.pk, acting_user=request.user)
    except DomainError as error:
        if may_edit_capability(request.user, shown):
            return _task_page(request, shown, refusal=error)
        raise
    messages.success(request, _("已提交核验，结果会以站内信和邮件通知。"))
    return redirect("vendors:capability", shown.key)


@never_cache
@READ_OR_POST
def act(request: HttpRequest, key: str, action: str) -> HttpResponse:
    """List, take down, withdraw, suspend, resume, extend."""
    if action not in PAGE_ACTIONS:
        raise Http404
    shown = selectors.capability_for(request.user, key)
    form = DecisionForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            shown = services.capability_act(
                capability_id=shown.pk, action=action, acting_user=request.user, comment=form.cleaned_data["comment"]
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("已办理：%s。") % CAPABILITY_MACHINE[action].label)
            if may_edit_capability(request.user, shown):
                return redirect("vendors:edit", shown.key)
            return redirect("vendors:capability", shown.key)
    return render(
        request,
        "vendors/act.html",
        {
            "capability": shown,
            "form": form,
            "action": action,
            "label": CAPABILITY_MACHINE[action].label,
            "needs_reason": action not in NO_REASON,
        },
        status=400 if form.errors else 200,
    )


# --- the verifiers' desk -----------------------------------------------------------------------------------------


@never_cache
@require_safe
def verification_queue(request: HttpRequest) -> HttpResponse:
    """Capabilities that wait for this reviewer."""
    if not has_role(request.user, Role.FIRST_REVIEWER, Role.PROVINCIAL_REVIEWER):
        raise NotPermitted()
    return render(
        request,
        "vendors/verification_queue.html",
        {"page": page_of(request, selectors.verification_queue(request.user))},
    )


@never_cache
@READ_OR_POST
def verify(request: HttpRequest, key: str) -> HttpResponse:
    """Read, then verify and put on the shelf, or send back with all defects."""
    shown = selectors.capability_for(request.user, key)
    if not may_verify_capability(request.user, shown):
        raise ObjectNotFound()
    form = DecisionForm(posted(request))
    if request.method == "POST" and form.is_valid():
        action = request.POST.get("action", "")
        if action not in ("verify", "return"):
            raise Http404
        try:
            if action == "verify":
                services.capability_verify(
                    capability_id=shown.pk, acting_user=request.user, comment=form.cleaned_data["comment"]
                )
            else:
                services.capability_return(
                    capability_id=shown.pk,
                    acting_user=request.user,
                    defects=form.told(),
                    comment=form.cleaned_data["comment"],
                )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(
                request,
                _("“%(title)s”：%(what)s。")
                % {
                    "title": shown.title,
                    "what": _("已核验并上架") if action == "verify" else _("已退回补充"),
                },
            )
            return redirect("vendors:verification_queue")
    return render(
        request,
        "vendors/verify.html",
        {
            "capability": shown,
            "form": form,
            "findings": submission_problems(shown),
            "blocks": [(heading, getattr(shown, name)) for name, heading in TEXT_BLOCKS if getattr(shown, name)],
            "regions": list(shown.service_regions.all()),
            "tags": list(shown.tags.all()),
            "members": list(shown.members.all()),
            "cases": list(cases_of(shown)),
            "credentials": shown.vendor.credentials.all(),
            "today": today(),
        },
        status=400 if form.errors else 200,
    )
