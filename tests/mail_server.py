"""A real SMTP server on loopback that does what a test asks: answer, refuse, hang up, or take its time."""

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class MailServer:
    """`answers` by command ("RCPT", "DATA"); `hang_up` at "RCPT", "DATA" (unread) or "TAKEN" (read, not answered).

    `when_taken` is called, in the server's thread, after a mail was taken and before the answer is given.
    """

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.hang_up = ""
        self.when_taken: Callable[[Message], None] = lambda _mail: None
        self.taken: list[Message] = []
        self._lock = threading.Lock()
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def by_message_id(self) -> Counter[str]:
        """How often each mail was taken."""
        with self._lock:
            return Counter(mail["Message-ID"] for mail in self.taken)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.hang_up == "RCPT":
            server.transport.abort()
        answer = self.answers.get("RCPT", "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.get("DATA", "250 OK")
        if answer.startswith("250"):
            mail = message_from_bytes(envelope.content)
            with self._lock:
                self.taken.append(mail)
            self.when_taken(mail)
        if self.hang_up == "TAKEN":
            server.transport.abort()
        return answer

    def start(self) -> None:
        """Listen, in a thread of its own; also again after `stop`, on the same port."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """The server runs for the enclosed block."""
    server = MailServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
