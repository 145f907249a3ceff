"""S5: a sealed bid with unique words and a unique price is looked for wherever the platform could have left it.

The words are looked for raw, as UTF-16 and UTF-32, GB 18030, JSON escapes, percent, hex and base64 at every alignment,
and inside gzip and zlib streams; in files, in a dump of the database and in the memory of running processes.
"""

import base64
import json
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.sealing.envelopes import EnvelopeContext, seal_envelope
from tests.mail_server import free_port
from tests.production.environment import ROOT, production_environment
from tests.production.installation import until

MOST_INFLATED = 4 << 20
PIECE = 32 << 20
OVERLAP = 1 << 12
#: First bytes of a compressed stream and how zlib is told to read it.
COMPRESSED = ((b"\x1f\x8b\x08", 31), (b"\x78\x01", 15), (b"\x78\x5e", 15), (b"\x78\x9c", 15), (b"\x78\xda", 15))


@dataclass(frozen=True)
class Canary:
    """What only the bidder knows."""

    phrase: str
    word: str
    price_fen: int

    def needles(self) -> dict[str, list[bytes]]:
        """Every form looked for, by what it is a form of."""
        return {
            "phrase": _forms(self.phrase),
            "word": _forms(self.word),
            "price": [form for text in (str(self.price_fen), f"{self.price_fen / 100:,.2f}") for form in _forms(text)],
        }


def make_canary() -> Canary:
    """Words and a price that stand nowhere else, by chance."""
    phrase = "".join(chr(0x4E00 + secrets.randbelow(0x4000)) for _place in range(12))
    return Canary(phrase, f"canary{secrets.token_hex(10)}", 100_000_000 + secrets.randbelow(150_000_000))


def _forms(text: str) -> list[bytes]:
    escaped = json.dumps(text).strip('"')
    forms = {
        text.encode(),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        text.encode("utf-32-le"),
        text.encode("gb18030"),
        escaped.encode(),
        escaped.replace("\\", "\\\\").encode(),
        urllib.parse.quote(text).encode(),
        text.encode().hex().encode(),
        text.encode().hex().upper().encode(),
    }
    for data in (text.encode(), text.encode("utf-16-le")):
        for shift in range(3):
            whole = (shift + len(data)) // 3 * 4
            encoded = base64.b64encode(bytes(shift) + data)[(0, 2, 3)[shift] : whole]
            forms |= {encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))}
    return sorted(forms)


def found_in(data: bytes, needles: Mapping[str, Iterable[bytes]]) -> set[str]:
    """What of the canary stands in `data`, plain or inside compressed streams."""
    found = _plain(data, needles)
    for start, window in COMPRESSED:
        for hit in re.finditer(re.escape(start), data):
            found |= _plain(_inflated(data, hit.start(), window), needles)
    return found


def _plain(data: bytes, needles: Mapping[str, Iterable[bytes]]) -> set[str]:
    return {name for name, forms in needles.items() if any(form in data for form in forms)}


def _inflated(data: bytes, start: int, window: int) -> bytes:
    """What of a stream can be read; nothing if it only looked like one."""
    reader, read = zlib.decompressobj(window), b""
    for position in range(start, min(len(data), start + MOST_INFLATED), 4096):
        try:
            read += reader.decompress(data[position : position + 4096], MOST_INFLATED)
        except zlib.error:
            break
        if reader.eof or len(read) > MOST_INFLATED:
            break
    return read


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            try:
                yield str(path.relative_to(folder)), path.read_bytes()
            except FileNotFoundError:  # a temporary file that ended meanwhile
                continue


