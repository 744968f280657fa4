"""One folder a test run: its PostgreSQL server, its databases, the processes it started.

The process that pytest was called in (with xdist: the controller) owns the folder, holds a lock on it and
clears it away at the end; workers learn of it through an environment variable and start the server at first
need. A crashed worker therefore leaves nothing. When the controller itself is killed the kernel releases its
lock, and the next run, seeing an unlocked folder, ends what is recorded in it.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qiantang_nest.core import postgres_server
from qiantang_nest.core.postgres_server import APP_ROLE, DATABASE, OWNER_ROLE, Server

VARIABLE = "QIANTANG_TEST_RUN"
PREFIX = "qiantang-test-"
SETTINGS = {"max_connections": "200", "shared_buffers": "128MB", "max_wal_size": "1GB"}


@dataclass(frozen=True)
class TestDatabase:
    """Addresses of one database; rows committed here stay until it is dropped."""

    __test__ = False

    server: Server
    name: str

    @property
    def app_url(self) -> str:
        return self.server.url(self.name, APP_ROLE)

    @property
    def owner_url(self) -> str:
        return self.server.url(self.name, OWNER_ROLE)

    def sql(self, script: str) -> str:
        """Run a script as superuser; rows come back unaligned, one a line."""
        return self.server.sql(script, self.name)


# --- the owner's side ---------------------------------------------------------------------------------------


def open_run() -> tuple[Path, int]:
    """Make this run's folder and take its lock, after clearing away what dead runs left."""
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        _clear_if_dead(folder)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = os.open(folder / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    folder.chmod(0o711)  # as root, the database's own user must be able to pass through
    os.environ[VARIABLE] = str(folder)
    return folder, lock


def close_run(folder: Path, lock: int) -> None:
    end_everything(folder)
    os.close(lock)
    os.environ.pop(VARIABLE, None)


def _clear_if_dead(folder: Path) -> None:
    with contextlib.suppress(OSError):
        state = folder.lstat()
        if state.st_uid != os.geteuid() or time.time() - state.st_mtime < 2:
            return  # another user's, or being made this moment
        lock = os.open(folder / "alive", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held as long as that run lives
            end_everything(folder)
        finally:
            os.close(lock)


def end_everything(folder: Path) -> None:
    for note in (folder / "processes").glob("*.json"):
        pid, mark = json.loads(note.read_text())
        end_process(pid, mark)
    for pid_file in folder.rglob("postmaster.pid"):
        data = pid_file.parent
        with contextlib.suppress(postgres_server.PostgresServerError, OSError, IndexError):
            socket_folder = Path(pid_file.read_text().splitlines()[4])
            Server(data.parent, data, socket_folder, started=False, passwords={}).stop()
    for record in folder.rglob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            shutil.rmtree(json.loads(record.read_text())["socket"])
    shutil.rmtree(folder, ignore_errors=True)


# --- the workers' side --------------------------------------------------------------------------------------


def run_folder() -> Path:
    return Path(os.environ[VARIABLE])


def server() -> Server:
    """The one server of this run, started by whoever needs it first."""
    return postgres_server.ensure_running(run_folder() / "postgres", fsync=False, settings=SETTINGS)


@contextlib.contextmanager
def locked(name: str) -> Iterator[Path]:
    """One worker at a time; yields a marker path to say that something was done once for the run."""
    with (run_folder() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield run_folder() / f"{name}.done"


@contextlib.contextmanager
def cloned_database(name: str, template: str = DATABASE) -> Iterator[TestDatabase]:
    running = server()
    running.create_database(name, template=template)
    try:
        yield TestDatabase(running, name)
    finally:
        running.drop_database(name)


def note_process(process: "subprocess.Popen[bytes]", mark: str) -> Path:
    """Record a process so that it is ended even if this run is killed. `mark` is a word of its command."""
    notes = run_folder() / "processes"
    notes.mkdir(exist_ok=True)
    note = notes / f"{process.pid}.json"
    note.write_text(json.dumps([process.pid, mark]))
    return note


def end_process(pid: int, mark: str, patience: float = 10) -> None:
    """End a process by number, if its command still carries the mark: TERM, then KILL."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + patience
        if not any(mark in word for word in postgres_server.command_line(pid)):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        while time.monotonic() < deadline and postgres_server.command_line(pid):
            time.sleep(0.05)
