"""What search itself must remember: builds of indexes, the statistics they were made with, saved searches."""

import math

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import now
from search.enums import BuildState, SearchKind
from search.statistics import TermStatistics, frequencies_from_bytes, sampling_step


class CollectionStatistics(models.Model):
    """A snapshot of a collection, kept as long as a match run names it (matching.md §2)."""

    index = models.CharField(max_length=40)
    documents = models.PositiveIntegerField()
    mean_title_length = models.FloatField()
    mean_text_length = models.FloatField()
    frequencies = models.BinaryField()
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("语料统计")
        verbose_name_plural = _("语料统计")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.index} #{self.pk}"

    def snapshot(self, *, with_frequencies: bool) -> TermStatistics:
        """`with_frequencies` is for whoever indexes; weighing needs the sizes only."""
        return TermStatistics(
            documents=self.documents,
            mean_title_length=self.mean_title_length,
            mean_text_length=self.mean_text_length,
            number=self.pk,
            sampled=math.ceil(self.documents / sampling_step(self.documents)),
            frequencies=frequencies_from_bytes(bytes(self.frequencies)) if with_frequencies else {},
        )


class IndexBuild(models.Model):
    """One generation of one index, from its first document to its removal (architecture.md §6.4)."""

    index = models.CharField(_("索引"), max_length=40)
    generation = models.CharField(_("世代"), max_length=40, unique=True)
    fingerprint = models.CharField(max_length=16)
    engine = models.CharField(_("引擎"), max_length=20)
    state = models.CharField(_("状态"), max_length=10, choices=BuildState.choices, default=BuildState.BUILDING)
    documents = models.PositiveIntegerField(_("文档数"), default=0)
    #: Rows up to this key are in the generation: where a killed build is carried on.
    loaded_to = models.BigIntegerField(default=0, db_default=0)
    statistics = models.ForeignKey(CollectionStatistics, null=True, on_delete=models.PROTECT, related_name="builds")
    reason = models.CharField(_("原因"), max_length=100, blank=True)
    started_at = models.DateTimeField(_("开始时间"), default=now)
    heartbeat_at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(_("完成时间"), null=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = _("索引建立记录")
        verbose_name_plural = _("索引建立记录")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=BuildState.values), name="index_build_state"),
            models.UniqueConstraint(
                fields=["index"], condition=Q(state=BuildState.BUILDING), name="one_build_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["index", "state"], name="index_build_by_state")]

    def __str__(self) -> str:
        return f"{self.index} {self.generation}"


class KeptDocument(models.Model):
    """A row's document as it was last prepared, and what it was made from (`search.keeping`, ADR 0008)."""

    index = models.CharField(max_length=40)
    key = models.BigIntegerField()
    #: Schema, encoder and packages it was prepared by.
    form = models.CharField(max_length=32)
    #: The collection statistics behind its norms; 0 in indexes that have none.
    statistics_number = models.BigIntegerField(default=0)
    #: Digest of everything that was read for it.
    sources = models.BinaryField()
    document = models.BinaryField()

    class Meta:
        verbose_name = _("留存的检索文档")
        verbose_name_plural = _("留存的检索文档")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["index", "key"], name="one_kept_document_per_row")]

    def __str__(self) -> str:
        return f"{self.index} {self.key}"


class SavedSearch(models.Model):
    """A search a person keeps: the state of the page's address under a name (experience.md A.2)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField(_("名称"), max_length=60)
    kind = models.CharField(_("对象"), max_length=20, choices=SearchKind.choices)
    text = models.CharField(_("关键词"), max_length=300, blank=True)
    filters = models.JSONField(default=dict, blank=True)
    sort = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("保存的检索")
        verbose_name_plural = _("保存的检索")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="one_saved_search_per_name"),
            models.CheckConstraint(condition=Q(kind__in=SearchKind.values), name="saved_search_known_kind"),
        ]

    def __str__(self) -> str:
        return self.name
