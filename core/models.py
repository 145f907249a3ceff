"""Rows every app needs and none owns: audit trail, outbox, classification, calendar, attachments, imports."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import now
from core.deciding import DecidingModel
from core.enums import DeliveryState, ImportState, PublicityClass, RegionLevel, ScanState

# --- audit trail -------------------------------------------------------------------------------------------------


class AuditEntry(models.Model):
    """One thing somebody did. Append-only; actor and subject also as text, so that deletion does not blank them.

    `sequence`, `previous_hash` and `hash` stay empty until the sealer chains the entry (core.audit.seal_pending).
    """

    moment = models.DateTimeField(_("时间"), default=now, editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )
    actor_text = models.CharField(_("操作人"), max_length=200)
    organisation_text = models.CharField(_("所属机构"), max_length=200, blank=True)
    action = models.CharField(_("操作"), max_length=100)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    subject_text = models.CharField(_("对象"), max_length=300, blank=True)
    detail = models.JSONField(_("详情"), default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    sequence = models.PositiveBigIntegerField(null=True, unique=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("审计记录")
        verbose_name_plural = _("审计记录")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="audit_by_subject"),
            models.Index(fields=["action", "id"], name="audit_by_action"),
            models.Index(fields=["id"], name="audit_unsealed", condition=Q(sequence__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.moment:%Y-%m-%d %H:%M:%S} {self.actor_text} {self.action}"


class AuditHead(models.Model):
    """The chain's last link: one row, locked by whoever seals."""

    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash[:12]}"


class AuditAnchor(DecidingModel):
    """The chain's head as made public on a day: whoever noted it can prove a later change (peers.md §6, 5)."""

    day = models.DateField(_("日期"), unique=True)
    sequence = models.PositiveBigIntegerField(_("序号"))
    hash = models.CharField(_("链头"), max_length=64)
    #: Head of the blocks of row digests at the same moment; 0 and "" before the first.
    block_sequence = models.PositiveBigIntegerField(_("数据校验组"), default=0, db_default=0)
    block_hash = models.CharField(_("数据校验链头"), max_length=64, blank=True, default="", db_default="")
    made_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("审计锚点")
        verbose_name_plural = _("审计锚点")
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day} {self.sequence}:{self.hash[:12]}"


# --- digests of rows that decide something (core.row_digests) ----------------------------------------------------


class DigestBlock(models.Model):
    """Digests chained together by the sealer; each block holds on to the one before."""

    sequence = models.PositiveBigIntegerField(unique=True)
    size = models.PositiveIntegerField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    made_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["sequence"]

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash[:12]}"


class RowDigest(models.Model):
    """What a row was when the platform last wrote it, vouched for with a key that is not in the database.

    An empty `digest` says that the platform removed the row. `block` is empty until the sealer chains it.
    """

    table = models.CharField(max_length=60)
    row = models.BigIntegerField()
    #: "label:key" of what the row is part of, so that all of one challenge is found, removed rows included.
    part_of = models.CharField(max_length=80, blank=True)
    form = models.CharField(max_length=16, blank=True)
    key = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, blank=True)
    moment = models.DateTimeField(default=now, editable=False)
    block = models.ForeignKey(DigestBlock, null=True, on_delete=models.PROTECT, related_name="digests")

    class Meta:
        indexes = [
            models.Index(fields=["table", "row", "id"], name="row_digest_by_row"),
            models.Index(fields=["part_of", "table", "id"], name="row_digest_by_part"),
            models.Index(fields=["id"], name="row_digest_unsealed", condition=Q(block__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.table}#{self.row}"


class RowForm(models.Model):
    """Which columns the digests of a table cover, by name: rows digested before a release added one still compare."""

    name = models.CharField(max_length=16, unique=True)
    table = models.CharField(max_length=60)
    columns = models.JSONField()

    def __str__(self) -> str:
        return f"{self.table} {self.name}"


# --- outbox ------------------------------------------------------------------------------------------------------


class OutboxEvent(models.Model):
    """What happened, written with the change itself (architecture.md §4)."""

    topic = models.CharField(max_length=100)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now, editable=False)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [models.Index(fields=["topic", "id"], name="outbox_by_topic")]

    def __str__(self) -> str:
        return f"{self.topic} {self.payload}"


class OutboxDelivery(models.Model):
    """One handler's copy of an event: it is done, or it will be tried again, or an operator sees it."""

    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    handler = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=now)
    lease_until = models.DateTimeField(null=True)
    owner = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "handler"], name="one_delivery_per_handler"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="outbox_delivery_state"),
        ]
        indexes = [
            models.Index(fields=["not_before", "id"], name="outbox_pending", condition=Q(state="pending")),
            models.Index(fields=["id"], name="outbox_parked", condition=Q(state="parked")),
        ]

    def __str__(self) -> str:
        return f"{self.handler} ← {self.event_id} ({self.state})"


