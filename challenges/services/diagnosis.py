"""Whose fault a failure at the opening is: the one envelope's or file's, or the platform's (docs/adr/0011).

An error's kind does not tell: a bidder's damaged file makes a library seek before the beginning, which is an OSError
like a broken disk's. So whatever a step raises beside its own refusals is diagnosed: the step is taken once more; if it
fails again, a control is opened the same way: an envelope and a file of our own making that are known to be sound.
Where the control fails too, the trouble is the platform's: the ceremony stops, nothing is disclosed, and the last step
may be repeated. Where the control is well, this one input is peculiar, and the others are opened.
"""

import errno
import io
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar, cast
from uuid import uuid4

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.temp import NamedTemporaryFile
from django.db import transaction
from django.utils.translation import gettext as _

from challenges.models import Challenge
from challenges.sealing import keys
from challenges.sealing.containers import Attachment
from challenges.sealing.envelopes import EnvelopeContext, open_envelope, seal_envelope
from core.attachments import attach_checked
from core.errors import ServiceUnavailable

logger = logging.getLogger("marketplace.sealing")

Result = TypeVar("Result")
Sinks = list[tuple[str, File]]
PIECE = 1 << 20
#: What no input can bring about: the disk, the mount, the process's limits.
PLATFORM_ERRNO = frozenset(
    {
        errno.EIO,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENODEV,
        errno.ENXIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
    }
)
CONTROL_NAME = "control.png"
#: A picture of one point: passes every check a file has to pass.
CONTROL_FILE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe0def46b8"
    "0000000049454e44ae426082"
)


class OpeningInterrupted(ServiceUnavailable):
    """The platform's own trouble: nothing was disclosed, the last step may be repeated when it is over."""

    code = "opening_interrupted"

    def __init__(self) -> None:
        super().__init__(
            str(
                _(
                    "平台的数据库、存储或密钥暂时不可用，开启中断，没有公布任何内容，也没有判定任何标书。"
                    "请联系运维人员处理，恢复后由最后一位开启人重做这一步。"
                )
            )
        )


class Peculiar(Exception):
    """This one input fails, and fails again, where a sound one passes. `cause` is the kind of error, not its words."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def tell(step: str, error: BaseException) -> None:
    """Log where it happened and what kind of error it was; its words and values may quote the bid, so never those."""
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    logger.error("%s failed: %s\n%s", step, cause_of(error), frames)


def cause_of(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def diagnosed(
    step: Callable[[], Result], *, refusals: tuple[type[Exception], ...], control: Callable[[], None], what: str
) -> Result:
    """What `step` returns. Its `refusals` pass through; anything else ends as Peculiar or OpeningInterrupted."""
    passing: tuple[type[Exception], ...] = (*refusals, OpeningInterrupted, Peculiar)
    failure: Exception | None = None
    for _attempt in range(2):
        try:
            return step()
        except passing:
            raise
        except Exception as error:
            tell(what, error)
            if isinstance(error, OSError) and error.errno in PLATFORM_ERRNO:
                raise OpeningInterrupted from error
            failure = error
    try:
        control()
    except Exception as error:
        tell("the control", error)
        raise OpeningInterrupted from error
    raise Peculiar(cause_of(cast(Exception, failure))) from failure


@contextmanager
def attachment_sinks() -> Iterator[tuple[Sinks, Callable[[str, str, int], BinaryIO]]]:
    """Temporary files for what is in an envelope; gone again unless they were kept beside the bid."""
    sinks: Sinks = []

    def sink_for(name: str, _media_type: str, _size: int) -> BinaryIO:
        file = NamedTemporaryFile()
        sinks.append((name, File(file, name=name)))
        return cast(BinaryIO, file)

    try:
        yield sinks, sink_for
    finally:
        for _name, file in sinks:
            file.close()


def control_opening(challenge: Challenge, kind: str, private_key: bytes, size: int) -> None:
    """Open a sound envelope and keep its file, as bids are, and take both back; raises whatever goes wrong.

    As much room is asked for in the folder of temporary files as the failed one needs (bytes), some in the storage.
    """
    context = EnvelopeContext(challenge.suite, str(challenge.public_id), kind, "control", str(uuid4()), 1)
    sealed = io.BytesIO()
    attached = Attachment(CONTROL_NAME, "image/png", len(CONTROL_FILE), io.BytesIO(CONTROL_FILE))
    attachments = [attached] if kind == "technical" else []
    seal_envelope(sealed, keys.public_key_of(private_key), context, {}, attachments)
    sealed.seek(0)
    with transaction.atomic(), attachment_sinks() as (sinks, sink_for):
        open_envelope(sealed, private_key, context, sink_for)
        for _name, file in sinks:
            file.flush()
        control_file(challenge)
        Challenge.objects.filter(pk=challenge.pk).update(content_key=challenge.content_key)
        transaction.set_rollback(True)
    _ask_for_room(size)


def control_file(challenge: Challenge) -> None:
    """A sound file is judged, kept under the challenge's data key, and taken back; raises whatever goes wrong."""
    with transaction.atomic():
        file = File(io.BytesIO(CONTROL_FILE), name=CONTROL_NAME)
        kept = attach_checked(subject=challenge, file=file, purpose="control", content_key=challenge.content_key)
        kept.file.storage.delete(kept.file.name)
        transaction.set_rollback(True)


def _ask_for_room(size: int) -> None:
    with NamedTemporaryFile() as file:
        for start in range(0, size, PIECE):
            file.write(bytes(min(PIECE, size - start)))
        file.flush()
    name = default_storage.save(f"aside/control-{uuid4().hex}", ContentFile(CONTROL_FILE))
    try:
        with default_storage.open(name) as stored:
            if stored.read() != CONTROL_FILE:
                raise OSError(errno.EIO, "the storage gives back other bytes than it was given")
    finally:
        default_storage.delete(name)
