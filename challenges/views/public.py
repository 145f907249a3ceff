"""What everybody may read: challenges, annual lists, 公示, results, the record of an opened challenge."""

from typing import Any
from urllib.parse import quote

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from challenges import selectors
from challenges.actions import offered
from challenges.documents import list_document, pdf_from
from challenges.enums import AwardState, ChallengeState, OpeningState
from challenges.models import Challenge
from challenges.parameters import NAMES_NEVER, NAMES_WITH_RESULT
from challenges.permissions import (
    approves_challenge,
    handles_challenge,
    may_bid,
    may_see_bids,
    sees_panel,
    sees_working_file,
)
from challenges.records import challenge_record
from challenges.services.bids import freeze_if_due, unconfirmed
from challenges.services.clarification import takes_questions
from challenges.services.decision import current_decision, ranked_results
from challenges.services.needs import TERM_STATES
from challenges.services.openers import current_envelope_keys
from challenges.services.openings import may_open
from challenges.services.review import review_panel
from challenges.states import CHALLENGE_MACHINE, programme_parameters
from core.clock import BEIJING
from core.money import format_fen
from core.pages import page_of
from core.spreadsheets import write_xlsx
from core.transitions import available_actions

TEXT_BLOCKS = (
    ("background", gettext_lazy("背景与关键技术问题")),
    ("content", gettext_lazy("研究内容")),
    ("expected_result", gettext_lazy("预期成果")),
    ("acceptance_method", gettext_lazy("验收方式")),
    ("intellectual_property", gettext_lazy("产权归属")),
    ("eligibility_conditions", gettext_lazy("对揭榜方的条件")),
)
#: Groups of states offered as a filter: address value → (label, states).
STATE_FILTERS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "open": (gettext_lazy("申报中"), (ChallengeState.PUBLISHED,)),
    "review": (
        gettext_lazy("评审中"),
        (
            ChallengeState.CLOSED,
            ChallengeState.OPENED,
            ChallengeState.FORMAL_CHECKED,
            ChallengeState.REVIEWING,
            ChallengeState.REVIEWED,
            ChallengeState.NEGOTIATING,
            ChallengeState.DECIDED,
        ),
    ),
    "publicity": (gettext_lazy("公示中"), (ChallengeState.PUBLICITY, ChallengeState.PUBLICITY_SUSPENDED)),
    "running": (gettext_lazy("已中榜（入围）"), (ChallengeState.AWARDED, ChallengeState.CONTRACTED)),
    "ended": (
        gettext_lazy("已结束"),
        (
            ChallengeState.FINISHED,
            ChallengeState.NO_BID,
            ChallengeState.REISSUED,
            ChallengeState.CANCELLED,
            ChallengeState.AWARD_LAPSED,
        ),
    ),
}
LIST_COLUMNS = (
    gettext_lazy("编号"),
    gettext_lazy("榜单名称"),
    gettext_lazy("需求单位"),
    gettext_lazy("研究内容"),
    gettext_lazy("考核指标"),
    gettext_lazy("产权归属"),
    gettext_lazy("财政资助上限"),
    gettext_lazy("实施周期（月）"),
    gettext_lazy("揭榜截止"),
    gettext_lazy("联系部门"),
    gettext_lazy("办公电话"),
)
DOWNLOADS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}


@login_not_required
@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """Every published challenge; by state and words."""
    rows = selectors.public_challenges()
    wanted = request.GET.get("state", "")
    if wanted in STATE_FILTERS:
        rows = rows.filter(state__in=STATE_FILTERS[wanted][1])
    words = request.GET.get("q", "").strip()[:100]
    if words:
        rows = rows.filter(title__icontains=words) | rows.filter(content__icontains=words) | rows.filter(code=words)
    return render(
        request,
        "challenges/catalogue.html",
        {
            "page": page_of(request, rows),
            "words": words,
            "wanted": wanted,
            "filters": [(key, label) for key, (label, _states) in STATE_FILTERS.items()],
            "programmes": selectors.programmes_for(request.user).filter(state="calling"),
        },
    )


@login_not_required
@require_safe
def challenge(request: HttpRequest, key: str) -> HttpResponse:
    """One challenge: text, clock, questions, versions, proofs, outcome, and what this person can do."""
    found = freeze_if_due(selectors.challenge_for(request.user, key))
    own = selectors.own_bid(request.user, found)
    context = {
        "challenge": found,
        "blocks": [(heading, getattr(found, name)) for name, heading in TEXT_BLOCKS if getattr(found, name)],
        "indicators": list(found.indicators.all()),
        "versions": list(found.versions.all()),
        "questions": selectors.questions_of(request.user, found),
        "follows": selectors.follows(request.user, found),
        "actions": offered("challenge", request.user, found),
        "own_bid": own,
        "needs_reconfirmation": own is not None and found.state == ChallengeState.PUBLISHED and unconfirmed(own),
        "takes_bids": found.state == ChallengeState.PUBLISHED and found.is_public,
        "takes_questions": takes_questions(found),
        "may_bid": found.state == ChallengeState.PUBLISHED and may_bid(request.user),
        "keys": current_envelope_keys(found) if found.published_at else {},
        "opening": found.openings.filter(state=OpeningState.DONE).order_by("pk").first(),
        "may_open": found.state in (ChallengeState.CLOSED, ChallengeState.REVIEWING) and may_open(found, request.user),
        "sees_bids": may_see_bids(request.user, found),
        "publicities": found.publicities.exclude(state="void") if found.published_at else (),
        "awards": _public_awards(found),
        "experts": _public_experts(found),
        "projects": found.projects.filter(result_published_at__isnull=False).select_related("solver"),
        "address": request.build_absolute_uri(),
    }
    if sees_working_file(request.user, found):
        context |= _working_file(request, found)
    return render(request, "challenges/challenge.html", context)


