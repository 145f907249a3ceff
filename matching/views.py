"""How ranking works, for everybody; recommended demands, for a vendor."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.enums import Role
from accounts.permissions import has_role
from core.errors import NotPermitted


@login_not_required
@require_safe
def method(request: HttpRequest) -> HttpResponse:
    """What goes into a candidate's place, in words a vendor can check (matching.md §4)."""
    return render(request, "matching/method.html")


@never_cache
@require_safe
def recommended(request: HttpRequest) -> HttpResponse:
    """Demands ranked for one's capabilities, with reasons and what is missing."""
    if not has_role(request.user, Role.VENDOR_STAFF):
        raise NotPermitted(_("查看推荐需要“供给方经办人”角色。"))
    return render(request, "matching/recommended.html", {"recommendations": []})
