from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    verbose_name = _("平台")

    def ready(self) -> None:
        """Bring in every app's handlers, jobs and slot fillers, so that a new app needs no entry anywhere.

        Where there is a broker, commits wake the workers; the embedded installation never loads Celery.
        """
        autodiscover_modules("handlers", "challenge_handlers", "engagement_handlers", "case_handlers", "slots")
        if getattr(settings, "BROKER_URL", ""):
            import_module("marketplace.tasks")
            import_module("core.outbox").on_published(import_module("marketplace.celery").wake)
