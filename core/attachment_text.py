"""The words in an uploaded file, so that personal numbers are found before it is published (V18).

Reading happens in a process of its own (`core.text_process`), within 300 MB and ten seconds, whatever it is. A file
that cannot be read so is kept and marked: it is not published. One that no Office program wrote is refused.
"""

import logging
import subprocess
import sys
from pathlib import Path

from django.utils.translation import gettext as _

from core import text_process
from core.errors import InvalidInput
from core.personal_information import LABELS, scan

logger = logging.getLogger("marketplace.attachments")

SECONDS = 10
UNREADABLE = "unreadable"
MOST_FOUND = 20
_ROOT = Path(text_process.__file__).resolve().parent.parent


def text_of(content: bytes, content_type: str) -> str | None:
    """Text of a PDF, Word or Excel file; "" for an image; None when it cannot be read (encrypted, broken, too much).

    InvalidInput for an Office file that is damaged or declares a document type.
    """
    if content_type.startswith("image/"):
        return ""
    command = [sys.executable, "-I", "-c", _START, str(_ROOT), content_type]
    try:
        # Spawned, never forked with threads beside it: `subprocess` runs nothing of ours between fork and exec.
        done = subprocess.run(command, input=content, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        logger.warning("a file was not read within %d s", SECONDS)
        return None
    if done.returncode == text_process.DOCUMENT_TYPE:
        raise InvalidInput({"file": [_("文件含有不允许的文档类型声明，不予接受，请用 Office 或 WPS 另存后上传。")]})
    if done.returncode == text_process.DAMAGED:
        raise InvalidInput({"file": [_("文件已损坏，无法打开，请用原程序另存后上传。")]})
    if done.returncode != text_process.READ:
        logger.info("a file could not be read: exit code %d", done.returncode)
        return None
    return done.stdout.decode("utf-8", "replace")


#: `python -I` takes neither the folder it stands in nor variables of the environment into the path of modules.
_START = "import sys; sys.path.append(sys.argv.pop(1)); from core.text_process import main; sys.exit(main())"


def personal_numbers_in(content: bytes, content_type: str) -> list[str]:
    """Kinds and masked numbers found, in words; [UNREADABLE] when the file cannot be read."""
    text = text_of(content, content_type)
    if text is None:
        return [UNREADABLE]
    found = [f"{LABELS[finding.kind]} {finding.masked}" for finding in scan(text)]
    return list(dict.fromkeys(found))[:MOST_FOUND]
