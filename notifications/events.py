"""What notices themselves announce."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True)
class MailRequested(Event):
    """A delivery by mail waits; the outbox carries it out and tries again while the mail server is down."""

    topic: ClassVar[str] = "notifications.delivery.mail_requested"
    delivery_id: int
