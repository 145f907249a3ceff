"""Bytes kept aside at the opening: encrypted piece by piece under the challenge's data key, read back for evidence."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import partial

from django.core.files.base import File
from django.core.files.temp import NamedTemporaryFile
from django.db import transaction

from challenges.models import Bid, KeptAside
from challenges.sealing.errors import SealingError
from core.content_keys import decrypted, encrypted

PIECE = 1 << 20


def keep_aside(
    bid: Bid, kind: str, pieces: Iterable[bytes], *, name: str, reason: str, by_bidder: bool, cause: str = ""
) -> KeptAside:
    """Keep `pieces` with the reason why they were refused; memory stays at one piece.

    What cannot be decrypted ends the pieces: what came before is kept, and the ciphertext stays where it is anyway.
    """
    digest, size = hashlib.sha256(), 0
    kept = KeptAside(bid=bid, kind=kind, name=name[-255:], reason=reason, by_bidder=by_bidder, cause=cause[:100])
    with NamedTemporaryFile() as file:
        try:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                file.write(encrypted(bid.challenge.content_key, piece) + b"\n")
        except SealingError:
            kept.cause = kept.cause or "SealingError"
        if size:
            file.flush()
            file.seek(0)
            kept.size, kept.sha256 = size, digest.hexdigest()
            kept.file.save("content", File(file), save=False)
    try:
        with transaction.atomic():
            kept.save()
    except Exception:
        forget_file(kept)
        raise
    return kept


def pieces_of_file(file: File) -> Iterator[bytes]:
    """An opened file from its beginning, piece by piece."""
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece


def kept_bytes(kept: KeptAside) -> Iterator[bytes]:
    """What was kept, piece by piece; nothing where only the ciphertext was left."""
    if not kept.file:
        return
    with kept.file.open("rb") as file:
        for line in file:
            yield decrypted(kept.bid.challenge.content_key, line.strip())


def forget_aside(bid: Bid, kind: str) -> None:
    """Before an envelope is opened once more, what an interrupted attempt kept of it goes."""
    for kept in bid.kept_aside.filter(kind=kind):
        kept.delete()
        transaction.on_commit(partial(forget_file, kept))


def forget_file(kept: KeptAside) -> None:
    if kept.file.name:
        kept.file.storage.delete(kept.file.name)
