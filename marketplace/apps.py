from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    verbose_name = _("平台")

    def ready(self) -> None:
        """Bring in every app's handlers, jobs and slot fillers, so that a new app needs no entry anywhere."""
        autodiscover_modules("handlers", "slots")
