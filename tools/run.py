"""Serve 钱塘巢 on this machine: database, migrations, web server and background worker, until Ctrl-C.

`make run` calls it. Variables: PORT (8000), HOST (127.0.0.1), INSTANCE_PATH (./instance), DATABASE_URL and
DATABASE_OWNER_URL (an own PostgreSQL, 15 or newer), DEMO_SCALE (0.01; 0 loads no demo).

Everything started here carries a token in its command line. The token is written down before the first
start, so after `kill -9` the next run finds what was left behind and ends it, and nothing else.
"""

import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from qiantang_nest.core.postgres_server import (
    PostgresServerError,
    Server,
    command_line,
    data_root_of,
    ensure_running,
)
from tools.translations import compile_catalogues

ROOT = Path(__file__).resolve().parent.parent
OLDEST_POSTGRES = 15
RESTARTS_PER_MINUTE = 5


class CannotRunError(Exception):
    """Why this machine cannot serve now, in a sentence for the person at the keyboard."""


class StopAsked(BaseException):
    """A signal asked us to stop. No error: nothing but `serve` and `main` may catch it."""


class Signals:
    """Ctrl-C, TERM and HUP become `StopAsked`, but never in the middle of starting or stopping something."""

    def __init__(self) -> None:
        self.asked = False
        self.holding = False

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._arrived)

    def _arrived(self, number: int, frame: Any) -> None:
        self.asked = True
        if not self.holding:
            raise StopAsked

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """What is started inside is also known to us before a signal can be acted on."""
        self.holding = True
        try:
            yield
        finally:
            self.holding = False
        if self.asked:
            raise StopAsked

    def ignore(self) -> None:
        self.holding = True


signals = Signals()


def say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(text, flush=True)


