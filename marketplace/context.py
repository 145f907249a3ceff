"""What the frame of every page shows: who is here, for whom they act, where they can go, what time it is."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from accounts.permissions import current_roles, organisation_ids, organisation_of
from accounts.session_limits import idle_limit
from core.clock import BEIJING, now
from notifications.selectors import unread_count

OPTIONS_COOKIE = "interface"
OPTIONS = ("text", "contrast", "motion")

#: Main menu: label, URL name, path prefixes that belong to it.
MAIN_MENU = (
    (_("首页"), "home", ("/",)),
    (_("需求清单"), "scenarios:lists", ("/lists/",)),
    (_("需求库"), "scenarios:catalogue", ("/scenarios/",)),
    (_("供给能力"), "vendors:catalogue", ("/capabilities/", "/vendors/")),
    (_("揭榜挂帅"), "challenges:catalogue", ("/challenges/",)),
    (_("搜索"), "search:results", ("/search/",)),
    (_("工作台"), "desk", ("/desk/",)),
)

REVIEWERS = (Role.FIRST_REVIEWER, Role.PROVINCIAL_REVIEWER)
LIST_MAKERS = (Role.LIST_EDITOR, Role.LIST_APPROVER)
CHALLENGE_ROLES = (
    Role.DEMAND_SUBMITTER,
    Role.FIRST_REVIEWER,
    Role.VENDOR_STAFF,
    Role.SCIENCE_HANDLER,
    Role.SCIENCE_APPROVER,
    Role.EXPERT,
    Role.SUPERVISOR,
    Role.OPERATOR,
)

#: The desk's menu: group, roles that see it (empty: everybody), entries of label and URL name.
DESK_MENU = (
    (_("概览"), (), ((_("工作台"), "desk"),)),
    (
        _("需求"),
        (Role.DEMAND_SUBMITTER,),
        (
            (_("我的需求"), "scenarios:own"),
            (_("对接"), "matching:engagements"),
            (_("填报需求"), "scenarios:create"),
            (_("批量导入需求"), "scenarios:import"),
        ),
    ),
    (
        _("审核"),
        REVIEWERS,
        (
            (_("需求审核"), "scenarios:review_queue"),
            (_("能力核验"), "vendors:verification_queue"),
            (_("机构核验"), "accounts:verification_queue"),
        ),
    ),
    (
        _("清单"),
        (*LIST_MAKERS, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR),
        ((_("清单编制与审批"), "scenarios:working_lists"), (_("入库需求"), "scenarios:pool")),
    ),
    (
        _("供给"),
        (Role.VENDOR_STAFF,),
        (
            (_("推荐给我的需求"), "matching:recommended"),
            (_("对接"), "matching:engagements"),
            (_("我的能力"), "vendors:own"),
            (_("供给方资料"), "vendors:profile"),
            (_("批量导入能力"), "vendors:import"),
        ),
    ),
    (_("揭榜挂帅"), CHALLENGE_ROLES, ((_("揭榜挂帅事项"), "challenges:board"), (_("揭榜项目"), "challenges:projects"))),
    (_("运行"), (Role.OPERATOR,), ((_("运行状况"), "operations"),)),
    (
        _("系统管理"),
        (Role.SYSTEM_ADMINISTRATOR,),
        (
            (_("账号"), "accounts:accounts"),
            (_("建立账号"), "accounts:create_account"),
            (_("工作日历"), "workdays"),
        ),
    ),
    (
        _("安全管理"),
        (Role.SECURITY_ADMINISTRATOR,),
        (
            (_("角色授权"), "accounts:grants"),
            (_("待确认的授权"), "accounts:proposals"),
            (_("角色名册"), "accounts:holders"),
            (_("账号"), "accounts:accounts"),
        ),
    ),
    (_("审计管理"), (Role.AUDIT_ADMINISTRATOR,), ((_("审计记录"), "audit"), (_("角色名册"), "accounts:holders"))),
    (
        _("本单位与本人"),
        (),
        (
            (_("站内信"), "notifications:inbox"),
            (_("机构与成员"), "accounts:organisations"),
            (_("账号与安全"), "accounts:profile"),
        ),
    ),
)


def page_frame(request: HttpRequest) -> dict[str, Any]:
    """The `frame` of base.html. Lazy, so that a partial answer to htmx costs no queries for it."""
    return {"frame": SimpleLazyObject(lambda: _frame(request))}


def interface_options(request: HttpRequest) -> dict[str, bool]:
    """大字, 高对比, 减少动画 as kept in the cookie."""
    chosen = request.COOKIES.get(OPTIONS_COOKIE, "").split(".")
    return {name: name in chosen for name in OPTIONS}


def _frame(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    moment = now().astimezone(BEIJING)
    return {
        "site": settings.SITE_IDENTITY,
        "options": interface_options(request),
        "now_iso": moment.isoformat(timespec="seconds"),
        "now_text": moment.strftime("%Y-%m-%d %H:%M"),
        "now_epoch": int(moment.timestamp()),
        "current_path": request.get_full_path() if request.method == "GET" else "/",
        "is_home": request.path == "/",
        "menu": _main_menu(request.path, signed_in),
        "desk_menu": SimpleLazyObject(lambda: desk_menu(request)),
        "organisation": organisation_of(user) if signed_in else None,
        "can_switch": signed_in and len(organisation_ids(user)) > 1,
        "without_second_factor": not settings.SECOND_FACTOR_REQUIRED,
        "idle": idle_limit(user) if signed_in else 0,
        "unread": unread_count(user) if signed_in else 0,
        "notifications_url": reverse("notifications:inbox"),
    }


def _main_menu(path: str, signed_in: bool) -> list[dict[str, Any]]:
    entries = []
    for label, name, prefixes in MAIN_MENU:
        if name == "desk" and not signed_in:
            continue
        url = reverse(name)
        current = path == "/" if url == "/" else any(path.startswith(prefix) for prefix in prefixes)
        entries.append({"label": label, "url": url, "current": current, "exact": path == url})
    return entries


def desk_menu(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of the desk's menu for the roles held in the current organisation."""
    roles = current_roles(request.user)
    groups = []
    for label, needed, entries in DESK_MENU:
        if needed and roles.isdisjoint(needed):
            continue
        links = []
        for entry_label, name in entries:
            url = reverse(name)
            links.append({"label": entry_label, "url": url, "current": False})
        groups.append({"label": label, "entries": links})
    _mark_current(request.path, [link for group in groups for link in group["entries"]])
    return groups


def _mark_current(path: str, links: list[dict[str, Any]]) -> None:
    """The entry whose address is the longest beginning of this page's; the desk itself only when one is there."""
    above = [
        link
        for link in links
        if path.startswith(link["url"]) and (link["url"] != reverse("desk") or path == link["url"])
    ]
    if above:
        max(above, key=lambda link: len(link["url"]))["current"] = True
