"""Records that stand against a bid: dishonesty entries and ties between organisations (domain.md §2.9)."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from challenges import forms, selectors
from challenges.permissions import keeps_integrity_records
from challenges.services import affiliations, credit
from core.clock import today
from core.errors import DomainError, ObjectNotFound
from core.forms import PageForm
from core.pages import page_of, posted


def _saved(form: PageForm, service: Callable[..., Any], request: HttpRequest, **named: Any) -> bool:
    """Whether the form was sound and the service took it; otherwise the form says why."""
    if not form.is_valid():
        return False
    try:
        service(acting_user=request.user, **named, **form.cleaned_data)
    except DomainError as error:
        form.refuse(error)
        return False
    return True


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def integrity(request: HttpRequest) -> HttpResponse:
    """Both lists and the forms that add to them."""
    if not keeps_integrity_records(request.user):
        raise ObjectNotFound()
    adds = request.POST.get("adds") if request.method == "POST" else ""
    entry = forms.CreditEntryForm(posted(request) if adds == "entry" else None, prefix="entry")
    tie = forms.AffiliationForm(posted(request) if adds == "tie" else None, prefix="tie")
    if adds == "entry" and _saved(entry, credit.credit_entry_record, request):
        messages.success(request, _("失信信息已登记。"))
        return redirect("challenges:integrity")
    if adds == "tie" and _saved(tie, affiliations.affiliation_record, request):
        messages.success(request, _("关联关系已登记。"))
        return redirect("challenges:integrity")
    failed = entry if adds == "entry" else tie
    return render(
        request,
        "challenges/integrity.html",
        {
            "entries": page_of(request, selectors.credit_entries(request.user)),
            "ties": selectors.affiliations(request.user),
            "entry_form": entry,
            "tie_form": tie,
            "failed": failed,
            "today": today(),
        },
        status=400 if failed.errors else 200,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def integrity_end(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Withdraw an entry, or end a tie, with its ground."""
    record: Any = None
    if kind == "entry":
        record = selectors.credit_entries(request.user).filter(pk=pk, withdrawn_at=None).first()
    elif kind == "tie":
        record = selectors.affiliations(request.user).filter(pk=pk).first()
    if record is None:
        raise ObjectNotFound()
    form = forms.ReasonForm(posted(request))
    service = credit.credit_entry_withdraw if kind == "entry" else affiliations.affiliation_end
    if request.method == "POST" and _saved(
        form, service, request, **{"entry_id" if kind == "entry" else "affiliation_id": pk}
    ):
        messages.success(request, _("已办理，今后不再使用；此前的决定不受影响。"))
        return redirect("challenges:integrity")
    return render(
        request,
        "challenges/integrity_end.html",
        {"record": record, "form": form, "kind": kind},
        status=400 if form.errors else 200,
    )
