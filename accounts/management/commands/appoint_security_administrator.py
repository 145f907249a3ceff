"""`manage.py appoint_security_administrator`: the second one, where an installation has fewer than two in office."""

from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.founding import security_administrator_appoint
from accounts.models import User
from core.errors import DomainError


class Command(BaseCommand):
    help = (
        "在任的安全管理员不足两名时，从控制台补设一名（省级角色须由一名提议、另一名确认）。"
        "例：manage.py appoint_security_administrator fuhe=f@example.cn"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", metavar="用户名=邮箱")

    def handle(self, *args: Any, **options: Any) -> None:
        username, separator, email = options["person"].partition("=")
        if not separator or not username or "@" not in email:
            raise CommandError(_("写法是“用户名=邮箱”。"), returncode=2)
        try:
            with transaction.atomic():
                organisation, password = security_administrator_appoint(username=username, email=email)
                # The address comes from the operator's own console: it needs no confirmation by mail.
                user = User.objects.get(username=username)
                EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
        except DomainError as error:
            raise CommandError("；".join(str(reason.message) for reason in error.reasons), returncode=2) from error
        self.stdout.write(_("已在 %s 设立安全管理员。初始密码只显示这一次，首次登录后立即修改：") % organisation)
        self.stdout.write(f"  {username}\t{password}")
