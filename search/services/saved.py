"""Searches a person keeps."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.permissions import is_signed_in
from core.errors import InvalidInput, ObjectNotFound
from search.models import SavedSearch
from search.services.requests import checked_request


@transaction.atomic
def saved_search_keep(
    *,
    acting_user: User,
    name: str,
    kind: str,
    text: str = "",
    filters: Mapping[str, Sequence[str]] | None = None,
    sort: str = "",
) -> SavedSearch:
    """Keep a search under a name; the same name replaces the earlier one. A person's own affair: no audit entry."""
    name = " ".join(str(name).split())
    if not 1 <= len(name) <= 60:
        raise InvalidInput({"name": [_("请填写名称，最多 60 个字。")]})
    request = checked_request(kind, text, filters or {}, sort, 1, 20)
    saved, _created = SavedSearch.objects.update_or_create(
        user=acting_user,
        name=name,
        defaults={
            "kind": request.kind,
            "text": request.text,
            "filters": {key: list(values) for key, values in request.filters.items()},
            "sort": request.sort,
        },
    )
    return saved


@transaction.atomic
def saved_search_drop(*, acting_user: User, saved_search_id: int) -> None:
    """Forget one of one's own saved searches; ObjectNotFound for another person's."""
    deleted, _rows = SavedSearch.objects.filter(user=acting_user, pk=saved_search_id).delete()
    if not deleted:
        raise ObjectNotFound()


def saved_searches_of(viewer: Any) -> QuerySet[SavedSearch]:
    """The viewer's own saved searches, newest first."""
    return SavedSearch.objects.filter(user=viewer) if is_signed_in(viewer) else SavedSearch.objects.none()
