"""Desk pages: the board of each role, needs, programmes, lists, experts, projects, objections."""

from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.enums import Role
from accounts.permissions import has_role
from challenges import forms, selectors
from challenges.actions import offered, signs
from challenges.archive import archive_package
from challenges.documents import pdf_of, review_document
from challenges.enums import AnnualListState, ChallengeState, SeatState
from challenges.models import Award, Bid, Expert, Panel, Seat, SuspicionHint
from challenges.parameters import default_parameters, parameters_from
from challenges.permissions import (
    acts_as_bidder,
    acts_as_demander,
    handles_challenge,
    handles_list,
    handles_programme,
    holds_seat,
    keeps_integrity_records,
    may_handle_objection,
    may_read_price,
    may_run_programmes,
    may_see_bids,
    may_state_need,
    sees_panel,
    supervises,
)
from challenges.services import clarification, decision, needs, openers, programmes, projects, review
from challenges.services.bids import withdrawals_of
from challenges.services.membership_looks import looks_waiting
from challenges.services.needs import EDITABLE_STATES, TERM_STATES
from challenges.services.reserve import short_reasons
from challenges.services.supplementary_draw import pending_draws
from challenges.states import programme_parameters
from challenges.validators import need_problems
from challenges.views.experts import entered
from core.attachments import attachments_of
from core.clock import today
from core.entered import whole_number
from core.errors import DomainError, EditConflict, ObjectNotFound
from core.forms import rows_form
from core.pages import (
    page_of,
    past_its_neighbour,
    posted,
    refused_answer,
    saved_answer,
    unreadable_answer,
    wants_json,
)

BOARD_ROWS = 8


# --- the board ----------------------------------------------------------------------------------------------------


@never_cache
@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """What waits for this person, by role, on one page."""
    user = request.user
    context: dict[str, Any] = {"today": today(), "keeps_integrity": keeps_integrity_records(user)}
    if may_state_need(user):
        context["own_needs"] = selectors.own_needs(user)[:BOARD_ROWS]
        context["calls"] = selectors.programmes_for(user).filter(state="calling")
    if has_role(user, Role.FIRST_REVIEWER):
        context["checks"] = selectors.check_queue(user)[:BOARD_ROWS]
    if has_role(user, Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER):
        context |= _programme_side(request)
    if has_role(user, Role.VENDOR_STAFF):
        context["bids"] = selectors.own_bids(user)[:BOARD_ROWS]
        context["drafts"] = selectors.own_drafts(user).filter(challenge__state=ChallengeState.PUBLISHED)[:BOARD_ROWS]
    if has_role(user, Role.EXPERT):
        context["seats"] = (
            Seat.objects.filter(expert__user=user)
            .exclude(state__in=(SeatState.DECLINED, SeatState.RECUSED, SeatState.REPLACED, SeatState.TIMED_OUT))
            .select_related("panel", "panel__challenge")
            .order_by("-pk")[:BOARD_ROWS]
        )
    context["appointments"] = [
        (opener, offered("opener", user, opener)) for opener in selectors.openers_of(user)[:BOARD_ROWS]
    ]
    if supervises(user):
        context["supervises"] = True
        context["looks"] = looks_waiting()[:BOARD_ROWS]
        context["objections"] = selectors.objections_for(user)[:BOARD_ROWS]
        panels = Panel.objects.select_related("challenge", "challenge__programme")
        context["draws"] = panels.filter(state="committed")
        context["further_draws"] = panels.filter(pk__in=pending_draws().values("panel"))
        context["hints"] = SuspicionHint.objects.filter(handled_comment="").select_related("challenge")[:BOARD_ROWS]
    context["projects"] = selectors.projects_for(user)[:BOARD_ROWS]
    return render(request, "challenges/board.html", context)


def _programme_side(request: HttpRequest) -> dict[str, Any]:
    rows = selectors.programme_challenges(request.user)
    return {
        "programmes": selectors.programmes_for(request.user).filter(owner=request.user.current_organisation),
        "lists": selectors.lists_for(request.user).filter(programme__owner=request.user.current_organisation),
        "challenges": page_of(request, rows),
        "may_run": may_run_programmes(request.user),
    }


