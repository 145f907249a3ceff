"""`manage.py rewrap_content_keys`: after a new key was put in front of CONTENT_KEYS, wrap every data key with it."""

import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from challenges.services.retention import content_keys_rewrap


class Command(BaseCommand):
    help = (
        "用 CONTENT_KEYS 中的第一把密钥重新包裹全部数据密钥；完成后可以撤下旧密钥。可重复执行。"
        "例：manage.py rewrap_content_keys"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = content_keys_rewrap()
        except ImproperlyConfigured as error:
            self.stderr.write(str(error))
            sys.exit(2)
        self.stdout.write(_("已重新包裹 %d 份数据密钥。") % count)
