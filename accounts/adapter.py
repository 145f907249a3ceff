"""What allauth asks the project about accounts."""

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):
    """Chinese user names are welcome; everything else is allauth's own behaviour."""
