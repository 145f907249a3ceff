"""The nightly comparison: its outcome is shown, and those who supervise are told by notice and mail."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import models
from django.urls import reverse

from accounts.enums import Role
from accounts.models import Organisation
from core import audit, relay, schedule
from core.heads import current_heads, kept_heads
from core.integrity import installation_faults
from core.models import AuditEntry, AuditHead, JobRun
from marketplace import operations
from notifications.models import Notification
from tests.factories.accounts import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture(autouse=True)
def heads_file(settings, tmp_path):
    settings.INTEGRITY_HEADS_FILE = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


def compare():
    schedule.run(next(job for job in schedule.jobs() if job.name == operations.COMPARISON_JOB))


def test_a_sound_installation_says_when_it_was_compared(client):
    make_organisation()
    assert operations.comparison()["status"] == "unknown"
    compare()
    assert JobRun.objects.get(name=operations.COMPARISON_JOB).result == {"faults": 0}
    assert operations.report()["comparison"]["status"] == "ok"
    client.force_login(make_person(Role.OPERATOR))
    assert "全部相符" in client.get(reverse("operations")).content.decode()
    assert not Notification.objects.filter(topic="integrity.doubted").exists()


def test_a_fault_is_shown_and_told_once_a_day(client):
    organisation = make_organisation(name="真名")
    supervisor, operator = make_person(Role.SUPERVISOR), make_person(Role.OPERATOR)
    auditor, stranger = make_person(Role.AUDIT_ADMINISTRATOR), make_person(Role.VENDOR_STAFF)
    models.QuerySet(Organisation).filter(pk=organisation.pk).update(name="假名")

    compare()
    compare()
    relay.drain()

    told = Notification.objects.filter(topic="integrity.doubted").values_list("recipient", flat=True)
    assert sorted(told) == sorted([supervisor.pk, operator.pk, auditor.pk])
    assert stranger.pk not in told
    assert (operations.report()["comparison"]["status"], operations.report()["comparison"]["faults"]) == ("degraded", 1)
    for person, page in ((operator, "operations"), (auditor, "audit")):
        client.force_login(person)
        assert "发现 1 项与平台留存的校验值不符" in client.get(reverse(page)).content.decode()


def test_the_days_heads_are_sent_to_the_supervisors():
    supervisor = make_person(Role.SUPERVISOR)
    audit.record(None, "tests.thing.happened")
    audit.seal_pending()
    audit.anchor_today()
    relay.drain()
    notice = Notification.objects.get(topic="integrity.heads", recipient=supervisor)
    assert current_heads().text.split(" ")[0] in notice.body


def test_heads_are_written_beside_the_database_readable_by_their_owner_only(
    heads_file, django_capture_on_commit_callbacks
):
    audit.record(None, "tests.thing.happened")
    with django_capture_on_commit_callbacks(execute=True):
        audit.seal_pending()
    head = AuditHead.objects.get(pk=1)
    assert ("audit", head.sequence, head.hash) in list(kept_heads())
    assert heads_file.stat().st_mode & 0o777 == 0o600


def test_a_line_cut_short_by_a_kill_is_passed_over(heads_file):
    heads_file.write_text('{"at": "2026-11-24", "audit": [1, "ab', encoding="ascii")
    assert list(kept_heads()) == []
    assert list(installation_faults()) == []


def test_a_disk_that_refuses_stops_nothing(settings, tmp_path, caplog, django_capture_on_commit_callbacks):
    settings.INTEGRITY_HEADS_FILE = str(tmp_path / "missing" / "heads.jsonl")
    audit.record(None, "tests.thing.happened")
    with django_capture_on_commit_callbacks(execute=True):
        assert audit.seal_pending() == AuditEntry.objects.exclude(sequence=None).count()
    assert "could not be written" in caplog.text


def verify(*arguments):
    output, complaint = StringIO(), StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=output, stderr=complaint)
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    return code, output.getvalue(), complaint.getvalue()


def test_the_command_takes_heads_noted_outside():
    audit.record(None, "tests.thing.happened")
    audit.seal_pending()
    audit.seal_pending_rows()
    code, noted, _complaint = verify("--show-heads")
    assert code == 0
    for head in noted.split():
        assert verify("--head", head)[0] == verify("--anchor", head.split(":")[1])[0] == 0
    assert verify("--head", "1:" + "0" * 64)[0] == 1
    code, _output, complaint = verify("--head", "不是链头")
    assert (code, "不是链头" in complaint) == (2, True)
    assert json.loads(verify("--json")[1])["faults"] == []
