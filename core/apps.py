from typing import Any

from django.apps import AppConfig
from django.db.models.signals import m2m_changed, post_delete, post_migrate, post_save
from django.utils.translation import gettext_lazy as _

from core import row_digests, texts


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = _("核心")

    def ready(self) -> None:
        """Rows that decide something are told of by Django itself, wherever they are written (ADR 0010); texts are
        limited at their columns.
        """
        texts.keep_limits()
        for model in row_digests.deciding_models():
            post_save.connect(row_digests.remember_saved, sender=model, dispatch_uid=f"saved {model._meta.label}")
            post_delete.connect(row_digests.remember_removed, sender=model, dispatch_uid=f"removed {model._meta.label}")
            for name in model.deciding_relations:
                through = getattr(model, name).through
                m2m_changed.connect(row_digests.remember_related, sender=through, dispatch_uid=f"related {through}")
        post_migrate.connect(_keep_forms, sender=self)


def _keep_forms(apps: Any = None, **_: Any) -> None:
    # `apps` are the models as of the migration, none after a flush. Before the table was made there is nothing to keep.
    if apps is None or "rowform" in apps.all_models["core"]:
        row_digests.keep_forms()
