"""`manage.py fit_encoder`: fit latent semantic analysis on the installation's own texts (`SEARCH_ENCODER=lsa`)."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from search.documents import INDEXES
from search.encoders import LSA_DIMENSIONS, fit_lsa, lsa_path
from search.match_text import MatchText

MATCHED = ("capability_match", "scenario_match")
MOST_TEXTS = 100_000
BATCH = 500


class Command(BaseCommand):
    help = (
        "用平台上可匹配的需求与能力文本训练 LSA 编码器（需 requirements-encoders.txt 的软件包）。\n"
        "训练后设置 SEARCH_ENCODER=lsa 并重启各进程，匹配索引随即自动重建。\n"
        "例：manage.py fit_encoder    manage.py fit_encoder --texts docs.jsonl --output lsa.npz\n"
        "完成返回 0，无法训练返回 2。"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--texts", type=Path, help="改用这个文件的文本：每行一个 JSON，含 title、text")
        parser.add_argument("--output", type=Path, help="写到这个文件（.npz），默认为平台数据目录")
        parser.add_argument("--dimensions", type=int, default=LSA_DIMENSIONS, help="维数，默认 256")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["output"] or lsa_path()
        try:
            texts = [text for text in self._texts(options["texts"]) if text]
            width = fit_lsa(texts, path, dimensions=options["dimensions"])
        except (ImproperlyConfigured, ValueError, KeyError, OSError) as error:
            self.stderr.write(_("未能训练：{reason}").format(reason=error))
            sys.exit(2)
        self.stdout.write(
            _("已用 {count} 篇文本训练，{width} 维，写入 {path}").format(count=len(texts), width=width, path=path)
        )

    def _texts(self, file: Path | None) -> Iterator[str]:
        if file is not None:
            for line in file.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                yield MatchText(entry.get("title", ""), entry.get("text", "")).whole
            return
        for name in MATCHED:
            index = INDEXES[name]
            keys = list(index.get_queryset().order_by("pk").values_list("pk", flat=True)[:MOST_TEXTS])
            for start in range(0, len(keys), BATCH):
                for source in index.sources.read(index.get_queryset(), keys[start : start + BATCH]):
                    if index.text_of is not None:
                        yield index.text_of(index.sources.row_of(source)).whole
