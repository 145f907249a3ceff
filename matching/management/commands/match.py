"""`manage.py match`: rank capabilities for a demand or for a text, with reasons."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from core.errors import DomainError, InvalidInput
from matching.enums import Level, Trigger
from matching.reasons import exclusion_sentence, gap_sentence, names_for, reason_sentence
from matching.services import run_for_scenario, text_match
from scenarios.models import Scenario
from search.documents import INDEXES
from vendors.models import Capability

LARGEST_FILE = 1_000_000


class Command(BaseCommand):
    help = (
        "为一项需求（--scenario 编号）或一段文字（--file 文件）匹配能力，给出名次、理由与不足。\n"
        "文件可以是纯文本（第一行为名称），也可以是 JSON（title、text）。\n"
        "例：manage.py match --scenario 2026Q4-001 --top 5    manage.py match --file 需求.txt --json"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--scenario", metavar="CODE", help="需求编号，如 2026Q4-001")
        source.add_argument("--file", metavar="F", type=Path, help="含需求文字的文件（UTF-8）")
        parser.add_argument("--top", type=int, default=10, metavar="N", help="给出前 N 名，默认 10")
        parser.add_argument("--json", action="store_true", help="以 JSON 输出")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["top"] <= 30:
            self._refuse(_("--top 应在 1 到 30 之间。"))
        try:
            result = (
                self._for_scenario(options["scenario"], options["top"])
                if options["scenario"]
                else self._for_file(options["file"], options["top"])
            )
        except InvalidInput as error:
            self._refuse("；".join(reason.message for reason in error.reasons))
        except DomainError as error:
            self._refuse(str(error))
        if options["json"]:
            self.stdout.write(json.dumps(result, ensure_ascii=False))
        else:
            self._show(result)

    def _refuse(self, text: str) -> None:
        self.stderr.write(_("无法匹配：{reason}").format(reason=text))
        sys.exit(2)

    def _for_scenario(self, code: str, top: int) -> dict[str, Any]:
        """A person at the console asks: the run is kept like any other."""
        key = Scenario.objects.filter(code=code).values_list("pk", flat=True).first()
        if key is None:
            self._refuse(_("没有编号为“{code}”的需求，请核对（形如 2026Q4-001）。").format(code=code[:40]))
        run = run_for_scenario(INDEXES["scenario_match"].any_row(key), trigger=Trigger.PERSON)
        placed = run.candidates.filter(rank__isnull=False).order_by("rank")[:top]
        candidates = [
            {
                "identity": str(candidate.capability_id),
                "score": float(candidate.score),
                "level": candidate.level,
                "cosine": candidate.cosine,
                "factors": candidate.factors,
                "reasons": candidate.reasons,
                "gaps": candidate.gaps,
            }
            for candidate in placed
        ]
        removed = run.candidates.filter(rank__isnull=True).order_by("pk")
        excluded = [{"identity": str(candidate.capability_id), **candidate.exclusion} for candidate in removed]
        return self._result(candidates, excluded) | {"scenario": code, "run": str(run.public_id)}

    def _for_file(self, path: Path, top: int) -> dict[str, Any]:
        try:
            if path.stat().st_size > LARGEST_FILE:
                self._refuse(_("文件 {path} 超过 1 MB，请只保留一项需求的文字。").format(path=path))
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            self._refuse(_("读不出文件 {path}：{reason}").format(path=path, reason=error.strerror))
        except UnicodeDecodeError:
            self._refuse(_("文件 {path} 不是 UTF-8 编码的文本，请另存为 UTF-8。").format(path=path))
        title, body = self._title_and_body(text, path)
        return self._result(text_match(title=title, body=body, limit=top), [])

    def _title_and_body(self, text: str, path: Path) -> tuple[str, str]:
        if not text.lstrip().startswith("{"):
            first, _newline, rest = text.strip().partition("\n")
            return (first, rest) if len(first) <= 200 else ("", text)
        try:
            entry = json.loads(text)
        except ValueError:
            self._refuse(_("文件 {path} 以 {{ 开头，但不是有效的 JSON。").format(path=path))
        body = entry.get("text") or entry.get("description") or ""
        if not isinstance(entry.get("title", ""), str) or not isinstance(body, str):
            self._refuse(_("文件 {path} 的 title、text 应为文字。").format(path=path))
        return entry.get("title", ""), body

    def _result(self, candidates: list[dict[str, Any]], excluded: list[dict[str, Any]]) -> dict[str, Any]:
        """The same data with names instead of keys, and every reason in words."""
        keys = [int(entry["identity"]) for entry in (*candidates, *excluded)]
        rows = Capability.objects.select_related("vendor__organisation").in_bulk(keys)
        names = names_for(reason for entry in candidates for reason in (*entry["reasons"], *entry["gaps"]))
        placed = []
        for rank, entry in enumerate(candidates, start=1):
            row = rows.get(int(entry.pop("identity")))
            if row is None:
                continue
            reasons = [reason_sentence(reason, names).to_dict() for reason in entry["reasons"]]
            gaps = [gap_sentence(gap, names).to_dict() for gap in entry["gaps"]]
            placed.append(
                {"rank": rank, "capability": row.key, "title": row.title, "vendor": row.vendor.organisation.name}
                | entry
                | {"level_label": str(Level(entry["level"]).label), "reasons": reasons, "gaps": gaps}
            )
        removed = [
            {
                "capability": rows[int(entry["identity"])].key,
                "vendor": rows[int(entry["identity"])].vendor.organisation.name,
                "reason": exclusion_sentence(entry).text,
            }
            for entry in excluded
            if int(entry["identity"]) in rows
        ]
        nothing_fits = all(entry["level"] == Level.WEAK for entry in placed)
        return {"nothing_fits": nothing_fits, "candidates": placed, "excluded": removed}

    def _show(self, result: dict[str, Any]) -> None:
        if result["nothing_fits"]:
            self.stdout.write(_("未找到较匹配的能力，以下是最接近的："))
        for entry in result["candidates"]:
            self.stdout.write(_("{rank}. {title}（{vendor}，{capability}） {score} 分 {level_label}").format(**entry))
            for reason in entry["reasons"]:
                self.stdout.write(f"   + {reason['share']:>5} {reason['label']}：{reason['text']}")
            for gap in entry["gaps"]:
                self.stdout.write(f"   - {gap['text']}")
        for entry in result["excluded"]:
            self.stdout.write(_("未入选：{vendor} {capability}，{reason}").format(**entry))
