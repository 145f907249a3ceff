from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("用户与组织")

    def ready(self) -> None:
        """Listen to what Django, allauth and axes say about signing in."""
        import_module("accounts.receivers")
