"""Signing in: one hash whoever asks, one account however it is named, slowed down and never locked out everywhere.

What an attempt costs and what it answers depends on nothing but whether name and password are right: not on whether
there is such a name, whether the account is disabled, or whether a name or an address was typed (ADR 0012).
"""

import hashlib
from contextlib import suppress
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core import signing
from django.core.cache import cache
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, When
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User

#: The browser remembers, signed, who signed in with it: attempts from such a browser are counted by themselves, so
#: that somebody else's wrong passwords do not keep the owner out (OWASP: device cookies).
DEVICE_COOKIE = "device"
DEVICE_COOKIE_AGE = 180 * 24 * 3600
_SALT = "accounts.sign_in.device"
WINDOW_SECONDS = 60


def account_named(words: str) -> User | None:
    """The account a person means: its verified address, its user name, or the address it was made with.

    One query either way. A verified address goes first, so that nobody takes it over by a user name that reads like it.
    """
    verified = EmailAddress.objects.filter(user=OuterRef("pk"), email__iexact=words, verified=True)
    return (
        User.objects.annotate(
            rank=Case(
                When(Exists(verified), then=0),
                When(username__iexact=words, then=1),
                When(email__iexact=words, then=2),
                default=3,
                output_field=IntegerField(),
            )
        )
        .filter(
            Q(pk__in=EmailAddress.objects.filter(email__iexact=words, verified=True).values("user_id"))
            | Q(username__iexact=words)
            | Q(email__iexact=words)
        )
        .order_by("rank", "pk")
        .first()
    )


class SingleHashBackend(ModelBackend):
    """Finds the account by name or address in one query and runs the password hasher exactly once."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **options: Any
    ) -> User | None:
        words = options.get("email") or username
        if not words or password is None:
            return None
        person = account_named(words)
        if person is None:
            # The work of a wrong password, for a name that is nobody's.
            User().set_password(password)
            return None
        right = person.check_password(password)
        return person if right and self.user_can_authenticate(person) else None


# --- counting attempts -------------------------------------------------------------------------------------------


def name_for_counting(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """What attempts are counted by: the account if there is one, else the words; the same by name and by address."""
    given = credentials or {}
    words = str(given.get("email") or given.get("username") or "").strip()
    if request is not None:
        kept = request.__dict__.setdefault("_names_for_counting", {})
        if words not in kept:
            kept[words] = _counted_as(words)
        return kept[words]
    return _counted_as(words)


def _counted_as(words: str) -> str:
    person = account_named(words) if words else None
    return person.username if person is not None else words.casefold()[:150]


def _counter(kind: str, key: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"sign-in:{kind}:{digest}"


def _counters(request: HttpRequest, name: str) -> list[tuple[str, int]]:
    """Each counter of this attempt with the most failures a minute it allows."""
    address = request.META.get("REMOTE_ADDR", "")
    if known_device(request, name):
        return [(_counter("device", f"{name}|{address}"), settings.SIGN_IN_FAILURES_PER_ACCOUNT)]
    return [
        (_counter("address", address), settings.SIGN_IN_FAILURES_PER_ADDRESS),
        (_counter("account", name), settings.SIGN_IN_FAILURES_PER_ACCOUNT),
    ]


def must_wait(request: HttpRequest, name: str) -> bool:
    """Whether there were too many failures within a minute from this address or, from strange browsers, for this
    account. Nothing lasts longer than the minute; the lock for half an hour is by account and address together (axes).
    """
    return any(cache.get(key, 0) >= most for key, most in _counters(request, name))


def count_failure(request: HttpRequest, name: str) -> None:
    """The first failure begins a minute; it and what follows within are forgotten together at its end."""
    for key, _most in _counters(request, name):
        if not cache.add(key, 1, timeout=WINDOW_SECONDS):
            # It may have run out between the two calls: then the minute is over, and this failure begins a new one.
            with suppress(ValueError):
                cache.incr(key)


def forget_failures(name: str) -> None:
    """The account of that name starts anew, from every browser that is strange to us."""
    cache.delete(_counter("account", name))


# --- the browser that is known -----------------------------------------------------------------------------------


def remember_device(request: HttpRequest, response: HttpResponse) -> None:
    """Leave a signed mark of who is signed in with this browser. It names nobody to who reads the cookie."""
    response.set_cookie(
        DEVICE_COOKIE,
        signing.dumps(_mark(request.user.get_username()), salt=_SALT),
        max_age=DEVICE_COOKIE_AGE,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def _mark(name: str) -> str:
    return salted_hmac(_SALT, name).hexdigest()


def mark_of(user: Any) -> str:
    """The mark of this account, to compare with `device_mark`."""
    return _mark(user.get_username())


def known_device(request: HttpRequest, name: str) -> bool:
    """Whether the account of that name was the last to sign in with this browser."""
    return bool(name) and constant_time_compare(device_mark(request), _mark(name))


def device_mark(request: HttpRequest) -> str:
    """The mark of who last signed in with this browser; "" for a browser that is strange to us."""
    try:
        return str(signing.loads(request.COOKIES.get(DEVICE_COOKIE, ""), salt=_SALT, max_age=DEVICE_COOKIE_AGE))
    except signing.BadSignature:
        return ""