# --- schedule ----------------------------------------------------------------------------------------------------


class JobRun(models.Model):
    """The last run of a job of the schedule; written by whichever process ran it, read by the operator's page."""

    name = models.CharField(_("任务"), max_length=100, unique=True)
    started_at = models.DateTimeField(_("开始时间"))
    seconds = models.FloatField(_("用时（秒）"), null=True)
    error = models.CharField(_("错误"), max_length=500, blank=True)
    result = models.JSONField(_("结果"), null=True)

    class Meta:
        verbose_name = _("定时任务")
        verbose_name_plural = _("定时任务")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


# --- classification ----------------------------------------------------------------------------------------------


class ClassificationVersion(models.Model):
    """One edition of a code table; a record keeps the edition it was classified by."""

    kind = models.CharField(
        _("种类"),
        max_length=20,
        choices=[("category", _("领域")), ("region", _("行政区划")), ("industry", _("国民经济行业"))],
    )
    label = models.CharField(_("版本"), max_length=100)
    source = models.CharField(_("来源"), max_length=200)
    effective_on = models.DateField(_("生效日期"))
    loaded_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("分类版本")
        verbose_name_plural = _("分类版本")
        constraints = [models.UniqueConstraint(fields=["kind", "label"], name="one_version_per_label")]

    def __str__(self) -> str:
        return self.label


class Region(models.Model):
    """An administrative division (GB/T 2260). Codes are kept after a division is withdrawn (domain.md §5.2)."""

    version = models.ForeignKey(ClassificationVersion, on_delete=models.PROTECT, related_name="regions")
    code = models.CharField(_("代码"), max_length=6, unique=True)
    name = models.CharField(_("名称"), max_length=50)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    level = models.CharField(_("级别"), max_length=10, choices=RegionLevel.choices)
    circle = models.CharField(_("经济圈"), max_length=20, blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    successor = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("行政区划")
        verbose_name_plural = _("行政区划")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name

    @property
    def full_name(self) -> str:
        return f"{self.parent.name}{self.name}" if self.level == RegionLevel.DISTRICT and self.parent else self.name

    @property
    def city_code(self) -> str:
        """The city a district belongs to, the city itself, or the province's own code."""
        return self.code if self.code.endswith("0000") else f"{self.code[:4]}00"

    def covers(self, other: "Region | None") -> bool:
        """Whether `other` lies in this region: a province covers its cities, a city its districts."""
        if other is None:
            return False
        significant = {RegionLevel.PROVINCE: 2, RegionLevel.CITY: 4, RegionLevel.DISTRICT: 6}[RegionLevel(self.level)]
        return self.code[:significant] == other.code[:significant]


class CategoryQuerySet(models.QuerySet):
    def current(self) -> "CategoryQuerySet":
        return self.filter(retired=False)


class Category(models.Model):
    """A node of the plan's own tree of fields (categories.csv, 91 nodes)."""

    version = models.ForeignKey(ClassificationVersion, on_delete=models.PROTECT, related_name="categories")
    code = models.CharField(_("代码"), max_length=12)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    label = models.CharField(_("名称"), max_length=50)
    heading = models.CharField(_("规划标题"), max_length=100, blank=True)
    position = models.PositiveIntegerField(default=0)
    retired = models.BooleanField(_("停用"), default=False)

    objects = CategoryQuerySet.as_manager()

    class Meta:
        verbose_name = _("领域")
        verbose_name_plural = _("领域")
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["version", "code"], name="one_category_per_code")]

    def __str__(self) -> str:
        return self.label

    @property
    def branch_codes(self) -> list[str]:
        """The codes from the root down to this node: "4.2.1" → ["4", "4.2", "4.2.1"]."""
        parts = self.code.split(".")
        return [".".join(parts[: depth + 1]) for depth in range(len(parts))]


