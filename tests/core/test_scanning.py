"""Files pass the virus scanner where one is named; without a verdict a file waits and nobody gets it (V28)."""

import os
import socketserver
import struct
import threading
from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from core.attachments import attach, attach_checked, attachment_for
from core.enums import ScanState
from core.errors import InvalidInput, ObjectNotFound
from core.models import Attachment, AuditEntry
from core.scanning import pending_scan
from tests.factories import make_person, make_scenario

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF"
BAD = PDF + b"\nTHREAT"


class Clamd(socketserver.StreamRequestHandler):
    """As much of clamd's INSTREAM as the protocol's description says: pieces with their length, then one line."""

    def handle(self) -> None:
        command = self.rfile.readline() if self.rfile.peek(1)[:1] == b"n" else b""
        assert command == b"nINSTREAM\n", command
        content = b""
        while size := struct.unpack("!L", self.rfile.read(4))[0]:
            content += self.rfile.read(size)
        self.wfile.write(b"stream: Test.Threat FOUND\n" if b"THREAT" in content else b"stream: OK\n")


@pytest.fixture(params=["stand-in", "clamd"])
def scanner(request, settings) -> Iterator[str]:
    """The stand-in, and ClamAV itself with one signature (`drills/services start clamav`)."""
    if request.param == "clamd":
        settings.SCANNER_URL = os.environ.get("TEST_SCANNER_URL", "")
        if not settings.SCANNER_URL:
            reason = 'no ClamAV: drills/services start clamav; eval "$(drills/services env)" (sets TEST_SCANNER_URL)'
            (pytest.fail if os.environ.get("MARKETPLACE_REQUIRE_SERVICES") == "1" else pytest.skip)(reason)
        yield settings.SCANNER_URL
        return
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Clamd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.SCANNER_URL = f"tcp://127.0.0.1:{server.server_address[1]}"
        yield settings.SCANNER_URL
        server.shutdown()


@pytest.fixture
def away(settings) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), Clamd) as server:
        port = server.server_address[1]
    settings.SCANNER_URL = f"tcp://127.0.0.1:{port}"


@pytest.fixture
def clerk():
    return make_person("demand_submitter")


def kept(clerk, content=PDF) -> Attachment:
    scenario = make_scenario(clerk.current_organisation)
    return attach(acting_user=clerk, subject=scenario, file=SimpleUploadedFile("结论.pdf", content), purpose="附件")


def test_a_clean_file_is_kept_whole(scanner, clerk):
    attachment = kept(clerk)
    assert attachment.scan_state == ScanState.CLEAN
    with attachment.file.open("rb") as stored:
        assert stored.read() == PDF


def test_a_file_in_which_something_is_found_is_refused_and_not_kept(scanner, clerk):
    with pytest.raises(InvalidInput) as refusal:
        kept(clerk, BAD)
    assert [reason.field for reason in refusal.value.reasons] == ["file"]
    assert "病毒" in str(refusal.value.reasons[0].message)
    opened = ContentFile(BAD, name="标书.pdf")
    with pytest.raises(InvalidInput):
        attach_checked(subject=make_scenario(clerk.current_organisation), file=opened, purpose="技术标书")
    assert not Attachment.objects.exists()


def test_without_a_verdict_a_file_is_kept_but_handed_to_nobody(away, clerk):
    attachment = kept(clerk)
    assert attachment.scan_state == ScanState.PENDING
    with pytest.raises(ObjectNotFound):
        attachment_for(clerk, attachment.public_id)
    assert pending_scan() == {"clean": 0, "refused": 0}
    assert Attachment.objects.get().scan_state == ScanState.PENDING


def test_files_that_waited_are_judged_when_the_scanner_is_back(settings, scanner, clerk):
    back, settings.SCANNER_URL = settings.SCANNER_URL, "tcp://127.0.0.1:1"
    clean, bad = kept(clerk), kept(clerk, BAD)
    assert {clean.scan_state, bad.scan_state} == {ScanState.PENDING}
    settings.SCANNER_URL = back
    assert pending_scan() == {"clean": 1, "refused": 1}
    assert attachment_for(clerk, clean.public_id) == clean
    bad.refresh_from_db()
    assert bad.scan_state == ScanState.REFUSED
    with pytest.raises(ObjectNotFound):
        attachment_for(clerk, bad.public_id)
    assert AuditEntry.objects.filter(action="core.attachment.found").count() == 1
    assert pending_scan() == {"clean": 0, "refused": 0}


def test_without_a_scanner_type_and_content_decide(settings, clerk):
    settings.SCANNER_URL = ""
    assert kept(clerk).scan_state == ScanState.CLEAN
