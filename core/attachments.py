"""Files beside records: checked by type and content, private by default, named at random on disk (V28)."""

import hashlib
import logging
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import puremagic
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile
from django.db import models, transaction
from django.utils.translation import gettext as _

from core import audit
from core.attachment_text import personal_numbers_in
from core.content_keys import encrypted
from core.enums import PublicityClass, ScanState
from core.errors import InvalidInput, ObjectNotFound
from core.models import Attachment
from core.packages import UNREADABLE_PACKAGE
from core.scanning import ScannerUnavailable, found_in

logger = logging.getLogger("marketplace.scanning")

LARGEST_BYTES = 20 * 1024 * 1024
LONGEST_NAME = 120
#: Ending → (content type, signature kinds that its first bytes may have).
ALLOWED_TYPES: dict[str, tuple[str, frozenset[str]]] = {
    ".pdf": ("application/pdf", frozenset({".pdf"})),
    ".docx": (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        frozenset({".docx", ".zip"}),
    ),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", frozenset({".xlsx", ".zip"})),
    ".png": ("image/png", frozenset({".png"})),
    ".jpg": ("image/jpeg", frozenset({".jpg", ".jpeg", ".jfif"})),
    ".jpeg": ("image/jpeg", frozenset({".jpg", ".jpeg", ".jfif"})),
}
_OFFICE_PART = {".docx": "word/document.xml", ".xlsx": "xl/workbook.xml"}
MOST_ENTRIES = 2000
_DIRECTORY_ENTRY = b"PK\x01\x02"
LARGEST_UNPACKED_BYTES = 200 * 1024 * 1024

Reader = Callable[[Any, str, Attachment], bool]
_readers: dict[str, Reader] = {}


def register_reader(subject_type: str, reader: Reader) -> None:
    """Name who may download the files of a kind of record: `reader(user, subject_id, attachment) -> bool`."""
    _readers[subject_type] = reader


def _refuse(message: str) -> InvalidInput:
    return InvalidInput({"file": [message]})


def checked_content_type(file: File) -> str:
    """The content type of an acceptable file; InvalidInput says why another is not.

    The ending, the first bytes and, for Office files, the structure must agree; macros and bombs are refused.
    """
    name = PurePosixPath(file.name or "").name
    ending = PurePosixPath(name).suffix.lower()
    if ending not in ALLOWED_TYPES:
        raise _refuse(
            _("不接受“%s”这类文件。可以上传 PDF、Word（docx）、Excel（xlsx）、PNG 或 JPG。") % (ending or name)
        )
    size = file.size or 0
    if size == 0:
        raise _refuse(_("文件是空的，请检查后重新选择。"))
    if size > LARGEST_BYTES:
        raise _refuse(_("文件超过 20 MB，请压缩或拆分后上传。"))
    content_type, signatures = ALLOWED_TYPES[ending]
    head = file.read(4096)
    file.seek(0)
    try:
        found = {match.extension.lower() for match in puremagic.magic_string(head)}
    except puremagic.PureError:
        found = set()
    if found.isdisjoint(signatures):
        raise _refuse(_("文件内容与扩展名“%s”不符，可能是改过名的其他文件，请用原程序另存后上传。") % ending)
    if ending in _OFFICE_PART:
        _check_office_structure(file, _OFFICE_PART[ending])
    return content_type


def _check_office_structure(file: File, main_part: str) -> None:
    """Judged by the package's table of contents alone, so the same file is judged the same every time."""
    if _entries_announced(file) > MOST_ENTRIES:
        raise _refuse(_("文件展开后过大，不予接受。"))
    try:
        with zipfile.ZipFile(file) as package:
            entries = package.infolist()
    except UNREADABLE_PACKAGE:
        raise _refuse(_("文件已损坏，无法打开，请用原程序另存后上传。")) from None
    finally:
        file.seek(0)
    names = {entry.filename for entry in entries}
    if main_part not in names:
        raise _refuse(_("文件内容不是有效的 Office 文档，请用原程序另存后上传。"))
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise _refuse(_("文件中带有宏，出于安全考虑不予接受，请另存为不带宏的格式。"))
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > LARGEST_UNPACKED_BYTES:
        raise _refuse(_("文件展开后过大，不予接受。"))


