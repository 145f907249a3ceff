"""`manage.py serve`: the web server with the relay and the scheduler beside it."""

import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from marketplace.processes import run


class Command(BaseCommand):
    help = "启动网站及后台处理（事件投递、定时任务、索引）。例：manage.py serve --port 8000"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="监听地址，默认 127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="端口，默认 8000")
        parser.add_argument("--without-web", action="store_true", help="只运行后台处理，不启动网站")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if options["without_web"]:
            run(host=None, port=port)
            return
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise CommandError(
                    _("无法监听 %(host)s:%(port)d（%(reason)s）。可能已有一个在运行，请停止它或用 --port 换一个端口。")
                    % {"host": host, "port": port, "reason": error.strerror},
                    returncode=2,
                ) from error
        if settings.EMAIL_BACKEND.endswith("filebased.EmailBackend"):
            self.stdout.write(_("邮件不外发，存为文件：%s") % settings.EMAIL_FILE_PATH)
        if not settings.SECOND_FACTOR_REQUIRED:
            self.stdout.write(_("注意：两步验证已用 DEMO_WITHOUT_SECOND_FACTOR 关闭，仅供演示，不得存放真实数据。"))
        self.stdout.write(_("网站：http://%(host)s:%(port)d/  按 Ctrl+C 停止") % {"host": host, "port": port})
        self.stdout.flush()
        run(host=host, port=port)
