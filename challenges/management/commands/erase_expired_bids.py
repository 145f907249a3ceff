"""`manage.py erase_expired_bids`: erase opened bids whose years of keeping are over. Never run by the schedule."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from challenges.services.retention import RETENTION_YEARS, contents_erase_due


class Command(BaseCommand):
    help = (
        f"销毁开启满 {RETENTION_YEARS} 年的标书内容、附件和密文（密钥抹除）；回执、摘要和记录保留，仍可查证。"
        "例：manage.py erase_expired_bids"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(_("已销毁 %d 项榜单的标书内容。") % contents_erase_due())