def _public_awards(found: Challenge) -> list[Any]:
    decision = current_decision(found)
    if decision is None or found.awarded_at is None:
        return []
    return list(decision.awards.filter(state=AwardState.AWARDED).select_related("bid__organisation"))


def _public_experts(found: Challenge) -> list[str]:
    """Names of the panel as the list's rule has it: with the result, after it, or never (domain.md §2.6)."""
    if found.published_at is None:
        return []
    rule = programme_parameters(found).expert_names
    shown = found.awarded_at is not None or (rule == NAMES_WITH_RESULT and found.publicities.exists())
    panel = review_panel(found)
    if rule == NAMES_NEVER or not shown or panel is None:
        return []
    return [str(seat.expert) for seat in panel.seats.filter(state="signed").select_related("expert")]


def _working_file(request: HttpRequest, found: Challenge) -> dict[str, Any]:
    panel = review_panel(found)
    return {
        "sees_file": True,
        "checks": found.checks.select_related("reviewer"),
        "panels": [
            (row, sees_panel(request.user, row), offered("panel", request.user, row))
            for row in found.panels.select_related("challenge__programme")
        ],
        "panel": panel,
        "results": ranked_results(found) if may_see_bids(request.user, found) else [],
        "decisions": found.decisions.prefetch_related("awards__bid__organisation")
        if may_see_bids(request.user, found)
        else [],
        "may_decide": "decide" in available_actions(found, CHALLENGE_MACHINE, by=request.user),
        "may_contract": handles_challenge(request.user, found),
        "may_decide_award": approves_challenge(request.user, found),
        "edits_terms": found.state in TERM_STATES and handles_challenge(request.user, found),
        "answers_questions": handles_challenge(request.user, found),
    }


@login_not_required
@require_safe
def lists(request: HttpRequest) -> HttpResponse:
    return render(request, "challenges/lists.html", {"page": page_of(request, selectors.public_lists())})


@login_not_required
@require_safe
def annual_list(request: HttpRequest, code: str) -> HttpResponse:
    """A list at its permanent address."""
    found = selectors.annual_list_for(request.user, code)
    if not found.is_public:
        raise Http404
    return render(
        request,
        "challenges/list.html",
        {
            "list": found,
            "items": selectors.list_challenges(request.user, found),
            "address": request.build_absolute_uri(reverse("challenges:list", args=[found.code])),
        },
    )


@login_not_required
@require_safe
def list_download(request: HttpRequest, code: str, form: str) -> HttpResponse:
    """The list as Word, Excel or PDF: the published text of version 1 and its clarifications."""
    if form not in DOWNLOADS:
        raise Http404
    found = selectors.annual_list_for(request.user, code)
    if not found.is_public:
        raise Http404
    items = selectors.list_challenges(request.user, found)
    if form == "xlsx":
        body = write_xlsx([str(column) for column in LIST_COLUMNS], [_row(item) for item in items], title=found.code)
    else:
        body = list_document(found, items)
        if form == "pdf":
            body = pdf_from(found, items)
    response = HttpResponse(body, content_type=DOWNLOADS[form])
    name = quote(f"{found.title}.{form}")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


def _row(item: Challenge) -> list[str]:
    deadline = item.deadline_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M") if item.deadline_at else ""
    return [
        item.code or "",
        item.title,
        str(item.demander),
        item.content,
        "；".join(str(row) for row in item.indicators.all()),
        item.intellectual_property,
        format_fen(item.grant_cap_fen) if item.grant_cap_fen is not None else "",
        str(item.duration_months or ""),
        deadline,
        item.public_contact_office,
        item.public_contact_phone,
    ]


@login_not_required
@require_safe
def programme(request: HttpRequest, public_id: Any) -> HttpResponse:
    """A call for needs, with its dates and rules; its owner finds the next steps here."""
    found = selectors.programme_for(request.user, public_id)
    return render(
        request,
        "challenges/programme.html",
        {
            "programme": found,
            "actions": offered("programme", request.user, found),
            "lists": selectors.lists_for(request.user).filter(programme=found),
            "parameters": found.parameters,
        },
    )


@login_not_required
@require_safe
def publicities(request: HttpRequest) -> HttpResponse:
    return render(request, "challenges/publicities.html", {"page": page_of(request, selectors.public_publicities())})


@login_not_required
@require_safe
def publicity(request: HttpRequest, public_id: Any) -> HttpResponse:
    """What was decided, from when to when it is publicised, how the days were counted, how to object."""
    shown = selectors.publicity_for(request.user, public_id)
    # By key, never by attribute: a template that says `content.items` gets the dictionary's own method.
    listed = shown.content.get("items", [])
    return render(request, "challenges/publicity.html", {"publicity": shown, "listed": listed})


@login_not_required
@require_safe
def results(request: HttpRequest) -> HttpResponse:
    return render(request, "challenges/results.html", {"page": page_of(request, selectors.published_results())})


@login_not_required
@require_safe
def record(request: HttpRequest, key: str) -> HttpResponse:
    """The whole record of an opened challenge, for anyone who wants to check it without us."""
    found = selectors.challenge_for(request.user, key)
    if not found.is_public:
        raise Http404
    response = JsonResponse(challenge_record(found), json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Content-Disposition"] = f'attachment; filename="{found.code}.json"'
    return response
