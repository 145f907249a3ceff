from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChallengesConfig(AppConfig):
    name = "challenges"
    verbose_name = _("揭榜挂帅")

    def ready(self) -> None:
        """Openers need a second factor: said where roles are asked about it."""
        import_module("challenges.second_factor")
