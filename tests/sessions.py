"""Sessions of tests that go past the sign-in pages (`Client.force_login`), in this process and in those of drills."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.second_factor import METHOD, authenticators


@receiver(user_logged_in, dispatch_uid="tests.signed_in")
def record_as_the_sign_in_pages_do(request: HttpRequest, user: Any, **_named: Any) -> None:
    """Leave the record in the session that the sign-in pages would have left.

    A person who has set up a second factor has shown it. Whoever needs one and has none is still sent to set it up.
    """
    went_past_the_pages = request.method is None
    if went_past_the_pages:
        record_authentication(request, user, "password", username=user.get_username())
        for authenticator in authenticators(user):
            record_authentication(request, user, METHOD, type=authenticator.type, id=authenticator.pk)
