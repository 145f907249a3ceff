"""Asks the virus scanner about a file (V28; security.md B). Without SCANNER_URL nothing is asked.

A scanner that does not answer leaves a file waiting, and a file that waits is handed to nobody.
"""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from clamav_client.clamd import ClamdError, ClamdNetworkSocket, ClamdUnixSocket
from django.conf import settings
from django.db import transaction

from core import audit
from core.content_keys import stored_content
from core.enums import ScanState
from core.models import Attachment

logger = logging.getLogger("marketplace.scanning")

TIMEOUT_SECONDS = 30
#: Files scanned in one turn of the schedule; the rest follow in the next.
MOST_AT_ONCE = 200


class ScannerUnavailable(Exception):
    """No verdict: the scanner is away, slow, or did not understand."""


def _scanner() -> ClamdNetworkSocket | None:
    address = urlsplit(settings.SCANNER_URL)
    if not settings.SCANNER_URL:
        return None
    if address.scheme == "unix":
        return ClamdUnixSocket(address.path, timeout=TIMEOUT_SECONDS)
    return ClamdNetworkSocket(address.hostname or "127.0.0.1", address.port or 3310, timeout=TIMEOUT_SECONDS)


def found_in(file: Any) -> str | None:
    """The name of what was found, None when clean; the file is left at its beginning. Raises ScannerUnavailable."""
    scanner = _scanner()
    if scanner is None:
        return None
    file.seek(0)
    try:
        status, name = scanner.instream(file)["stream"]
    except (ClamdError, OSError, KeyError) as error:
        raise ScannerUnavailable(str(error)) from error
    finally:
        file.seek(0)
    if status == "FOUND":
        return name or "?"
    if status != "OK":
        raise ScannerUnavailable(f"{status} {name}")
    return None


@contextmanager
def _whole(attachment: Attachment) -> Iterator[io.BytesIO]:
    with stored_content(attachment) as stored:
        yield io.BytesIO(stored.read())


def pending_scan() -> dict[str, int]:
    """Ask again about the files that wait; stops at the first refusal of the scanner. What was found is put away."""
    counts = {"clean": 0, "refused": 0}
    waiting = Attachment.objects.filter(scan_state=ScanState.PENDING).order_by("pk")
    for attachment in waiting[:MOST_AT_ONCE]:
        try:
            with _whole(attachment) as file:
                found = found_in(file)
        except ScannerUnavailable as error:
            logger.warning("the scanner does not answer: %s", error)
            break
        verdict = ScanState.REFUSED if found else ScanState.CLEAN
        with transaction.atomic():
            changed = Attachment.objects.filter(pk=attachment.pk, scan_state=ScanState.PENDING).update(
                scan_state=verdict
            )
            if changed and found:
                audit.record(None, "core.attachment.found", attachment, {"found": found})
        counts["refused" if found else "clean"] += changed
    return counts
