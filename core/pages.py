"""What HTML views share: pages of a list from the query string, and the answers of an autosaving form."""

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect, JsonResponse, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from core.clock import BEIJING, now
from core.entered import whole_number
from core.errors import DomainError, ObjectNotFound

PAGE_SIZES = (10, 20, 50)


def page_of(request: HttpRequest, rows: QuerySet | Sequence[Any], *, size: int = 20) -> Page:
    """The page asked for by `page` and `size`; nonsense in either gives the nearest sensible page, never an error."""
    wanted = whole_number(request.GET.get("size", ""), most_digits=2)
    number = whole_number(request.GET.get("page", "1"), most_digits=6)
    return Paginator(rows, wanted if wanted in PAGE_SIZES else size).get_page(1 if number is None else number)


def back_to(request: HttpRequest, target: str, otherwise: str) -> HttpResponseRedirect:
    """To a path of this site that the page named, else to `otherwise`; never elsewhere, never by a route's name."""
    ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return HttpResponseRedirect(target if ours and target.startswith("/") else otherwise)


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: the posted fields, even when there are none; None for a page that is only opened."""
    return request.POST if request.method == "POST" else None


def wants_json(request: HttpRequest) -> bool:
    """Whether the autosave script is asking, rather than a person pressing a button."""
    return request.headers.get("Accept", "") == "application/json"


def saved_answer(version: int) -> JsonResponse:
    return JsonResponse({"version": version, "saved_at": now().astimezone(BEIJING).strftime("%H:%M:%S")})


def refused_answer(error: DomainError) -> JsonResponse:
    return JsonResponse({"message": error.message, "code": error.code}, status=error.status)


def unreadable_answer() -> JsonResponse:
    return JsonResponse({"message": _("有的栏目格式不正确，尚未保存。"), "code": "invalid_input"}, status=400)


def past_its_neighbour(keys: Sequence[int], key: int, direction: str) -> list[int] | None:
    """The order in which `key` has changed places with the one above ("up") or below ("down"); None at the edge.

    ObjectNotFound for a key that is not among them and for any other direction.
    """
    if key not in keys or direction not in ("up", "down"):
        raise ObjectNotFound()
    order, here = list(keys), list(keys).index(key)
    there = here + (-1 if direction == "up" else 1)
    if not 0 <= there < len(order):
        return None
    order[here], order[there] = order[there], order[here]
    return order
