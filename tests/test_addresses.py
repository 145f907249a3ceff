"""Every address of the product, and whether it opens without signing in: closed unless listed here (point 2)."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

pytestmark = pytest.mark.unit

#: Names that open for everybody. Adding one is a decision, made here and nowhere else.
PUBLIC = {
    "home",
    "about",
    "method",
    "site_map",
    "audit_anchors",
    "accessibility",
    "styleguide",
    "lists",
    "list",
    "list_print",
    "list_download",
    "catalogue",
    "scenario",
    "capability",
    "vendors",
    "vendor",
    "results",
    "sealer",
    "suggestions",
    "unsubscribe",
    # Whoever holds the signed link of a mail (vendors/confirmations.py).
    "case_link",
    "attachment",
    # 揭榜挂帅: what is published, and the means to check it (challenges/views).
    "challenge",
    "challenge_feed",
    "feed",
    "programme",
    "publicities",
    "publicity",
    "record",
    "call",
    "verifier",
    "proofs",
    "livez",
    "readyz",
    # Closed by their own rule: monitoring networks and the operator.
    "statusz",
    "metrics",
}
#: Kept open by their own packages: sign-in, sign-up, password reset, mail confirmation.
PUBLIC_OF_PACKAGES = {
    "account_login",
    "account_signup",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_confirm_email",
    "account_email_verification_sent",
    "account_inactive",
    "account_logout",
    "account_confirm_login_code",
    "mfa_authenticate",
    "login",
}
#: Answer by DRF's own permission classes: 401 in the API's shape instead of a redirect.
API_PREFIX = "api/v1/"


def addresses(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from addresses(entry, path)
        else:
            yield path, entry


def opens_for_everybody(pattern: URLPattern) -> bool:
    return not getattr(pattern.callback, "login_required", True)


def test_the_login_wall_is_up():
    assert "django.contrib.auth.middleware.LoginRequiredMiddleware" in settings.MIDDLEWARE


def test_only_the_listed_pages_open_without_signing_in():
    opened = {
        pattern.name or path
        for path, pattern in addresses()
        if opens_for_everybody(pattern) and not path.startswith(API_PREFIX)
    }
    assert opened - PUBLIC_OF_PACKAGES == PUBLIC


def test_every_api_view_names_its_permissions():
    for path, pattern in addresses():
        # The page that describes the API is a page.
        if path.startswith(API_PREFIX) and pattern.name != "api-docs":
            view = pattern.callback.cls
            assert view.permission_classes, path


def test_every_page_has_a_name():
    assert [path for path, pattern in addresses() if pattern.name is None and not path.startswith("admin/")] == []
