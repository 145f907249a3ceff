"""Lanes of the outbox: which relay carries out whose deliveries. Free of models, so that a worker can read it first."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet


@dataclass(frozen=True)
class Lane:
    """Which handlers a relay takes, by the beginning of their names: all, those of `only`, all but those of `without`.

    Separate lanes let slow work (mail, matching) never hold up quick work; see `marketplace.celery`.
    """

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def takes(self, handler: str) -> bool:
        return (not self.only or handler.startswith(self.only)) and not handler.startswith(self.without)

    def narrow(self, rows: QuerySet) -> QuerySet:
        """Of `rows`, the ones this lane takes."""
        if self.only:
            rows = rows.filter(_begins_with(self.only))
        return rows.exclude(_begins_with(self.without)) if self.without else rows


def _begins_with(prefixes: tuple[str, ...]) -> Q:
    condition = Q()
    for prefix in prefixes:
        condition |= Q(handler__startswith=prefix)
    return condition


EVERYTHING = Lane()
