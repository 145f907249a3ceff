from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

#: What an app may bring by having a module of this name: handlers and jobs, duties, slot fillers.
DISCOVERED = (
    "handlers",
    "account_handlers",
    "case_handlers",
    "challenge_handlers",
    "due_handlers",
    "engagement_handlers",
    "todos",
    "todo_handlers",
    "slots",
)


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    verbose_name = _("平台")

    def ready(self) -> None:
        """Bring in every app's handlers, jobs, duties and slot fillers, so that a new app needs no entry anywhere.

        Where there is a broker, commits wake the workers; the embedded installation never loads Celery.
        """
        autodiscover_modules(*DISCOVERED)
        if getattr(settings, "BROKER_URL", ""):
            import_module("marketplace.tasks")
            import_module("core.outbox").on_published(import_module("marketplace.celery").wake)
