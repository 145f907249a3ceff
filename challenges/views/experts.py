"""One expert of the pool: the entry to correct, its trail, the seats held, retiring and reinstating."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import User
from challenges import forms
from challenges.actions import offered
from challenges.enums import ExpertKind
from challenges.expert_rules import EMPLOYMENT_FIELDS
from challenges.models import Expert
from challenges.permissions import handles_challenge, may_run_programmes, supervises
from challenges.services import experts
from core.errors import DomainError, ObjectNotFound
from core.forms import rows_form
from core.models import AuditEntry, Category
from core.pages import posted

STEPS = {
    "challenges.expert.enter": gettext_lazy("入库"),
    "challenges.expert.edit": gettext_lazy("修改"),
    "challenges.expert.retired": gettext_lazy("出库"),
    "challenges.expert.reinstated": gettext_lazy("重新入库"),
}
LABELS = (
    ("name", gettext_lazy("姓名")),
    ("kind", gettext_lazy("类别")),
    ("title", gettext_lazy("职称")),
    ("years", gettext_lazy("从业年限")),
    ("areas", gettext_lazy("专业领域")),
    ("username", gettext_lazy("登录用户名")),
    ("employments", gettext_lazy("任职")),
)


def entered(form: Any, jobs: Any) -> dict[str, Any] | None:
    """What form and rows say, for the service; None if something is wrong, which the form then tells."""
    rows = [row.cleaned_data for row in jobs if row.cleaned_data.get("organisation_name")]
    name = form.cleaned_data["username"].strip()
    account = User.objects.filter(username=name).first() if name else None
    if name and account is None:
        form.add_error("username", _("没有这个用户。"))
        return None
    if any(row.get("started_on") is None for row in rows):
        form.add_error(None, _("请填写每段任职的起始日期。"))
        return None
    values = {key: value for key, value in form.cleaned_data.items() if key != "username"}
    return {**values, "user": account, "employments": rows}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def expert(request: HttpRequest, public_id: Any) -> HttpResponse:
    found = Expert.objects.select_related("user").filter(public_id=public_id).first()
    edits = may_run_programmes(request.user)
    if found is None or not (edits or supervises(request.user)):
        raise ObjectNotFound()
    form = forms.ExpertForm(posted(request), initial=_initial(found))
    jobs = rows_form(
        forms.EmploymentFormSet,
        posted(request),
        prefix="jobs",
        initial=[{name: getattr(row, name) for name in EMPLOYMENT_FIELDS} for row in found.employments.all()],
    )
    if request.method == "POST" and form.is_valid() and jobs.is_valid():
        values = entered(form, jobs)
        if values is not None:
            try:
                experts.expert_edit(expert_public_id=found.public_id, acting_user=request.user, **values)
            except DomainError as error:
                form.refuse(error)
            else:
                messages.success(request, _("已保存，修改前的内容留在修改记录中。"))
                return redirect("challenges:expert", found.public_id)
    return render(
        request,
        "challenges/expert.html",
        {
            "expert": found,
            "form": form,
            "jobs": jobs,
            "edits": edits,
            "actions": offered("expert", request.user, found),
            "seats": [
                seat
                for seat in experts.seats_held(found)
                if handles_challenge(request.user, seat.panel.challenge) or supervises(request.user)
            ],
            "trail": _trail(found),
        },
        status=400 if form.errors or jobs.total_error_count() else 200,
    )


def _trail(found: Expert) -> list[tuple[AuditEntry, str, list[tuple[str, str, str]]]]:
    """Every step with its words and, of an edit, (label, before, after) of what changed."""
    rows = AuditEntry.objects.filter(subject_type=Expert._meta.label_lower, subject_id=str(found.pk)).order_by("-pk")
    return [(row, str(STEPS.get(row.action, row.action)), _changes(row.detail)) for row in rows]


def _changes(detail: dict[str, Any]) -> list[tuple[str, str, str]]:
    before, after = detail.get("before", {}), detail.get("after", {})
    return [(str(label), _words(key, before[key]), _words(key, after[key])) for key, label in LABELS if key in before]


def _words(key: str, value: Any) -> str:
    if key == "employments":
        rows = (
            f"{row['organisation_name']} {row['unified_code']} {row['started_on']}–{row['ended_on'] or _('至今')}"
            for row in value
        )
        return "；".join(rows)
    if key == "areas":
        return "、".join(Category.objects.filter(code__in=value).values_list("label", flat=True))
    return str(ExpertKind(value).label) if key == "kind" else str(value)


def _initial(found: Expert) -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "title": found.title,
        "years": found.years,
        "areas": list(found.areas.all()),
        "username": found.user.username if found.user is not None else "",
    }