@dataclass
class Child:
    """A program kept running: started again when it dies, a few times a minute at most."""

    name: str
    command: list[str]
    environment: dict[str, str]
    descriptors: tuple[int, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    deaths: list[float] = field(default_factory=list)

    def start(self) -> None:
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop things in order.
        with signals.held():
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                pass_fds=self.descriptors,
                start_new_session=True,
            )

    def look_after(self) -> None:
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        self.deaths = [moment for moment in self.deaths if now - moment < 60] + [now]
        how = describe_end(self.process.returncode)
        if len(self.deaths) > RESTARTS_PER_MINUTE:
            raise CannotRunError(f"The {self.name} {how} again and again; see its messages above.")
        say(f"The {self.name} {how}; starting it again.")
        time.sleep(0.5)
        self.start()

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def stop(self, patience: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def describe_end(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"stopped by itself (code {code})"


def main() -> int:
    signals.listen()
    try:
        host, port = os.environ.get("HOST") or "127.0.0.1", wanted_port()
        instance = Path(os.environ.get("INSTANCE_PATH") or ROOT / "instance").resolve()
        with the_only_run(instance, host, port) as note:
            serve(instance, host, port, note)
    except (CannotRunError, PostgresServerError) as error:
        say(str(error))
        return 1
    except StopAsked:
        pass
    return 0


def serve(instance: Path, host: str, port: int, note: dict[str, Any]) -> None:
    listener = listen(host, port)
    environment = {**os.environ, "INSTANCE_PATH": str(instance), "PYTHONUTF8": "1"}
    database: Server | None = None
    children: list[Child] = []
    try:
        if os.environ.get("DATABASE_URL"):
            wait_for_database(os.environ["DATABASE_URL"])
            owner_url = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
        else:
            with signals.held():
                database = ensure_running(data_root_of(instance))
            environment["DATABASE_URL"], owner_url = database.app_url, database.owner_url
        compile_catalogues()
        prepared = prepare({**environment, "DATABASE_OWNER_URL": owner_url})
        # What serves the web holds no rights to alter tables.
        environment["DATABASE_OWNER_URL"] = environment["DATABASE_URL"]
        python = [sys.executable, "-X", f"qiantang={note['token']}", "-m"]
        web = Child(
            "web server",
            [
                *python,
                "gunicorn",
                "--config=gunicorn.conf.py",
                f"--bind=fd://{listener.fileno()}",
                "wsgi:app",
            ],
            environment,
            (listener.fileno(),),
        )
        children.append(web)
        if prepared["worker"]:
            children.append(
                Child("background worker", [*python, "flask", "--app", "wsgi", "worker"], environment)
            )
        for child in children:
            child.start()
        wait_for_pages(host, port, web)
        announce(host, port, prepared["logins"], database)
        watch(children, instance, database)
    except StopAsked:
        say("\nStopping.")
    finally:
        signals.ignore()  # a second Ctrl-C must not leave half of it running
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop(patience=20)
        listener.close()
        if database is not None:
            database.stop()
    say("Stopped.")


def watch(children: list[Child], instance: Path, database: Server | None) -> None:
    """Until a signal: start again what dies, the database too; stop when the `make` above us is gone."""
    parent = os.getppid() if os.environ.get("MAKELEVEL") else None
    beat = 0
    while parent is None or os.getppid() == parent:
        time.sleep(0.5)
        for child in children:
            child.look_after()
        beat += 1
        if database is not None and beat % 4 == 0 and database.pid is None:
            say("The database died; starting it again. Nothing that was saved is lost.")
            with signals.held():
                again = ensure_running(data_root_of(instance))
            if again.app_url != database.app_url:
                raise CannotRunError(
                    "The database came back at another address; start again with «make run»."
                )


# --- one run at a time, and what a killed one left ----------------------------------------------------------


@contextlib.contextmanager
def the_only_run(instance: Path, host: str, port: int) -> Iterator[dict[str, Any]]:
    """Hold the instance; end what a killed run left in it. Yields this run's note, already written down."""
    try:
        instance.mkdir(parents=True, exist_ok=True)
        lock = (instance / "run.lock").open("w")
    except OSError as error:
        raise CannotRunError(f"{instance} cannot be written to: {error.strerror}.") from error
    file = instance / "run.json"
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRunError(
                f"It is running already{described(read_note(file))}. Stop that one with Ctrl-C first, "
                "or serve another copy with INSTANCE_PATH and PORT."
            ) from None
        old = read_note(file)
        if old.get("token"):
            end_leftovers(str(old["token"]))
        note = {"token": secrets.token_hex(8), "pid": os.getpid(), "address": f"http://{shown(host)}:{port}"}
        draft = file.with_suffix(".json.new")
        draft.write_text(json.dumps(note))
        draft.replace(file)
        yield note
        file.unlink(missing_ok=True)


def read_note(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def described(note: dict[str, Any]) -> str:
    return f" (process {note['pid']}) at {note['address']}" if {"pid", "address"} <= note.keys() else ""


def end_leftovers(token: str) -> None:
    """End the processes whose command carries a killed run's token."""
    mark = f"qiantang={token}"
    left = [pid for pid in processes() if mark in command_line(pid)]
    if left:
        say("Ending what a killed run left behind.")
    for how, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + patience
        for pid in left:
            if mark in command_line(pid):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, how)
        while left and time.monotonic() < deadline:
            left = [pid for pid in left if mark in command_line(pid)]
            time.sleep(0.05)


def processes() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    listed = subprocess.run(["ps", "-ax", "-o", "pid="], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


# --- steps --------------------------------------------------------------------------------------------------


def wanted_port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise CannotRunError(f"PORT is {text!r}: expected a number from 1 to 65535.")
    return int(text)


def listen(host: str, port: int) -> socket.socket:
    """Take the port ourselves, before anything slow; the web server gets it handed over."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except PermissionError:
        raise CannotRunError(f"Port {port} needs more rights. Choose another: PORT=8000 make run") from None
    except OSError as error:
        other = port + 1 if port < 65535 else 8000
        raise CannotRunError(
            f"Port {port} of {host} cannot be used ({error.strerror}); another program may have it. "
            f"Choose another: PORT={other} make run"
        ) from None
    return listener


def wait_for_database(url: str, seconds: float = 60) -> None:
    """An own server may start at the same time as we do. Raises when it is absent or too old."""
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    deadline = time.monotonic() + seconds
    waiting = False
    while True:
        try:
            with psycopg.connect(plain, connect_timeout=5) as connection:
                version = connection.info.server_version
            break
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            if time.monotonic() > deadline or "authentication" in reason or "does not exist" in reason:
                raise CannotRunError(f"The database of DATABASE_URL cannot be reached: {reason}") from None
        except psycopg.Error as error:
            raise CannotRunError(f"DATABASE_URL is not an address of PostgreSQL: {error}") from None
        if not waiting:
            say("Waiting for the database of DATABASE_URL.")
            waiting = True
        time.sleep(1)
    if version < OLDEST_POSTGRES * 10_000:
        raise CannotRunError(
            f"The database of DATABASE_URL is PostgreSQL {version // 10_000}; "
            f"{OLDEST_POSTGRES} or newer is needed."
        )


def prepare(environment: dict[str, str]) -> dict[str, Any]:
    """Migrate, load places and demo; its words go to the terminal, its answer comes back on a pipe."""
    scale = os.environ.get("DEMO_SCALE") or "0.01"
    answer_from, answer_to = os.pipe()
    with signals.held():
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.prepare", scale, str(answer_to)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=(answer_to,),
            start_new_session=True,
        )
    os.close(answer_to)
    try:
        with os.fdopen(answer_from, encoding="utf-8") as pipe:
            answer = pipe.read()
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code or not answer:
        raise CannotRunError("The database could not be prepared; the reason is above.")
    return dict(json.loads(answer))


def wait_for_pages(host: str, port: int, web: Child, seconds: float = 60) -> None:
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, shown(host))  # noqa: S104 -- asked for by HOST
    deadline = time.monotonic() + seconds
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy has no part in this
    while True:
        with contextlib.suppress(urllib.error.HTTPError):
            try:
                opener.open(f"http://{local}:{port}/healthz", timeout=5).close()
                return
            except urllib.error.HTTPError:
                return  # it answers; what it says is the application's matter
            except OSError:
                pass
        if web.process is not None and web.process.poll() is not None:
            raise CannotRunError(
                f"The web server {describe_end(web.process.returncode)}; the reason is above."
            )
        if time.monotonic() > deadline:
            raise CannotRunError("The web server does not answer; the reason may be above.")
        time.sleep(0.1)


def shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def announce(host: str, port: int, logins: str, database: Server | None) -> None:
    say(f"\n钱塘巢 Qiantang Nest is at http://{shown(host)}:{port}")
    if database is not None:
        say(f"Its PostgreSQL keeps the data in {database.data}")
        say("and tells its address with «.venv/bin/flask --app wsgi db-url».")
    if logins.strip():
        say("\n" + logins.rstrip())
    say("\nCtrl-C stops everything.")


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