class Industry(models.Model):
    """GB/T 4754-2017, 门类 (letter) and 大类 (two digits)."""

    version = models.ForeignKey(ClassificationVersion, on_delete=models.PROTECT, related_name="industries")
    code = models.CharField(_("代码"), max_length=4, unique=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    label = models.CharField(_("名称"), max_length=60)

    class Meta:
        verbose_name = _("行业")
        verbose_name_plural = _("行业")
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} {self.label}"


class TechnologyTag(models.Model):
    """A technology word editors keep; synonyms are written beside it, one per line."""

    name = models.CharField(_("名称"), max_length=40, unique=True)
    synonyms = models.TextField(_("同义词"), blank=True)
    retired = models.BooleanField(_("停用"), default=False)

    class Meta:
        verbose_name = _("技术标签")
        verbose_name_plural = _("技术标签")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


# --- working days ------------------------------------------------------------------------------------------------


class WorkdayCalendar(DecidingModel):
    """The State Council's arrangement for one year. Without it no period of that year is computed (V09)."""

    year = models.PositiveSmallIntegerField(_("年份"), unique=True)
    source = models.CharField(_("来源"), max_length=200)
    version = models.PositiveSmallIntegerField(default=1)
    loaded_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("工作日历")
        verbose_name_plural = _("工作日历")
        ordering = ["year"]

    def __str__(self) -> str:
        return f"{self.year}"


class WorkdayException(DecidingModel):
    """A day that differs from Monday-to-Friday: a holiday, or a weekend worked to make up for one."""

    calendar = models.ForeignKey(WorkdayCalendar, on_delete=models.CASCADE, related_name="exceptions")
    day = models.DateField(_("日期"), unique=True)
    is_workday = models.BooleanField(_("是否上班"))
    label = models.CharField(_("说明"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("节假日与调休")
        verbose_name_plural = _("节假日与调休")
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day} {self.label}"


# --- files -------------------------------------------------------------------------------------------------------


def attachment_path(attachment: "Attachment", file_name: str) -> str:
    """A random name: the uploader's own never reaches the file system (V28)."""
    key = attachment.public_id.hex
    return f"attachments/{key[:2]}/{key}"


class Attachment(DecidingModel):
    """A file beside a record. Private unless somebody entitled made it public (政府信息公开条例 15)."""

    part_columns = ("subject_type", "subject_id")
    hides_count = True

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=64)
    purpose = models.CharField(_("用途"), max_length=40)
    file = models.FileField(upload_to=attachment_path, max_length=200)
    original_name = models.CharField(_("文件名"), max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField(_("大小"))
    sha256 = models.CharField(max_length=64)
    publicity = models.CharField(max_length=10, choices=PublicityClass.choices, default=PublicityClass.PRIVATE)
    scan_state = models.CharField(max_length=10, choices=ScanState.choices, default=ScanState.PENDING)
    personal_numbers = models.JSONField(default=list, blank=True)
    #: Wrapped data key of its subject, if the stored bytes are encrypted (core.content_keys); never shown.
    content_key = models.TextField(blank=True, db_default="", editable=False)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("附件")
        verbose_name_plural = _("附件")
        ordering = ["pk"]
        indexes = [models.Index(fields=["subject_type", "subject_id"], name="attachment_by_subject")]

    def __str__(self) -> str:
        return self.original_name


class ImportBatch(models.Model):
    """One file taken in: what it was, what came of each row."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=20, choices=[("scenarios", _("需求")), ("capabilities", _("能力"))])
    organisation_id = models.BigIntegerField(null=True)
    file_name = models.CharField(_("文件名"), max_length=200)
    sha256 = models.CharField(max_length=64)
    mapping = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=ImportState.choices)
    row_count = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=list)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("导入批次")
        verbose_name_plural = _("导入批次")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="import_batch_state"),
        ]
        indexes = [models.Index(fields=["kind", "organisation_id", "sha256"], name="import_by_file")]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_state_display()})"


class IdempotencyRecord(models.Model):
    """The stored answer of a creating POST, given again when the same key returns (architecture.md §7)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key
