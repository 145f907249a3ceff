"""The admin: code tables and calendars only, for the system administrator (domain.md §5.7).

Business records are not here: they change through services, with their trail and their events.
"""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class MarketplaceAdminSite(AdminSite):
    site_header = site_title = _("基础数据维护")
    index_title = _("分类、日历与标签")

    def has_permission(self, request: HttpRequest) -> bool:
        # The role is looked up lazily: this module is imported while apps are still loading.
        check = getattr(request.user, "may_maintain_reference_data", None)
        return bool(request.user.is_active and check is not None and check())


class MarketplaceAdminConfig(AdminConfig):
    default_site = "marketplace.admin_site.MarketplaceAdminSite"
