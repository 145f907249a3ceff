"""The admin: code tables and calendars only, for the system administrator (domain.md §5.7).

Business records are not here: they change through services, with their trail and their events.
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _


class MarketplaceAdminSite(AdminSite):
    site_header = site_title = _("基础数据维护")
    index_title = _("分类、日历与标签")

    def has_permission(self, request: HttpRequest) -> bool:
        # The role is looked up lazily: this module is imported while apps are still loading.
        check = getattr(request.user, "may_maintain_reference_data", None)
        return bool(request.user.is_active and check is not None and check())

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one sign-in, with its counting, its trail and its second factor: no second door beside it."""
        if self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index", current_app=self.name))
        if request.user.is_authenticated:
            raise PermissionDenied
        # Only an address below the admin is handed on; sign-in checks it again.
        wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
        index = reverse("admin:index", current_app=self.name)
        target = urlencode({REDIRECT_FIELD_NAME: wanted if wanted.startswith(index) else index})
        return HttpResponseRedirect(f"{reverse('account_login')}?{target}")


class MarketplaceAdminConfig(AdminConfig):
    default_site = "marketplace.admin_site.MarketplaceAdminSite"
