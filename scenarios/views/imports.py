"""A quarter's demands from a sheet, in the browser."""

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
from scenarios import importing
from scenarios.permissions import may_create_scenario

PAGES = ImportPages(
    kind=importing.KIND,
    fields=importing.SCENARIO_FIELDS,
    prepare=importing.prepare_import,
    confirm=importing.import_checked_scenarios,
    start="scenarios:import",
    check="scenarios:import_check",
    report="scenarios:import_report",
    after="scenarios:own",
    title=gettext_lazy("批量导入需求"),
    lead=gettext_lazy("把本单位汇总的需求表一次导入为草稿。同一个文件不会重复导入。"),
)


def _organisation(request: HttpRequest) -> Organisation:
    if not may_create_scenario(request.user):
        raise NotPermitted(_("导入需求需要“需求填报人”角色，请联系本单位管理员授权。"))
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