# --- needs --------------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def need_create(request: HttpRequest, public_id: Any) -> HttpResponse:
    """Begin a need with its title; everything else follows on the next page, saved as it is typed."""
    programme = selectors.programme_for(request.user, public_id)
    form = forms.NeedForm(posted(request))
    if request.method == "POST":
        title = request.POST.get("title", "").strip()
        if title:
            try:
                found = needs.need_create(programme_id=programme.pk, acting_user=request.user, values={"title": title})
            except DomainError as error:
                form.full_clean()
                form.refuse(error)
            else:
                return redirect("challenges:need", found.public_id)
        else:
            form.full_clean()
    return render(
        request,
        "challenges/need_create.html",
        {"programme": programme, "form": form},
        status=400 if form.errors else 200,
    )


def _indicator_rows(formset: Any) -> list[dict[str, str]]:
    return [row.cleaned_data for row in formset if row.is_valid()]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def need(request: HttpRequest, key: str) -> HttpResponse:
    """Write a need; it saves itself while one types and says what is still missing."""
    found = selectors.challenge_for(request.user, key)
    if not acts_as_demander(request.user, found) or found.state not in EDITABLE_STATES:
        return redirect("challenges:challenge", found.code or found.public_id)
    form = forms.NeedForm(posted(request), initial=forms.NeedForm.initial_of(found))
    indicators = rows_form(
        forms.IndicatorFormSet,
        posted(request),
        prefix="indicators",
        initial=[{name: getattr(row, name) for name in needs.INDICATOR_FIELDS} for row in found.indicators.all()],
    )
    conflict = False
    if request.method == "POST":
        valid = form.is_valid() and indicators.is_valid()
        if not valid and wants_json(request):
            return unreadable_answer()
        if valid:
            version = request.POST.get("version", "")
            try:
                found = needs.need_save(
                    challenge_id=found.pk,
                    acting_user=request.user,
                    values={**form.cleaned_data, "indicators": _indicator_rows(indicators)},
                    expected_version=whole_number(version),
                )
            except EditConflict as error:
                if wants_json(request):
                    return refused_answer(error)
                conflict = True
                form.refuse(error)
                found.refresh_from_db()
            except DomainError as error:
                if wants_json(request):
                    return refused_answer(error)
                form.refuse(error)
            else:
                if wants_json(request):
                    return saved_answer(found.document_version)
                if "submit" in request.POST:
                    return redirect("challenges:need_check", found.public_id)
                messages.success(request, _("已保存。"))
                return redirect("challenges:need", found.public_id)
    return render(
        request,
        "challenges/need.html",
        {
            "challenge": found,
            "form": form,
            "indicators": indicators,
            "problems": need_problems(found, programme_parameters(found)),
            "conflict": conflict,
            "last_check": found.checks.order_by("-pk").first(),
        },
        status=400 if form.errors else 200,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def need_check(request: HttpRequest, key: str) -> HttpResponse:
    """Everything once more, what is missing, and the button that hands it in."""
    found = selectors.challenge_for(request.user, key)
    if not acts_as_demander(request.user, found) or found.state not in EDITABLE_STATES:
        return redirect("challenges:challenge", found.code or found.public_id)
    refusal: DomainError | None = None
    if request.method == "POST":
        try:
            needs.need_submit(challenge_id=found.pk, acting_user=request.user)
        except DomainError as error:
            refusal = error
        else:
            messages.success(request, _("需求已提交，等待市县初审。办理结果会发站内信给您。"))
            return redirect("challenges:challenge", found.public_id)
    problems = refusal.reasons if refusal else need_problems(found, programme_parameters(found))
    return render(
        request,
        "challenges/need_check.html",
        {
            "challenge": found,
            "problems": problems,
            "refused": refusal is not None,
            "indicators": found.indicators.all(),
        },
        status=refusal.status if refusal else 200,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def terms(request: HttpRequest, key: str) -> HttpResponse:
    """The handler settles the terms of the call: money, clock, criteria, reviews."""
    found = selectors.challenge_for(request.user, key)
    if not handles_challenge(request.user, found) or found.state not in TERM_STATES:
        return redirect("challenges:challenge", found.code or found.public_id)
    form = forms.TermsForm(posted(request), initial=forms.TermsForm.initial_of(found))
    criteria = rows_form(forms.CriterionFormSet, posted(request), prefix="criteria", initial=found.criteria)
    if request.method == "POST" and form.is_valid() and criteria.is_valid():
        rows = [
            {
                "key": f"c{number}",
                "name": row.cleaned_data["name"].strip(),
                "weight": row.cleaned_data["weight"],
                "minimum": row.cleaned_data["minimum"] or 0,
            }
            for number, row in enumerate(criteria, 1)
            if row.cleaned_data.get("name", "").strip()
        ]
        try:
            needs.terms_save(
                challenge_id=found.pk, acting_user=request.user, values={**form.cleaned_data, "criteria": rows}
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("条款已保存。文本或指标有变化时，需要需求单位重新确认。"))
            return redirect("challenges:challenge", found.public_id)
    return render(
        request,
        "challenges/terms.html",
        {"challenge": found, "form": form, "criteria": criteria, "sheet": programme_parameters(found)},
        status=400 if form.errors else 200,
    )


@require_POST
def follow(request: HttpRequest, key: str) -> HttpResponse:
    found = selectors.challenge_for(request.user, key)
    wanted = request.POST.get("follow", "1") == "1"
    clarification.challenge_follow(challenge_id=found.pk, acting_user=request.user, follow=wanted)
    messages.success(request, _("已关注，答疑、澄清和截止提醒会发给本单位。") if wanted else _("已取消关注。"))
    return redirect("challenges:challenge", found.code or found.public_id)


# --- programmes and lists -----------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def programme_edit(request: HttpRequest, public_id: Any = None) -> HttpResponse:
    """Open a programme, or change it before its call."""
    found = selectors.programme_for(request.user, public_id) if public_id else None
    if found is not None and not handles_programme(request.user, found):
        raise ObjectNotFound()
    if found is None and not may_run_programmes(request.user):
        raise ObjectNotFound()
    initial = (
        {name: getattr(found, name) for name in (*programmes.PROGRAMME_FIELDS, "year", "model")}
        if found
        else {"year": today().year, "model": "M1"}
    )
    form = forms.ProgrammeForm(posted(request), initial=initial)
    model = request.POST.get("model", str(initial["model"]))
    sheet = parameters_from(found.parameters) if found else default_parameters(model)
    sheet_form = forms.ParameterForm(posted(request), sheet=sheet, prefix="parameters")
    if request.method == "POST" and form.is_valid() and sheet_form.is_valid():
        values = {name: form.cleaned_data[name] for name in programmes.PROGRAMME_FIELDS}
        try:
            if found is None:
                found = programmes.programme_create(
                    acting_user=request.user,
                    year=form.cleaned_data["year"],
                    model=form.cleaned_data["model"],
                    values=values,
                    parameters=sheet_form.cleaned_data,
                )
            else:
                programmes.programme_save(
                    programme_id=found.pk,
                    acting_user=request.user,
                    values=values,
                    parameters=sheet_form.cleaned_data,
                )
        except DomainError as error:
            (sheet_form if set(error.fields) & set(sheet_form.fields) else form).refuse(error)
        else:
            messages.success(request, _("计划已保存。"))
            return redirect("challenges:programme", found.public_id)
    return render(
        request,
        "challenges/programme_edit.html",
        {"programme": found, "form": form, "sheet_form": sheet_form},
        status=400 if form.errors or sheet_form.errors else 200,
    )


@never_cache
@require_safe
def working_list(request: HttpRequest, code: str) -> HttpResponse:
    """A list in the making: items, officers, keys, what still stands against sending and publishing it."""
    found = selectors.annual_list_for(request.user, code)
    sheet = parameters_from(found.parameters or found.programme.parameters)
    standing = openers.standing_openers(found)
    items = selectors.list_challenges(request.user, found)
    return render(
        request,
        "challenges/working_list.html",
        {
            "list": found,
            "items": [(row, openers.current_envelope_keys(row)) for row in items],
            "candidates": selectors.selected_needs(request.user, found)
            if found.state == AnnualListState.PREPARING
            else (),
            "openers": [(row, offered("opener", request.user, row)) for row in standing],
            "opener_reasons": openers.officer_reasons(standing, sheet) if not found.is_public else (),
            "actions": offered("list", request.user, found),
            "edits": found.state == AnnualListState.PREPARING and handles_list(request.user, found),
            "makes_keys": not found.is_public and handles_list(request.user, found),
            "sheet": sheet,
        },
    )


@require_POST
def list_add(request: HttpRequest, code: str) -> HttpResponse:
    found = selectors.annual_list_for(request.user, code)
    chosen = [key for value in request.POST.getlist("challenge") if (key := whole_number(value)) is not None]
    try:
        count = programmes.annual_list_add(list_id=found.pk, challenge_ids=chosen, acting_user=request.user)
    except ObjectNotFound:
        raise
    except DomainError as error:
        for reason in error.reasons:
            messages.error(request, reason.message)
    else:
        messages.success(request, _("已列入 %d 项。") % count)
    return redirect("challenges:working_list", found.code)


@require_POST
def list_remove(request: HttpRequest, code: str, key: str) -> HttpResponse:
    found = selectors.annual_list_for(request.user, code)
    item = selectors.challenge_for(request.user, key)
    try:
        programmes.annual_list_remove(list_id=found.pk, challenge_id=item.pk, acting_user=request.user)
    except ObjectNotFound:
        raise
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("challenges:working_list", found.code)


@require_POST
def list_move(request: HttpRequest, code: str, key: str, direction: str) -> HttpResponse:
    """Change places with the neighbour above or below; numbers follow the order at publication."""
    found = selectors.annual_list_for(request.user, code)
    item = selectors.challenge_for(request.user, key)
    keys = list(found.challenges.order_by("sequence", "pk").values_list("pk", flat=True))
    if order := past_its_neighbour(keys, item.pk, direction):
        try:
            programmes.annual_list_reorder(list_id=found.pk, challenge_ids=order, acting_user=request.user)
        except ObjectNotFound:
            raise
        except DomainError as error:
            messages.error(request, error.message)
    return redirect("challenges:working_list", found.code)


# --- review -------------------------------------------------------------------------------------------------------


@never_cache
@require_safe
def bid_list(request: HttpRequest, key: str) -> HttpResponse:
    """All bids of an opened challenge, for those entitled; before the opening the attempt itself is recorded."""
    found = selectors.challenge_for(request.user, key)
    rows = selectors.bids_of(request.user, found)
    return render(
        request,
        "challenges/bids.html",
        {
            "challenge": found,
            "rows": rows,
            "results": {row.bid_id: row for row in decision.ranked_results(found)},
            "hints": found.hints.prefetch_related("bids__organisation") if supervises(request.user) else (),
            "actions": offered("challenge", request.user, found),
        },
    )


@never_cache
@require_safe
def bid(request: HttpRequest, public_id: Any) -> HttpResponse:
    """One bid: the bidder's own receipts at any time; opened content for those entitled, blind for experts."""
    found = selectors.bid_for(request.user, public_id)
    own = acts_as_bidder(request.user, found)
    blind = not own and not may_see_bids(request.user, found.challenge)
    return render(
        request,
        "challenges/bid.html",
        {
            "bid": found,
            "challenge": found.challenge,
            "own": own,
            "blind": blind,
            "insider": not own and not blind,
            "kept_aside": selectors.kept_aside_of(found),
            "content": found.technical_content,
            "answers": _answers(found),
            "price": found.price_content if may_read_price(request.user, found) else None,
            "versions": found.versions.all() if own else (),
            "withdrawals": withdrawals_of(found) if own else (),
            "files": attachments_of(found) if found.technical_content is not None else (),
            "findings": review.formal_findings(found)
            if found.technical_content is not None and handles_challenge(request.user, found.challenge)
            else (),
            "results": found.results.filter(panel__state="signed") if found.challenge.awarded_at or not own else (),
            "actions": offered("bid", request.user, found),
        },
    )


def _answers(found: Bid) -> list[dict[str, Any]]:
    answers = (found.technical_content or {}).get("answers") or {}
    return [
        {"indicator": row, "promise": (answers.get(str(row.sequence)) or {}).get("promise", "")}
        for row in found.challenge.indicators.all()
    ]


@never_cache
@require_safe
def panel(request: HttpRequest, public_id: Any) -> HttpResponse:
    """A panel for those who may see it: draw record, seats, progress. Scores only once locked."""
    found = Panel.objects.select_related("challenge", "challenge__programme").filter(public_id=public_id).first()
    if found is None or not sees_panel(request.user, found):
        raise ObjectNotFound()
    seats = found.seats.select_related("expert", "panel", "panel__challenge", "panel__challenge__programme")
    return render(
        request,
        "challenges/panel.html",
        {
            "panel": found,
            "challenge": found.challenge,
            "seats": [(seat, offered("seat", request.user, seat)) for seat in seats.order_by("draw_position")],
            "further_draws": found.supplementary_draws.all(),
            "reasons": review.panel_reasons(found),
            "actions": offered("panel", request.user, found),
            "results": found.results.select_related("bid", "bid__organisation") if found.locked_at else (),
            "criteria": review.criteria_of(found),
        },
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def seat(request: HttpRequest, public_id: Any) -> HttpResponse:
    """An expert's place: declare, score each bid blind, hand in, then see the others and sign."""
    found = (
        Seat.objects.select_related("panel", "panel__challenge", "panel__challenge__programme", "expert")
        .filter(public_id=public_id)
        .first()
    )
    if found is None or not holds_seat(request.user, found):
        raise ObjectNotFound()
    scoring = review.scoring_is_open(found, found.panel.challenge)
    bids = review.bids_under_review(found.panel) if found.state in ("declared", "submitted", "signed") else []
    sheets = {sheet.bid_id: sheet for sheet in found.sheets.filter(void=False)}
    entries, errors = [], False
    for number, bid in enumerate(bids, 1):
        key = str(bid.public_id) if bid is not None else "need"
        sheet = sheets.get(bid.pk if bid is not None else None)
        initial = {f"score_{name}": value for name, value in (sheet.scores if sheet else {}).items()}
        mine = request.method == "POST" and request.POST.get("bid") == key
        form = forms.ScoreForm(
            request.POST if mine else None,
            criteria=review.criteria_of(found.panel),
            prefix=f"b{number}",
            initial={**initial, "comment": sheet.comment if sheet else ""},
        )
        if mine and form.is_valid():
            try:
                review.sheet_save(
                    seat_public_id=found.public_id,
                    acting_user=request.user,
                    bid_public_id=bid.public_id if bid is not None else None,
                    scores=form.scores,
                    comment=form.cleaned_data["comment"],
                )
            except DomainError as error:
                form.refuse(error)
            else:
                if wants_json(request):
                    return saved_answer(number)
                messages.success(request, _("第 %d 份的评分已保存，提交前可以修改。") % number)
                return redirect(f"{reverse('challenges:seat', args=[found.public_id])}#bid-{number}")
        if mine:
            errors = errors or bool(form.errors)
            if form.errors and wants_json(request):
                return unreadable_answer()
        entries.append({"number": number, "bid": bid, "key": key, "form": form, "sheet": sheet})
    others = (
        found.panel.seats.filter(state__in=(SeatState.SUBMITTED, SeatState.SIGNED)).prefetch_related("sheets")
        if found.state in (SeatState.SUBMITTED, SeatState.SIGNED)
        and not found.panel.seats.filter(state__in=(SeatState.NOTIFIED, SeatState.DECLARED)).exists()
        else ()
    )
    return render(
        request,
        "challenges/seat.html",
        {
            "seat": found,
            "challenge": found.panel.challenge,
            "entries": entries,
            "scoring": scoring,
            "waits_for_start": found.state == SeatState.DECLARED and not scoring,
            "waits_for_others": found.state == SeatState.SUBMITTED and not review.signing_is_open(found),
            "missing": review.missing_scores(found) if scoring and bids else [],
            "others": others,
            "short": bool(short_reasons(found.panel)),
            "actions": offered("seat", request.user, found),
            "criteria": review.criteria_of(found.panel),
            "blind": found.panel.purpose == "review",
        },
        status=400 if errors else 200,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def experts(request: HttpRequest) -> HttpResponse:
    """The pool, and the form that takes a person into it."""
    if not (may_run_programmes(request.user) or supervises(request.user)):
        raise ObjectNotFound()
    form = forms.ExpertForm(posted(request))
    jobs = rows_form(forms.EmploymentFormSet, posted(request), prefix="jobs")
    if request.method == "POST" and form.is_valid() and jobs.is_valid():
        values = entered(form, jobs)
        if values is not None:
            try:
                review.expert_enter(acting_user=request.user, **values)
            except DomainError as error:
                form.refuse(error)
            else:
                messages.success(request, _("专家已入库。"))
                return redirect("challenges:experts")
    return render(
        request,
        "challenges/experts.html",
        {
            "page": page_of(request, Expert.objects.prefetch_related("areas", "employments").order_by("pk")),
            "form": form,
            "jobs": jobs,
        },
        status=400 if form.errors else 200,
    )


@never_cache
@require_safe
def review_report(request: HttpRequest, public_id: Any, form: str) -> HttpResponse:
    """The signed report as Word or PDF, for its handler, approver and the supervisor."""
    found = Panel.objects.select_related("challenge", "challenge__programme").filter(public_id=public_id).first()
    if found is None or found.locked_at is None or form not in ("docx", "pdf"):
        raise ObjectNotFound()
    challenge = found.challenge
    if not sees_panel(request.user, found):
        raise ObjectNotFound()
    if form == "pdf":
        html = render_to_string(
            "challenges/review_pdf.html",
            {
                "panel": found,
                "results": found.results.select_related("bid__organisation"),
                "criteria": review.criteria_of(found),
            },
        )
        response = HttpResponse(pdf_of(html), content_type="application/pdf")
    else:
        response = HttpResponse(
            review_document(found),
            content_type="application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        )
    name = quote(f"{found.get_purpose_display()}报告-{challenge.code or challenge.title}.{form}")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


@never_cache
@require_safe
def archive(request: HttpRequest, key: str) -> HttpResponse:
    """The archive package of an ended challenge, for its handler and the supervisor."""
    found = selectors.challenge_for(request.user, key)
    if not (handles_challenge(request.user, found) or supervises(request.user)):
        raise ObjectNotFound()
    response = HttpResponse(archive_package(found), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{found.code}-archive.zip"'
    return response


# --- decision -----------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, key: str) -> HttpResponse:
    """The ranking, and the decision entered from the minutes."""
    found = selectors.challenge_for(request.user, key)
    selectors.bids_of(request.user, found)
    results = [row for row in decision.ranked_results(found) if row.bid is not None]
    form = forms.DecisionForm(posted(request))
    winners = rows_form(
        forms.WinnerFormSet,
        posted(request),
        prefix="winners",
        initial=[
            {
                "bid": str(row.bid.public_id),
                "grant_fen": (row.bid.price_content or {}).get("grant_fen"),
                "technical_route": (row.bid.technical_content or {}).get("route", "")[:200],
            }
            for row in results
        ],
    )
    if request.method == "POST" and form.is_valid() and winners.is_valid():
        chosen = [
            {name: row.cleaned_data[name] for name in ("bid", "grant_fen", "technical_route")}
            for row in winners
            if row.cleaned_data.get("chosen")
        ]
        try:
            decision.decision_make(challenge_id=found.pk, acting_user=request.user, winners=chosen, **form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("决策已记录，下一步开始公示。"))
            return redirect("challenges:challenge", found.code or found.public_id)
    return render(
        request,
        "challenges/decide.html",
        {"challenge": found, "form": form, "winners": winners, "rows": list(zip(results, winners, strict=False))},
        status=400 if form.errors else 200,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def contract(request: HttpRequest, public_id: Any) -> HttpResponse:
    """Draw up task book, 军令状 and milestones for an award."""
    award = (
        Award.objects.select_related("bid", "bid__challenge", "bid__challenge__programme", "bid__organisation")
        .filter(public_id=public_id)
        .first()
    )
    if award is None or not handles_challenge(request.user, award.bid.challenge):
        raise ObjectNotFound()
    form = forms.ContractForm(
        posted(request), initial={"grant_fen": award.grant_fen, "own_fen": 0, "first_payment_fen": 0}
    )
    milestones = rows_form(forms.MilestoneFormSet, posted(request), prefix="milestones")
    if request.method == "POST" and form.is_valid() and milestones.is_valid():
        rows = [row.cleaned_data for row in milestones if row.cleaned_data.get("title")]
        if any(row.get("share_fen") is None or row.get("due_on") is None for row in rows):
            form.add_error(None, _("请为每个里程碑填写经费和期限。"))
        else:
            try:
                project = projects.contract_draw_up(
                    award_public_id=award.public_id,
                    acting_user=request.user,
                    values=form.cleaned_data,
                    milestones=rows,
                )
            except DomainError as error:
                form.refuse(error)
            else:
                messages.success(request, _("任务书已生成，请三方签署。"))
                return redirect("challenges:project", project.public_id)
    return render(
        request,
        "challenges/contract.html",
        {"award": award, "form": form, "milestones": milestones},
        status=400 if form.errors else 200,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def object_to(request: HttpRequest, public_id: Any) -> HttpResponse:
    """File a named objection to a publicised decision."""
    publicity = selectors.publicity_for(request.user, public_id)
    form = forms.ObjectionForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            filed = decision.objection_file(
                publicity_public_id=publicity.public_id, acting_user=request.user, **form.cleaned_data
            )
        except DomainError as error:
            form.refuse(error)
        else:
            return redirect("challenges:objection", filed.public_id)
    return render(
        request,
        "challenges/object_to.html",
        {"publicity": publicity, "form": form},
        status=400 if form.errors else 200,
    )


@never_cache
@require_safe
def objection(request: HttpRequest, public_id: Any) -> HttpResponse:
    """One objection: for its filer, its handler and the supervisor."""
    found = selectors.objection_for(request.user, public_id)
    return render(
        request,
        "challenges/objection.html",
        {
            "objection": found,
            "actions": offered("objection", request.user, found),
            "handles": may_handle_objection(request.user, found),
        },
    )


# --- projects -----------------------------------------------------------------------------------------------------


@never_cache
@require_safe
def project_list(request: HttpRequest) -> HttpResponse:
    return render(request, "challenges/projects.html", {"page": page_of(request, selectors.projects_for(request.user))})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def project(request: HttpRequest, public_id: Any) -> HttpResponse:
    """A project: contract, signatures, milestones, changes, acceptance; signing happens here."""
    found = selectors.project_for(request.user, public_id)
    refusal: DomainError | None = None
    if request.method == "POST":
        try:
            projects.contract_sign(
                project_public_id=found.public_id,
                acting_user=request.user,
                digest=request.POST.get("digest", ""),
            )
        except ObjectNotFound:
            raise
        except DomainError as error:
            refusal = error
        else:
            messages.success(request, _("已签署。"))
            return redirect("challenges:project", found.public_id)
    return render(
        request,
        "challenges/project.html",
        {
            "project": found,
            "challenge": found.challenge,
            "milestones": found.milestones.all(),
            "signatures": found.signatures.all(),
            "changes": [(row, offered("change", request.user, row)) for row in found.changes.select_related("project")],
            "acceptances": found.acceptances.all(),
            "stages": found.stage_results.select_related("assessment"),
            "transfers": found.transfer_reports.all(),
            "digest": projects.contract_digest(found),
            "signs": signs(request.user, found),
            "actions": offered("project", request.user, found),
            "refusal": refusal,
        },
        status=refusal.status if refusal else 200,
    )
