"""Uploads: by ending, by content, by structure; private by default (V28)."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.attachments import LARGEST_BYTES, attach, attachment_for
from core.errors import InvalidInput, ObjectNotFound
from core.models import Attachment
from tests.factories import make_person, make_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64


def office(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name in names:
            package.writestr(name, "<x/>")
    return buffer.getvalue()


DOCX = office("[Content_Types].xml", "word/document.xml")


@pytest.mark.parametrize(("name", "content"), [("结论.pdf", PDF), ("图.png", PNG), ("结论.docx", DOCX)])
def test_accepted_files_are_kept_under_a_random_name_with_their_hash(name, content):
    clerk = make_person("demand_submitter")
    scenario = make_scenario(clerk.current_organisation)

    kept = attach(acting_user=clerk, subject=scenario, file=SimpleUploadedFile(name, content), purpose="附件")

    assert kept.original_name == name
    assert name not in kept.file.name
    with kept.file.open("rb") as stored:
        assert stored.read() == content
    assert kept.publicity == "private"


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("病毒.exe", b"MZ\x90\x00", "不接受"),
        ("页面.html", b"<html></html>", "不接受"),
        ("图.svg", b"<svg/>", "不接受"),
        ("空.pdf", b"", "空的"),
        ("改名.pdf", PNG, "不符"),
        ("改名.png", PDF, "不符"),
        ("改名.docx", b"plain text", "不符"),
        ("宏.docx", office("word/document.xml", "word/vbaProject.bin"), "宏"),
        ("不是文档.docx", office("readme.txt"), "不是有效的 Office 文档"),
        ("坏的.docx", DOCX[:60], "损坏"),
        ("无扩展名", PDF, "不接受"),
        ("大.pdf", PDF + b"\x00" * LARGEST_BYTES, "20 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_files_are_refused_with_a_reason_and_nothing_is_kept(name, content, hint):
    clerk = make_person("demand_submitter")
    scenario = make_scenario(clerk.current_organisation)

    with pytest.raises(InvalidInput) as refusal:
        attach(acting_user=clerk, subject=scenario, file=SimpleUploadedFile(name, content), purpose="附件")

    assert hint in refusal.value.fields["file"][0]
    assert Attachment.objects.count() == 0


def test_a_private_file_is_there_for_its_owner_and_missing_for_others():
    clerk = make_person("demand_submitter")
    scenario = make_scenario(clerk.current_organisation)
    kept = attach(acting_user=clerk, subject=scenario, file=SimpleUploadedFile("a.pdf", PDF), purpose="附件")

    assert attachment_for(clerk, kept.public_id) == kept
    with pytest.raises(ObjectNotFound):
        attachment_for(make_person("demand_submitter"), kept.public_id)
