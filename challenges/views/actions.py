"""One page for every step: it says what will happen, asks for what is needed, and calls the service."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from challenges import selectors
from challenges.actions import KINDS
from challenges.models import (
    AnnualList,
    Award,
    Bid,
    Challenge,
    ChangeRequest,
    Expert,
    Objection,
    Opener,
    Panel,
    Programme,
    Project,
    Question,
    Seat,
    SuspicionHint,
)
from core.errors import DomainError, ObjectNotFound
from core.pages import posted


def home_of(obj: Any) -> str:
    """The page an object is shown on, where a step returns to."""
    if isinstance(obj, Challenge):
        return reverse("challenges:challenge", args=[obj.code or obj.public_id])
    if isinstance(obj, Programme):
        return reverse("challenges:programme", args=[obj.public_id])
    if isinstance(obj, AnnualList):
        return reverse("challenges:working_list", args=[obj.code])
    if isinstance(obj, Opener):
        return reverse("challenges:board")
    if isinstance(obj, Bid):
        return reverse("challenges:bid", args=[obj.public_id])
    if isinstance(obj, Panel):
        return reverse("challenges:challenge", args=[obj.challenge.code or obj.challenge.public_id])
    if isinstance(obj, Seat):
        return reverse("challenges:seat", args=[obj.public_id])
    if isinstance(obj, Expert):
        return reverse("challenges:expert", args=[obj.public_id])
    if isinstance(obj, Objection):
        return reverse("challenges:objection", args=[obj.public_id])
    if isinstance(obj, Project):
        return reverse("challenges:project", args=[obj.public_id])
    if isinstance(obj, Question):
        return home_of(obj.challenge)
    if isinstance(obj, Award):
        return home_of(obj.bid.challenge)
    if isinstance(obj, SuspicionHint):
        return reverse("challenges:bids", args=[obj.challenge.code])
    return reverse("challenges:project", args=[obj.project.public_id])


def named(obj: Any) -> str:
    """What a step is about, as people call it: a bid by its company, a seat by its expert, never by a key."""
    if isinstance(obj, Bid):
        return f"{obj.organisation} · {obj.challenge}"
    if isinstance(obj, Award):
        return f"{obj.bid.organisation} · {obj.bid.challenge}"
    if isinstance(obj, Panel):
        return f"{obj.get_purpose_display()} · {obj.challenge}"
    if isinstance(obj, Seat):
        return f"{obj.expert} · {obj.panel.get_purpose_display()} · {obj.panel.challenge}"
    if isinstance(obj, Opener):
        return f"{obj.user} · {obj.annual_list}"
    if isinstance(obj, SuspicionHint):
        return f"{obj.get_kind_display()} · {obj.challenge}"
    if isinstance(obj, ChangeRequest):
        return f"{obj.get_kind_display()} · {obj.project}"
    return str(obj)


def find(kind: str, key: str, user: Any) -> Any:
    """The object of an address, by its door where it has one; the services decide what may be done with it."""
    model = KINDS[kind][0]
    if model is Challenge:
        return selectors.challenge_for(user, key)
    if model is AnnualList:
        return selectors.annual_list_for(user, key)
    if model is Programme:
        return selectors.programme_for(user, key)
    if model is Bid:
        return selectors.bid_for(user, key)
    if model is Project:
        return selectors.project_for(user, key)
    relations: dict[type, tuple[str, ...]] = {
        Question: ("challenge", "challenge__programme", "challenge__demander"),
        Opener: ("annual_list", "annual_list__programme", "user"),
        Panel: ("challenge", "challenge__programme"),
        Seat: ("panel", "panel__challenge", "panel__challenge__programme", "expert"),
        Expert: ("user",),
        Objection: ("publicity", "publicity__challenge", "publicity__decision"),
        SuspicionHint: ("challenge", "challenge__programme"),
        Award: ("bid", "bid__challenge", "bid__challenge__programme", "bid__organisation", "decision"),
        ChangeRequest: ("project", "project__challenge", "project__challenge__programme", "project__solver"),
    }
    found = model.objects.select_related(*relations[model]).filter(public_id=key).first()
    if found is None:
        raise ObjectNotFound()
    return found


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, kind: str, key: str, action: str) -> HttpResponse:
    """Show what a step does and take it. What is not offered to this person now is answered as not found."""
    if kind not in KINDS or action not in KINDS[kind][1]:
        raise Http404
    step = KINDS[kind][1][action]
    obj = find(kind, key, request.user)
    if not step.offered(request.user, obj):
        raise ObjectNotFound(_("这项操作当前不能办理，可能已由他人办理或状态已经变化。请刷新页面查看。"))
    form = step.form(posted(request), request.FILES or None, **(step.form_options(obj) if step.form_options else {}))
    if request.method == "POST" and form.is_valid():
        try:
            step.run(request.user, obj, form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("已办理：%s。") % step.label)
            return redirect(_after(obj, request.user))
    return render(
        request,
        "challenges/act.html",
        {
            "object": obj,
            "named": named(obj),
            "form": form,
            "step": step,
            "warning": step.warning(obj),
            "back": home_of(obj),
        },
        status=400 if form.errors else 200,
    )


def _after(obj: Any, user: Any) -> str:
    """Back to the object's page; to the board when the step took it out of this person's sight."""
    if isinstance(obj, Seat):
        obj.refresh_from_db()
        if obj.state in ("declined", "recused", "replaced"):
            return reverse("challenges:board")
    if isinstance(obj, Challenge):
        try:
            selectors.challenge_for(user, str(obj.public_id))
        except ObjectNotFound:
            return reverse("challenges:board")
    return home_of(obj)
