"""Editors' and approvers' pages: the pool, lists in the making, every step of a list, errata."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.enums import Role
from accounts.permissions import has_role
from core.clock import today
from core.entered import whole_number
from core.errors import DomainError, NotPermitted
from core.pages import page_of, past_its_neighbour, posted
from core.quarters import Quarter
from core.transitions import available_actions
from scenarios import selectors, services
from scenarios.enums import ErratumDraftState, QuarterlyListState
from scenarios.forms import ApprovalForm, ErratumForm, NewListForm
from scenarios.models import QuarterlyList
from scenarios.permissions import may_approve_erratum, may_edit_list, may_edit_lists
from scenarios.states import LIST_MACHINE

LIST_ROLES = (Role.LIST_EDITOR, Role.LIST_APPROVER, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR)
#: Steps that take nothing but the button: action → service.
PLAIN_STEPS = {
    "freeze": services.list_freeze,
    "unfreeze": services.list_unfreeze,
    "send_to_approval": services.list_send_to_approval,
    "publish": services.list_publish,
    "archive": services.list_archive,
}
#: What the person should know before pressing.
STEP_WARNINGS = {
    "freeze": gettext_lazy("冻结后条目文字写入清单，各单位不能再修改。"),
    "unfreeze": gettext_lazy("解除冻结后，清单中的文字和编号作废，需求回到需求库。"),
    "publish": gettext_lazy("发布后清单不能修改，只能以编号勘误更正；平台随即为每项需求匹配供给方并通知。"),
    "return": gettext_lazy("退回后清单回到征集状态，需重新冻结和送审。"),
    "archive": gettext_lazy("归档后清单仍然公开，但不再是进行中的清单，不能恢复。"),
}
PROGRESS = (
    QuarterlyListState.COLLECTING,
    QuarterlyListState.FROZEN,
    QuarterlyListState.IN_REVIEW,
    QuarterlyListState.APPROVED,
    QuarterlyListState.PUBLISHED,
)


def _require_list_role(request: HttpRequest) -> None:
    if not has_role(request.user, *LIST_ROLES):
        raise NotPermitted()


@never_cache
@require_safe
def pool(request: HttpRequest) -> HttpResponse:
    """Pooled demands that no unpublished list holds yet."""
    _require_list_role(request)
    return render(request, "scenarios/pool.html", {"page": page_of(request, selectors.pool(request.user))})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def working_lists(request: HttpRequest) -> HttpResponse:
    """Lists in the making, published ones below, and the form that opens the next issue."""
    _require_list_role(request)
    may_create = may_edit_lists(request.user)
    form = NewListForm(posted(request), quarter=Quarter.of(today())) if may_create else None
    if request.method == "POST":
        if form is None:
            raise NotPermitted(_("编制清单需要省级“清单编制人”角色。"))
        if form.is_valid():
            try:
                created = services.list_create(
                    quarter=Quarter.parse(form.cleaned_data["quarter"]),
                    title=form.cleaned_data["title"],
                    foreword=form.cleaned_data["foreword"],
                    acting_user=request.user,
                )
            except DomainError as error:
                form.refuse(error)
            else:
                return redirect("scenarios:edit_list", created.code)
    return render(
        request,
        "scenarios/working_lists.html",
        {
            "working": selectors.working_lists(request.user),
            "published": selectors.published_lists()[:8],
            "overdue": selectors.overdue_quarters(),
            "form": form,
        },
        status=400 if form is not None and form.errors else 200,
    )


@never_cache
@require_safe
def edit(request: HttpRequest, code: str) -> HttpResponse:
    """One list: its items, what can be added, the next step."""
    _require_list_role(request)
    return _list_page(request, selectors.list_for(request.user, code))


def _list_page(
    request: HttpRequest,
    quarterly_list: QuarterlyList,
    *,
    refusal: DomainError | None = None,
    approval: ApprovalForm | None = None,
    erratum: ErratumForm | None = None,
) -> HttpResponse:
    items = list(selectors.list_items(quarterly_list))
    may_edit = may_edit_list(request.user, quarterly_list)
    collecting = may_edit and quarterly_list.state == QuarterlyListState.COLLECTING
    actions = available_actions(quarterly_list, LIST_MACHINE, by=request.user)
    if erratum is None and may_edit and quarterly_list.is_public:
        erratum = ErratumForm(items=_item_choices(items))
    reached = PROGRESS.index(quarterly_list.state) if quarterly_list.state in PROGRESS else len(PROGRESS)
    bound = [form for form in (approval, erratum) if form is not None and form.errors]
    return render(
        request,
        "scenarios/edit_list.html",
        {
            "list": quarterly_list,
            "items": items,
            "collecting": collecting,
            "candidates": page_of(request, selectors.pool(request.user)) if collecting else None,
            "steps": [
                {"name": name, "label": LIST_MACHINE[name].label, "warning": STEP_WARNINGS.get(name, "")}
                for name in actions
                if name in PLAIN_STEPS
            ],
            "approves": "approve" in actions,
            "returns": "return" in actions,
            "return_warning": STEP_WARNINGS["return"],
            "approval": approval
            or ApprovalForm(initial={"secrecy_reviewer_name": quarterly_list.secrecy_reviewer_name}),
            "erratum": erratum,
            "drafts": [
                {"draft": draft, "may_approve": may_approve_erratum(request.user, draft)}
                for draft in quarterly_list.erratum_drafts.exclude(state=ErratumDraftState.PUBLISHED).select_related(
                    "item", "prepared_by", "decided_by"
                )
            ],
            "refusal": refusal,
            "progress": [
                {"label": state.label, "done": index < reached, "current": index == reached}
                for index, state in enumerate(PROGRESS)
            ],
        },
        status=refusal.status if refusal else 400 if bound else 200,
    )


def _item_choices(items: list[Any]) -> list[tuple[int, str]]:
    return [(item.pk, f"{item.number} {item.content.get('title', '')}"[:60]) for item in items]


@require_POST
def add(request: HttpRequest, code: str) -> HttpResponse:
    quarterly_list = selectors.list_for(request.user, code)
    keys = [key for text in request.POST.getlist("scenario") if (key := whole_number(text)) is not None]
    if not keys:
        messages.warning(request, _("没有选择需求。请先勾选要列入清单的条目。"))
        return redirect("scenarios:edit_list", quarterly_list.code)
    try:
        count = services.list_add_items(list_id=quarterly_list.pk, scenario_ids=keys, acting_user=request.user)
    except DomainError as error:
        return _list_page(request, quarterly_list, refusal=error)
    messages.success(request, _("已列入 %d 项需求。") % count)
    return redirect("scenarios:edit_list", quarterly_list.code)


@require_POST
def remove(request: HttpRequest, code: str, item_id: int) -> HttpResponse:
    quarterly_list = selectors.list_for(request.user, code)
    try:
        services.list_remove_item(list_id=quarterly_list.pk, item_id=item_id, acting_user=request.user)
    except DomainError as error:
        return _list_page(request, quarterly_list, refusal=error)
    messages.success(request, _("已移出清单，需求仍在需求库中。"))
    return redirect("scenarios:edit_list", quarterly_list.code)


@require_POST
def move(request: HttpRequest, code: str, item_id: int, direction: str) -> HttpResponse:
    """Change places with the neighbour above or below."""
    quarterly_list = selectors.list_for(request.user, code)
    keys = list(quarterly_list.items.order_by("sequence").values_list("pk", flat=True))
    if order := past_its_neighbour(keys, item_id, direction):
        try:
            services.list_reorder(list_id=quarterly_list.pk, item_ids=order, acting_user=request.user)
        except DomainError as error:
            return _list_page(request, quarterly_list, refusal=error)
    return redirect("scenarios:edit_list", quarterly_list.code)


@require_POST
def step(request: HttpRequest, code: str, action: str) -> HttpResponse:
    """Freeze, unfreeze, send, approve, return, publish, archive."""
    if action not in LIST_MACHINE:
        raise Http404
    quarterly_list = selectors.list_for(request.user, code)
    approval = ApprovalForm(request.POST) if action in ("approve", "return") else None
    try:
        if action == "approve" and approval.is_valid():
            services.list_approve(list_id=quarterly_list.pk, acting_user=request.user, **approval.cleaned_data)
        elif action == "return" and approval.is_valid():
            services.list_return(
                list_id=quarterly_list.pk, acting_user=request.user, comment=approval.cleaned_data["comment"]
            )
        elif action in PLAIN_STEPS:
            PLAIN_STEPS[action](list_id=quarterly_list.pk, acting_user=request.user)
    except DomainError as error:
        if approval is not None:
            approval.refuse(error)
            return _list_page(request, quarterly_list, approval=approval)
        return _list_page(request, quarterly_list, refusal=error)
    if approval is not None and approval.errors:
        return _list_page(request, quarterly_list, approval=approval)
    messages.success(request, _("已办理：%s。") % LIST_MACHINE[action].label)
    return redirect("scenarios:edit_list", quarterly_list.code)


@require_POST
def erratum(request: HttpRequest, code: str) -> HttpResponse:
    """Prepare a correction for another person's approval."""
    quarterly_list = selectors.list_for(request.user, code)
    form = ErratumForm(request.POST, items=_item_choices(list(quarterly_list.items.all())))
    if form.is_valid():
        item = form.cleaned_data["item"]
        try:
            services.erratum_prepare(
                list_id=quarterly_list.pk,
                acting_user=request.user,
                corrected_text=form.cleaned_data["corrected_text"],
                reason=form.cleaned_data["reason"],
                item_id=int(item) if item else None,
                field=form.cleaned_data["field"],
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("勘误已提交审批，批准后才会公开。请核对下方的预览。"))
            return redirect("scenarios:edit_list", quarterly_list.code)
    return _list_page(request, quarterly_list, erratum=form)


@require_POST
def erratum_decide(request: HttpRequest, code: str, public_id: UUID, action: str) -> HttpResponse:
    """The approver publishes a correction or sends it back."""
    quarterly_list = selectors.list_for(request.user, code)
    chosen = {"publish": services.erratum_publish, "return": services.erratum_return}.get(action)
    if chosen is None or not quarterly_list.erratum_drafts.filter(public_id=public_id).exists():
        raise Http404
    try:
        chosen(public_id=public_id, acting_user=request.user, comment=request.POST.get("comment", "")[:1000])
    except DomainError as error:
        return _list_page(request, quarterly_list, refusal=error)
    done = _("勘误已发布，显示在原文旁。") if action == "publish" else _("勘误已退回，没有公开。")
    messages.success(request, done)
    return redirect("scenarios:edit_list", quarterly_list.code)