def memory_of(pid: int, *, shared: bool = True) -> Iterator[bytes]:
    """What a process holds: every readable part that is not the unchanged content of a file."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            fields = line.split()
            span, rights, backed = fields[0], fields[1], fields[4] != "0"
            name = fields[5] if len(fields) > 5 else ""
            if rights[0] != "r" or (backed and rights[1] != "w") or name.startswith("[v"):
                continue
            if rights[3] == "s" and not shared:
                continue
            begin, end = (int(part, 16) for part in span.split("-"))
            for position in range(begin, end, PIECE):
                try:
                    memory.seek(position)
                    yield memory.read(min(PIECE + OVERLAP, end - position))
                except OSError:
                    break


def processes_below(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += processes_below(int(child))
    return found


# --- an installation and its bidder -------------------------------------------------------------------------------


class Installation:
    """`manage.py serve` on a database of its own: SQLite, or a PostgreSQL cluster of the drill's own (`cluster`).

    With `servers`, the folder of running Redis, RabbitMQ and Elasticsearch (drills/services), the production profile
    uses them, and they are searched like everything else.
    """

    def __init__(self, folder: Path, cluster: Any = None, servers: Path | None = None) -> None:
        self.folder, self.cluster, self.servers = folder, cluster, servers
        self.outside = folder.with_name(folder.name + "-outside")
        for path in (folder, self.outside, folder / "tmp", folder / "mail", folder / "search"):
            path.mkdir(exist_ok=True)
        self.port = free_port()
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith(("DJANGO_", "TEST_"))},
            "MARKETPLACE_VAR_DIR": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "DJANGO_SETTINGS_MODULE": "marketplace.settings.dev",
            "PYTHONWARNINGS": "ignore",
        }
        if cluster is not None:
            self.environment = production_environment(
                DATABASE_URL=cluster.url(),
                BROKER_URL=os.environ["TEST_BROKER_URL"] if servers else "amqp://nobody:x@127.0.0.1:1//",
                CACHE_URL=os.environ["TEST_REDIS_URL"] if servers else "redis://127.0.0.1:1/0",
                SEARCH_URL=os.environ["TEST_SEARCH_URL"] if servers else f"embedded://{folder / 'search'}",
                EMAIL_URL=f"filemail:///{folder / 'mail'}",
                MARKETPLACE_VAR_DIR=str(folder),
                DJANGO_STATIC_ROOT=str(self.outside / "static"),
                DJANGO_ALLOWED_HOSTS="127.0.0.1",
                SEALING_SIGNING_KEY=base64.b64encode(os.urandom(32)).decode(),
                CONTENT_KEYS=base64.urlsafe_b64encode(os.urandom(32)).decode(),
                TMPDIR=str(folder / "tmp"),
                PYTHONWARNINGS="ignore",
            )
        self.server: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
        return done.stdout

    def step(self, name: str, *words: str) -> dict[str, Any]:
        output = self.run("-m", "tests.canary_steps", name, str(self.outside / "officers.json"), *words)
        return json.loads(output.strip().splitlines()[-1])

    def prepare(self) -> dict[str, Any]:
        """Tables, code tables, a call; the server runs from here on."""
        for command in (("migrate", "--verbosity", "0"), ("load_classification",), ("load_workdays", "2025", "2026")):
            self.run("manage.py", *command)
        self.run("manage.py", "collectstatic", "--no-input", "--verbosity", "0")
        ground = self.step("build")
        with (self.folder / "serve.log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", str(self.port)],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(lambda: self.ask("/livez")[0] == 200, seconds=120, what="the server answers")
        return ground

    def ask(self, path: str, cookies: str = "", body: bytes | None = None, kind: str = "application/json") -> Any:
        """(status, content) of a request of somebody signed in."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body)
        request.add_header("Accept", "application/json")
        if self.cluster is not None:  # as behind nginx
            request.add_header("X-Forwarded-Proto", "https")
            request.add_header("Referer", f"https://127.0.0.1:{self.port}/")
        if cookies:
            request.add_header("Cookie", cookies)
        if body is not None:
            request.add_header("Content-Type", kind)
            request.add_header("X-CSRFToken", "c" * 32)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def told(self, path: str, cookies: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        status, content = self.ask(path, cookies, body, kind)
        assert status in (200, 201), f"{path}: {status} {content[:500]!r}"
        return json.loads(content)

    def waiting(self) -> int:
        """Deliveries of the outbox that are not done."""
        statement = "SELECT count(*) FROM core_outboxdelivery WHERE state <> 'done'"
        if self.cluster is not None:
            with psycopg.connect(self.cluster.url()) as connection:
                return int(connection.execute(statement).fetchone()[0])
        connection = sqlite3.connect(f"file:{self.folder / 'marketplace.sqlite3'}?mode=ro", uri=True)
        try:
            return int(connection.execute(statement).fetchone()[0])
        finally:
            connection.close()

    def stop(self) -> None:
        if self.server is not None and self.server.poll() is None:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait(10)


def hand_in(installation: Installation, ground: Mapping[str, Any], canary: Canary) -> dict[str, int]:
    """As the bidder's browser does it: draft encrypted here, both envelopes sealed here; the envelopes' sizes.

    The words exist only in this process, which is no part of the installation.
    """
    place = f"/desk/challenges/items/{ground['code']}/seal"
    cookies = ground["bidder"]
    status, page = installation.ask(f"{place}/", cookies)
    assert status == 200, page[:500]
    ticket = installation.told(f"{place}/ticket.json", cookies)
    manifest = {
        "members": [
            {**_own(ticket), "role": "lead", "share_percent": "100"},
        ],
        "answers": {str(row["sequence"]): {"promise": canary.word} for row in ticket["call"]["indicators"]},
        "plan": canary.phrase,
        "route": canary.word,
        "leader": "王工",
        "team": [{"name": "王工", "title": "高级工程师"}],
    }
    price = {"total_fen": canary.price_fen, "grant_fen": canary.price_fen, "own_fen": 0}
    words = json.dumps({"manifest": manifest, "price": price}).encode()
    nonce = os.urandom(12)
    draft = encode_bytes(nonce + AESGCM(os.urandom(32)).encrypt(nonce, words, None))
    body = json.dumps({"ciphertext": draft, "revision": ticket["draft"]["revision"]}).encode()
    installation.told(f"{place}/draft/", cookies, body)
    uploaded, sizes = [], {}
    for envelope in ticket["call"]["envelopes"]:
        kind = envelope["kind"]
        context = EnvelopeContext(
            ticket["call"]["suite"],
            ticket["call"]["challenge"],
            kind,
            ticket["organisation"]["id"],
            ticket["bid"],
            ticket["version"],
        )
        sink = BytesIO()
        content = manifest if kind == "technical" else price
        seal_envelope(sink, decode_bytes(envelope["public_key"]), context, content, [])
        answer = installation.told(f"{place}/upload/{kind}/", cookies, sink.getvalue(), "application/octet-stream")
        uploaded.append(answer["id"])
        sizes[kind] = answer["size"]
    body = json.dumps({"envelopes": uploaded, "idempotency_key": secrets.token_hex(16)}).encode()
    receipt = installation.told(f"{place}/finalise/", cookies, body)
    assert receipt["version"] == ticket["version"]
    until(lambda: installation.waiting() == 0, seconds=120, what="the outbox is empty")
    return sizes


def _own(ticket: Mapping[str, Any]) -> dict[str, str]:
    return {name: ticket["organisation"][name] for name in ("unified_code", "name")}


def search(installation: Installation, canary: Canary) -> dict[str, Any]:
    """Where what of the canary is found ("hits": {place: [what]}), and how much was searched."""
    needles, hits = canary.needles(), {}
    counted = {"files": 0, "file_bytes": 0, "processes": 0, "memory_bytes": 0, "dump_bytes": 0}

    def look(place: str, data: bytes) -> None:
        found = found_in(data, needles)
        if found:
            hits.setdefault(place, set()).update(found)

    folders = [installation.folder]
    watched = [(pid, True) for pid in processes_below(installation.server.pid)] if installation.server else []
    if installation.cluster is not None:
        folders.append(installation.cluster.folder)
        # What PostgreSQL's processes share is read once.
        watched += [(pid, number == 0) for number, pid in enumerate(installation.cluster._processes())]
        dump = subprocess.run(
            [str(installation.cluster.programs / "pg_dump"), installation.cluster.url()],
            capture_output=True,
            check=True,
        ).stdout
        counted["dump_bytes"] = len(dump)
        look("pg_dump", dump)
    if installation.servers is not None:
        folders += [path for path in sorted(installation.servers.iterdir()) if path.is_dir()]
        pids = [int(line) for line in (installation.servers / "pids").read_text(encoding="ascii").split()]
        watched += [(one, True) for pid in pids for one in (pid, *processes_below(pid))]
    for folder in folders:
        for name, data in files_below(folder):
            counted["files"] += 1
            counted["file_bytes"] += len(data)
            look(f"{folder.name}/{name}", data)
    for pid, shared in watched:
        try:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
            for data in memory_of(pid, shared=shared):
                counted["memory_bytes"] += len(data)
                look(f"memory of {name} {pid}", data)
        except (FileNotFoundError, ProcessLookupError):  # a connection's process that ended meanwhile
            continue
        counted["processes"] += 1
    return {**counted, "hits": {place: sorted(found) for place, found in sorted(hits.items())}}


def hits_after_opening(installation: Installation, ground: Mapping[str, Any], canary: Canary) -> dict[str, list[str]]:
    """What the same search finds in files once all is opened, in memory after a page showed it, and in files after the
    words were written in the clear (the search's own proof): {"at rest": …, "remembered": …, "written plainly": …}.
    """
    bid = installation.step("open")["bid"]
    status, page = installation.ask(f"/desk/challenges/bids/{bid}/", ground["handler"])
    assert (status, canary.phrase in page.decode()) == (200, True)
    opened = search(installation, canary)["hits"]
    installation.step("write_plainly", canary.phrase, canary.word, str(canary.price_fen))
    written = search(installation, canary)["hits"]

    def what(hits: Mapping[str, Iterable[str]], *, memory: bool) -> list[str]:
        return sorted({one for place, found in hits.items() if ("memory" in place) is memory for one in found})

    return {
        "at rest": what(opened, memory=False),
        "remembered": what(opened, memory=True),
        "written plainly": what(written, memory=False),
    }


def price_sizes(installation: Installation, ground: Mapping[str, Any]) -> set[int]:
    """Sizes of price envelopes of very different amounts, sealed for this call."""
    ticket = installation.told(f"/desk/challenges/items/{ground['code']}/seal/ticket.json", ground["bidder"])
    key = next(one["public_key"] for one in ticket["call"]["envelopes"] if one["kind"] == "price")
    call = ticket["call"]
    context = EnvelopeContext(
        call["suite"], call["challenge"], "price", ticket["organisation"]["id"], ticket["bid"], ticket["version"]
    )
    sizes = set()
    for total, items in ((1, 0), (250_000_000, 1), (999_999_999_999, 12)):
        content = {
            "total_fen": total,
            "grant_fen": total,
            "own_fen": 0,
            "items": [{"name": f"第{number}项设备购置费", "amount_fen": total} for number in range(items)],
        }
        sink = BytesIO()
        seal_envelope(sink, decode_bytes(key), context, content, [])
        sizes.add(len(sink.getvalue()))
    return sizes