def _entries_announced(file: File) -> int:
    """At least as many as `zipfile` would make objects of, counted without making one."""
    count, tail = 0, b""
    file.seek(0)
    while piece := file.read(1 << 20):
        count += (tail + piece).count(_DIRECTORY_ENTRY)
        tail = piece[-len(_DIRECTORY_ENTRY) + 1 :]
    file.seek(0)
    return count


def scanned_state(file: File) -> ScanState:
    """CLEAN, or PENDING while the scanner does not answer; InvalidInput when something was found."""
    try:
        found = found_in(file)
    except ScannerUnavailable as error:
        logger.warning("a file waits for the scanner: %s", error)
        return ScanState.PENDING
    if found:
        logger.warning("a file was refused by the scanner: %s", found)
        raise _refuse(_("文件“%s”未通过病毒检查，没有保存。请清除后重新上传。") % PurePosixPath(file.name or "").name)
    return ScanState.CLEAN


def attach(
    *,
    acting_user: Any,
    subject: models.Model,
    file: UploadedFile,
    purpose: str,
    publicity: str = PublicityClass.PRIVATE,
) -> Attachment:
    """Keep `file` beside `subject`. The caller has checked that the person may write the subject.

    Scanning and reading come before the transaction: they may take seconds, and SQLite has one writer at a time.
    """
    content_type = checked_content_type(file)
    scan_state = scanned_state(file)
    content = file.read()
    file.seek(0)
    attachment = Attachment(
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        purpose=purpose,
        original_name=PurePosixPath(file.name or "").name[-LONGEST_NAME:],
        content_type=content_type,
        size=file.size or 0,
        sha256=hashlib.sha256(content).hexdigest(),
        publicity=publicity,
        scan_state=scan_state,
        personal_numbers=personal_numbers_in(content, content_type),
        uploaded_by=acting_user,
    )
    with transaction.atomic():
        attachment.file.save("content", file, save=False)
        attachment.save()
        audit.record(acting_user, "core.attachment.add", attachment, {"sha256": attachment.sha256, "purpose": purpose})
    return attachment


@transaction.atomic
def attach_checked(
    *, subject: models.Model, file: File, purpose: str, content_key: str = "", acting_user: Any = None
) -> Attachment:
    """Keep a private file that did not come by a form: the same checks of type and content, read piece by piece.

    InvalidInput says why a file is refused; nothing is kept of it. Personal numbers are not looked for, because such
    a file is never published. With a wrapped data key the bytes are stored under it.
    """
    content_type = checked_content_type(file)
    scan_state = scanned_state(file)
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(1 << 20):
        digest.update(piece)
    attachment = Attachment(
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        purpose=purpose,
        original_name=PurePosixPath(file.name or "").name[-LONGEST_NAME:],
        content_type=content_type,
        size=file.size or 0,
        sha256=digest.hexdigest(),
        publicity=PublicityClass.PRIVATE,
        scan_state=scan_state,
        content_key=content_key,
        uploaded_by=acting_user,
    )
    file.seek(0)
    kept = ContentFile(encrypted(content_key, file.read())) if content_key else file
    attachment.file.save("content", kept, save=False)
    attachment.save()
    return attachment


def attachments_of(subject: models.Model) -> models.QuerySet[Attachment]:
    """Files beside a record, in order of upload; the page shows those its viewer may read."""
    return Attachment.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk))


def may_read(user: Any, attachment: Attachment) -> bool:
    """Public files of a record one may see; private ones if the record's own app says so. Refused when unsure."""
    reader = _readers.get(attachment.subject_type)
    return (
        reader is not None
        and attachment.scan_state == ScanState.CLEAN
        and reader(user, attachment.subject_id, attachment)
    )


def attachment_for(user: Any, public_id: Any) -> Attachment:
    """The one door to a file."""
    attachment = Attachment.objects.filter(public_id=public_id).first()
    if attachment is None or not may_read(user, attachment):
        raise ObjectNotFound()
    return attachment
