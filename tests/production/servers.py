"""Servers of a drill's own, on loopback and free ports, that may be killed: nobody else uses them."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.mail_server import free_port
from tests.production.installation import takes_connections, until

PASSWORD = "drill-only"
RABBITMQ_BIN = Path("/usr/lib/rabbitmq/bin")


def as_user(name: str) -> list[str]:
    """Servers drop to their own users when we are root."""
    return ["runuser", "-u", name, "--preserve-environment", "--"] if os.getuid() == 0 else []


def give(folder: Path, user: str) -> None:
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", user, str(folder)], check=True)


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


class Redis:
    """Redis that keeps nothing: killed, it has forgotten everything."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self._answers, seconds=15, what="Redis answers")

    def _answers(self) -> bool:
        asked = subprocess.run(["redis-cli", "-p", str(self.port), "ping"], capture_output=True, check=False)
        return asked.stdout.strip() == b"PONG"

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    stop = kill


class RabbitMQ:
    """One RabbitMQ node beside the one of `make services`, under a name and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(mode=0o755)
        for name in ("log", "mnesia"):
            (folder / name).mkdir()
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n", encoding="ascii")
        cookie = folder / ".erlang.cookie"
        cookie.write_text(os.urandom(9).hex(), encoding="ascii")
        cookie.chmod(0o400)
        give(folder, "rabbitmq")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": "14369",
            "RABBITMQ_NODENAME": f"drill{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        self._known = False

    @property
    def url(self) -> str:
        return f"amqp://marketplace:{PASSWORD}@127.0.0.1:{self.port}/marketplace"

    def _control(self, *arguments: str) -> bool:
        asked = subprocess.run(
            [*as_user("rabbitmq"), str(RABBITMQ_BIN / "rabbitmqctl"), "-q", *arguments],
            env=self.environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return asked.returncode == 0

    def start(self) -> None:
        with (self.folder / "out").open("ab") as out:
            subprocess.Popen(
                [*as_user("rabbitmq"), str(RABBITMQ_BIN / "rabbitmq-server")],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        until(lambda: self._control("await_startup", "--timeout", "5"), seconds=120, what="RabbitMQ has started")
        if not self._known:
            for arguments in (
                ("add_user", "marketplace", PASSWORD),
                ("add_vhost", "marketplace"),
                ("set_permissions", "-p", "marketplace", "marketplace", ".*", ".*", ".*"),
            ):
                assert self._control(*arguments), arguments
            self._known = True

    def kill(self) -> None:
        """`kill -9` for the node, by its recorded process id."""
        path = self.folder / "pid"
        if not path.exists():
            return
        pid = int(path.read_text(encoding="ascii"))
        if not _gone(pid):
            os.kill(pid, signal.SIGKILL)
            until(lambda: _gone(pid), seconds=10, what="RabbitMQ is gone")

    stop = kill


class PostgreSQL:
    """A cluster of its own, durable as in production (fsync and synchronous_commit are on)."""

    def __init__(self, folder: Path, settings: str = "", log_folder: Path | None = None) -> None:
        """`log_folder`: where the write-ahead log lies, if not beside the data."""
        self.settings = settings
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not programs:
            raise FileNotFoundError("PostgreSQL is missing: apt-get install postgresql-15")
        self.programs, self.folder, self.port = programs[-1], folder, free_port()
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "password").write_text(PASSWORD, encoding="ascii")
        give(folder, "postgres")
        options = ["-D", str(folder / "data"), "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256"]
        if log_folder is not None:
            log_folder.mkdir(mode=0o700)
            give(log_folder, "postgres")
            options += ["--waldir", str(log_folder)]
        self._run("initdb", *options)

    def _run(self, program: str, *arguments: str) -> None:
        more = ["-U", "postgres", f"--pwfile={self.folder / 'password'}"] if program == "initdb" else []
        subprocess.run(
            [*as_user("postgres"), str(self.programs / program), *arguments, *more],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd="/",
            timeout=120,
        )

    def url(self, database: str = "postgres") -> str:
        return f"postgres://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self, *, wait: bool = True) -> float:
        """Returns the seconds until the server takes connections, recovery included."""
        begun = time.monotonic()
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        settings += f" {self.settings}"
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-W", "-l", str(self.folder / "log"), "-o", settings, "start"
        )
        if wait:
            until(self.answers, seconds=60, what="PostgreSQL takes connections")
        return time.monotonic() - begun

    def answers(self) -> bool:
        return takes_connections(self.url())

    def stop_immediately(self) -> None:
        """No checkpoint, no farewell: what `kill -9` leaves, with the shared memory cleaned up."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """`kill -9` for the postmaster and everything it started; none may live on with the shared memory."""
        lock = self.folder / "data" / "postmaster.pid"
        postmaster = lock.read_text(encoding="ascii").split()[0] if lock.exists() else ""
        until(self._killed, seconds=30, what="PostgreSQL is gone")
        # Where nobody reaps orphans the dead postmaster keeps its process id, and the next one would take it for alive.
        if postmaster and Path("/proc", postmaster).exists():
            for path in (lock, self.folder / f".s.PGSQL.{self.port}.lock"):
                path.unlink(missing_ok=True)

    def _killed(self) -> bool:
        pids = self._processes()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    def is_running(self) -> bool:
        """Whether there is a server, be it one that is recovering."""
        return bool(self._processes())

    def _processes(self) -> list[int]:
        """Every process of the cluster stands in its data folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if os.readlink(entry / "cwd") == str(self.folder / "data") and not _gone(int(entry.name)):
                        found.append(int(entry.name))
        return found

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
