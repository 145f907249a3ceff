"""Capabilities from a sheet, in the browser."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Organisation
from accounts.permissions import organisation_of
from core.errors import NotPermitted
from core.import_pages import ImportPages
from vendors import importing
from vendors.permissions import may_hold_profile

PAGES = ImportPages(
    kind=importing.KIND,
    fields=importing.CAPABILITY_FIELDS,
    prepare=importing.prepare_import,
    confirm=importing.import_checked_capabilities,
    start="vendors:import",
    check="vendors:import_check",
    report="vendors:import_report",
    after="vendors:own",
    title=gettext_lazy("批量导入能力"),
    lead=gettext_lazy("把本单位的产品和能力表一次导入为草稿。同一个文件不会重复导入。"),
)


def _organisation(request: HttpRequest) -> Organisation:
    if not may_hold_profile(request.user):
        raise NotPermitted(_("导入能力需要“供给方经办人”角色，请联系本单位管理员授权。"))
    return organisation_of(request.user)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    return PAGES.start_page(request, _organisation(request))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return PAGES.check_page(request, _organisation(request), public_id)


@never_cache
@require_safe
def report(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return PAGES.report_page(request, _organisation(request), public_id)
