"""Uploads: by ending, by content, by structure; private by default (V28)."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.attachment_text import UNREADABLE, personal_numbers_in
from core.attachments import LARGEST_BYTES, attach, attachment_for
from core.errors import GuardFailed, InvalidInput, ObjectNotFound
from core.models import Attachment
from scenarios import services
from tests.factories import make_person, make_scenario, make_submittable_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64


def office(*names: str, content: str | bytes = "<x/>") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name in names:
            package.writestr(name, content)
    return buffer.getvalue()


def needs_newer_zip(content: bytes) -> bytes:
    """The same package, whose first entry says that a version of zip is needed which is none."""
    at = content.index(b"PK\x01\x02") + 6
    return content[:at] + b"\x63" + content[at + 1 :]


def broken_inside(content: bytes) -> bytes:
    """The same package with a compressed part that unpacks to something else."""
    at = content.index(b"PK\x01\x02") // 2 + 20
    return content[:at] + bytes(byte ^ 0x55 for byte in content[at : at + 6]) + content[at + 6 :]


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
        ("要更新的解压程序.docx", needs_newer_zip(DOCX), "损坏"),
        ("部件极多.docx", DOCX + b"PK\x01\x02" * 2001, "展开后过大"),
        ("类型声明.docx", office("word/document.xml", content="<!DOCTYPE x><x/>"), "文档类型声明"),
        (
            "类型声明16.docx",
            office("word/document.xml", content="\ufeff<!DOCTYPE x><x/>".encode("utf-16-le")),
            "文档类型",
        ),
        ("坏了内容.docx", broken_inside(office("word/document.xml", content="<x>" + "甲" * 3000 + "</x>")), "损坏"),
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


def word(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("[Content_Types].xml", "<x/>")
        package.writestr("word/document.xml", f"<w:document><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:document>")
    return buffer.getvalue()


def test_a_mobile_number_in_a_public_attachment_stops_publication_and_a_private_one_does_not():
    clerk = make_person("demand_submitter")
    scenario = make_submittable_scenario(clerk.current_organisation)
    kept = attach(
        acting_user=clerk,
        subject=scenario,
        file=SimpleUploadedFile("附件.docx", word("联系人王某 13905310001")),
        purpose="附件",
        publicity="public",
    )

    with pytest.raises(GuardFailed) as refusal:
        services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    assert [reason.code for reason in refusal.value.reasons] == ["personal_information"]
    assert "附件.docx" in refusal.value.message
    assert "13905310001" not in refusal.value.message

    Attachment.objects.filter(pk=kept.pk).update(publicity="private")
    assert services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk).state == "submitted"


def test_a_public_attachment_that_cannot_be_read_is_not_published():
    assert personal_numbers_in(PDF[:20], "application/pdf") == [UNREADABLE]


def test_a_number_split_over_runs_of_a_word_file_is_still_found():
    split = word("1390</w:t></w:r><w:r><w:t>5310001")
    assert personal_numbers_in(split, "application/vnd.openxmlformats-officedocument.wordprocessingml.document") == [
        "手机号码 139******01"
    ]
