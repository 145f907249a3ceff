"""How long a session lasts: half an hour unattended, a quarter for administrators and experts, twelve hours at most.

Measured on the server; the browser only warns (session.js). Asking how much is left does not count as attending.
"""

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.enums import SHORT_IDLE_ROLES
from accounts.models import RoleGrant

SIGNED_IN_AT = "signed_in_at"
SEEN_AT = "seen_at"
#: The moment is written when it is this much older, so that reading pages does not write the session each time.
WRITTEN_EVERY = 20


def moment_now() -> int:
    """Seconds since 1970 by the server's own clock, as the session framework counts."""
    return int(time.time())


def idle_limit(user: Any) -> int:
    """Seconds this person's session may be left alone; the roles of all memberships count."""
    short = RoleGrant.objects.filter(
        membership__user=user, membership__ended_at__isnull=True, role__in=SHORT_IDLE_ROLES
    ).exists()
    return settings.SESSION_IDLE_SECONDS_SHORT if short else settings.SESSION_IDLE_SECONDS


def begin(request: HttpRequest) -> None:
    """From now on; called when somebody signs in."""
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = moment_now()


def attend(request: HttpRequest) -> None:
    """Somebody is here."""
    moment = moment_now()
    if moment - request.session.get(SEEN_AT, 0) >= WRITTEN_EVERY:
        request.session[SEEN_AT] = moment


def is_over(request: HttpRequest) -> bool:
    """Whether one of the limits has passed. Roles are asked for only once the shorter limit has."""
    moment = moment_now()
    idle = moment - request.session.get(SEEN_AT, moment)
    if moment - request.session.get(SIGNED_IN_AT, moment) >= settings.SESSION_ABSOLUTE_SECONDS:
        return True
    return idle >= settings.SESSION_IDLE_SECONDS_SHORT and idle >= idle_limit(request.user)


def seconds_left(request: HttpRequest) -> int:
    """Until the session ends by itself, of whichever limit comes first; 0 or less when it is over."""
    moment = moment_now()
    of_all = settings.SESSION_ABSOLUTE_SECONDS - (moment - request.session.get(SIGNED_IN_AT, moment))
    return min(of_all, idle_limit(request.user) - (moment - request.session.get(SEEN_AT, moment)))
