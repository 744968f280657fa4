"""The real web server over a test database, for browsers and for clients that race."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from qiantang_nest.core.settings import Settings
from tests import run_folder
from tests.run_folder import TestDatabase

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class LiveServer:
    """`app` is the application in this process, on the same database and keys: for making rows, committed."""

    url: str
    app: Flask
    database: TestDatabase
    log: Path
    pid: int


@contextlib.contextmanager
def serving(
    app: Flask,
    database: TestDatabase,
    folder: Path,
    *,
    processes: int = 1,
    threads: int = 4,
    variables: Mapping[str, str] | None = None,
) -> Iterator[LiveServer]:
    """gunicorn on a free port of this machine. `variables` go on top of the settings (`CLOCK_START`)."""
    mark = f"qiantang-test={secrets.token_hex(8)}"
    log = folder / "gunicorn.log"
    with socket.socket() as listener, log.open("wb") as out:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        python = [sys.executable, "-X", mark, "-m"]
        process = subprocess.Popen(
            [
                *python,
                "gunicorn",
                "--config=gunicorn.conf.py",
                f"--bind=fd://{listener.fileno()}",
                "wsgi:app",
            ],
            cwd=ROOT,
            env=_environment(app, processes, threads, variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=(listener.fileno(),),
            start_new_session=True,
        )
    note = run_folder.note_process(process, mark)
    try:
        _wait(url, process, log)
        yield LiveServer(url, app, database, log, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        note.unlink()


def _environment(app: Flask, processes: int, threads: int, variables: Mapping[str, str]) -> dict[str, str]:
    settings: Settings = app.extensions["settings"]
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **inherited,
        "PYTHONUTF8": "1",
        "DATABASE_URL": settings.database_url,
        "INSTANCE_PATH": str(settings.instance_path),
        "MEDIA_PATH": str(settings.media_path),
        # The same keys, so that what a test seals or signs can be read by the server.
        "SECRET_KEY": settings.secret_key,
        "FIELD_KEYS": ",".join(f"{number}:{key.hex()}" for number, key in settings.field_keys.items()),
        "HASH_KEY": settings.hash_key.hex(),
        "WEB_PROCESSES": str(processes),
        "WEB_THREADS": str(threads),
        **variables,
    }


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            opener.open(f"{url}/healthz", timeout=5).close()
            return
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The web server did not start:\n{log.read_text()[-3000:]}") from None
        time.sleep(0.05)
