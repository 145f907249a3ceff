"""`manage.py found_platform`: the first organisation and its separated administrators, on a new installation."""

from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.enums import Role
from accounts.founding import platform_found
from accounts.models import User
from core.errors import DomainError

OPTIONS = {
    "system": Role.SYSTEM_ADMINISTRATOR,
    "security": Role.SECURITY_ADMINISTRATOR,
    "audit": Role.AUDIT_ADMINISTRATOR,
}


class Command(BaseCommand):
    help = (
        "新安装的平台设立主管机构和系统、安全、审计三名管理员（三员分立），以及复核授权的第二名安全管理员。"
        "例：manage.py found_platform --organisation 某省大数据局 --code 11370099MB2TEXT1XB "
        "--system xitong=x@example.cn --security anquan=a@example.cn --second-security fuhe=f@example.cn "
        "--audit shenji=s@example.cn"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", required=True, help="平台主管机构名称")
        parser.add_argument("--code", required=True, help="统一社会信用代码")
        for option, role in OPTIONS.items():
            parser.add_argument(f"--{option}", required=True, metavar="用户名=邮箱", help=str(role.label))
        parser.add_argument(
            "--second-security",
            required=True,
            metavar="用户名=邮箱",
            help=_("第二名安全管理员：省级角色由一名提议、另一名确认"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        administrators = {str(role): _person(option, options[option]) for option, role in OPTIONS.items()}
        second = _person("second-security", options["second_security"])
        try:
            with transaction.atomic():
                organisation, passwords = platform_found(
                    name=options["organisation"],
                    unified_code=options["code"],
                    administrators=administrators,
                    second_security=second,
                )
                # Their addresses come from the operator's own console: they need no confirmation by mail.
                for user in User.objects.filter(username__in=passwords):
                    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        except DomainError as error:
            raise CommandError(
                error.message if not error.fields else "；".join(str(reason.message) for reason in error.reasons),
                returncode=2,
            ) from error
        self.stdout.write(
            _("已设立 %s。各管理员的初始密码只显示这一次，请分别转交，首次登录后立即修改：") % organisation
        )
        for role, (username, _email) in [*administrators.items(), (Role.SECURITY_ADMINISTRATOR, second)]:
            self.stdout.write(f"  {Role(role).label}\t{username}\t{passwords[username]}")


def _person(option: str, text: str) -> tuple[str, str]:
    username, separator, email = text.partition("=")
    if not separator or not username or "@" not in email:
        raise CommandError(_("--%s 的写法是“用户名=邮箱”。") % option, returncode=2)
    return username, email
