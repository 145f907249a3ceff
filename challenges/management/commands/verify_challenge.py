"""`manage.py verify_challenge`: judge a challenge's record without trusting the platform's word for it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from challenges.comparison import compared_rows, noted_rows
from challenges.models import Challenge
from challenges.records import NotOpened, challenge_record
from challenges.sealing.verification import Anchors, Report, verify_record
from core.errors import DomainError


class Command(BaseCommand):
    help = (
        "查证一项榜单的密封、开启和定榜记录；有不符返回 1，无法查证返回 2。"
        "例：manage.py verify_challenge JB2026-001 --receipt 回执.json --root 0a1b…"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", nargs="?", help="榜单编号；给出 --record 时可省略")
        parser.add_argument("--record", type=Path, help="从网页下载的记录文件，不读取数据库")
        parser.add_argument("--receipt", type=Path, action="append", default=[], help="揭榜单位留存的回执，可多次给出")
        parser.add_argument("--root", default="", help="截止时公布的封存根")
        parser.add_argument("--signing-key", default="", help="留存的平台签名公钥指纹")
        parser.add_argument("--head", action="append", default=[], help="先前公布的链头，可多次给出")
        parser.add_argument("--export", type=Path, help="把记录写入文件")
        parser.add_argument("--json", action="store_true", help="以 JSON 输出")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            record, challenge = self._record(options)
            receipts = [json.loads(path.read_text(encoding="utf-8")) for path in options["receipt"]]
        except (OSError, ValueError, DomainError) as error:
            message = error.message if isinstance(error, DomainError) else _("无法读取文件：%s") % error
            self.stderr.write(message)
            sys.exit(2)
        if receipts and record:
            record = {**record, "receipts": receipts}
        anchors = Anchors(signing_key=options["signing_key"], root=options["root"], heads=tuple(options["head"]))
        report = verify_record(record, anchors) if record else Report()
        if challenge is not None:
            report.rows += compared_rows(challenge, chain_is_judged=bool(record))
            report.rows += [] if record else noted_rows(challenge, anchors)
        if options["export"] and record:
            options["export"].write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")
        self._print(report, as_json=options["json"])
        if not report.ok:
            sys.exit(1)

    def _record(self, options: dict[str, Any]) -> tuple[dict[str, Any], Challenge | None]:
        if options["record"]:
            return json.loads(options["record"].read_text(encoding="utf-8")), None
        challenge = Challenge.objects.filter(code=options["code"]).first()
        if challenge is None or not challenge.suite:
            raise DomainError(_("没有编号为 %s 的已发榜单。") % options["code"])
        try:
            return challenge_record(challenge, whole=True), challenge
        except NotOpened as error:
            # The record would tell the number of bids. Whether everything is in order can be said all the same.
            if options["export"] or options["receipt"]:
                raise
            self.stderr.write(str(error.message))
            return {}, challenge

    def _print(self, report: Report, *, as_json: bool) -> None:
        if as_json:
            rows = [asdict(row) for row in report.rows]
            self.stdout.write(json.dumps({"ok": report.ok, "rows": rows}, ensure_ascii=False))
            return
        for row in report.failures:
            self.stdout.write(f"✗ {row.check} {row.subject}：{row.detail}")
        passed = len(report.rows) - len(report.failures)
        self.stdout.write(
            _("查证完成：%(passed)d 项通过，%(failed)d 项不符。") % {"passed": passed, "failed": len(report.failures)}
        )
