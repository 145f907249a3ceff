"""API authentication: a hashed, scoped, expiring token, or the browser's session."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts import second_factor
from accounts.models import AccessToken, User
from accounts.services import token_of_secret

SCHEME = "Bearer"


def second_factor_message() -> str:
    return _("您的角色须使用两步验证。请先在网站登录，完成两步验证后再调用接口。")


class AccessTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer smt_…`. The token acts for the organisation it was made for."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        header = get_authorization_header(request).decode("latin-1").split()
        if not header or header[0].lower() != SCHEME.lower():
            return None
        if len(header) != 2:
            raise AuthenticationFailed(_("令牌格式不正确，应为 Authorization: Bearer <令牌>。"), code="token_invalid")
        token = token_of_secret(header[1])
        if token is None:
            raise AuthenticationFailed(
                _("令牌无效、已过期或已撤销，请在“访问令牌”页面重新生成。"), code="token_invalid"
            )
        if second_factor.missing(token.user):
            raise PermissionDenied(second_factor_message(), code="second_factor_required")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class ChineseSessionAuthentication(SessionAuthentication):
    """The browser's session, with CSRF checked and a second factor shown where one is needed; refusals in Chinese."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        signed_in = super().authenticate(request)
        if signed_in is None:
            return None
        asked = request._request
        if not second_factor.was_shown(asked) and second_factor.required(asked.user):
            raise PermissionDenied(second_factor_message(), code="second_factor_required")
        return signed_in

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except Exception as error:
            raise AuthenticationFailed(_("页面已过期，请刷新后重试。"), code="csrf_failed") from error


class AccessTokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.authentication.AccessTokenAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.authentication.ChineseSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
