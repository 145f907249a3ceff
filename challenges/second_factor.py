"""Whoever opens bids signs in with two factors, whatever role they hold beside it (ADR 0012)."""

from accounts.models import User
from accounts.second_factor import also_required_by
from challenges.models import Opener


@also_required_by
def opens_bids(user: User) -> bool:
    """Named as an opener of a list and not replaced."""
    return Opener.objects.filter(user=user, replaced_at=None).exists()
