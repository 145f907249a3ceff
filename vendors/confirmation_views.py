"""Pages of customers' confirmations: the vendor asks, the customer answers here or by the link of a mail."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core.clock import now
from core.errors import DomainError, ObjectNotFound
from core.pages import posted
from vendors import confirmations, selectors
from vendors.enums import ConfirmationState
from vendors.forms import AnswerForm, AskForm, LinkAnswerForm
from vendors.models import CaseConfirmation
from vendors.permissions import acts_as_vendor

READ_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


@never_cache
@READ_OR_POST
def ask(request: HttpRequest, key: str, case_id: int) -> HttpResponse:
    """The vendor names whom to ask."""
    shown = selectors.capability_for(request.user, key)
    case = shown.cases.select_related("region").filter(pk=case_id).first()
    if case is None or not acts_as_vendor(request.user, shown):
        raise ObjectNotFound()
    form = AskForm(posted(request), initial={"customer": case.customer})
    if request.method == "POST" and form.is_valid():
        try:
            asked = confirmations.confirmation_ask(case_id=case.pk, acting_user=request.user, **form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            whom = asked.customer.name if asked.customer else asked.address
            messages.success(request, _("已请“%s”确认，30 天内答复有效。结果会通知您。") % whom)
            return redirect("vendors:cases", shown.key)
    return render(
        request,
        "vendors/case_ask.html",
        {"capability": shown, "case": case, "form": form},
        status=400 if form.errors else 200,
    )


@never_cache
@READ_OR_POST
def answer(request: HttpRequest, public_id: Any) -> HttpResponse:
    """The customer's people, signed in."""
    confirmation = confirmations.confirmation_for(request.user, public_id)
    return _answer(request, confirmation, AnswerForm(posted(request)), acting_user=request.user)


@login_not_required
@never_cache
@READ_OR_POST
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever holds the mailed link. Opening it only shows the case, so that a mail scanner answers nothing."""
    confirmation = confirmations.confirmation_behind(token)
    response = _answer(request, confirmation, LinkAnswerForm(posted(request)), acting_user=None)
    # The address is the key to the answer: it is told to no other site and kept by no search engine. ("no-referrer"
    # would tell nobody at all, but browsers then call the origin of the page's own form "null", which CSRF refuses.)
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _answer(request: HttpRequest, confirmation: CaseConfirmation, form: Any, *, acting_user: Any) -> HttpResponse:
    is_open = confirmation.state == ConfirmationState.ASKED and confirmation.lapses_at > now()
    if request.method == "POST" and is_open and form.is_valid():
        try:
            confirmations.confirmation_answer(public_id=confirmation.public_id, acting_user=acting_user, **form.given())
        except DomainError as error:
            form.refuse(error)
        else:
            return redirect(request.path)
    return render(
        request,
        "vendors/case_answer.html",
        {
            "confirmation": confirmation,
            "case": confirmation.case,
            "vendor": confirmation.case.capability.vendor,
            "form": form,
            "is_open": is_open,
            "by_link": acting_user is None,
        },
        status=400 if is_open and form.errors else 200,
    )
