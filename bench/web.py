"""The production server, as `make run` starts it, over one of the districts."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.district import ROOT, District

PROCESSES, THREADS = 2, 8


@dataclass(frozen=True)
class WebServer:
    """A running gunicorn: where it listens, and its first process."""

    port: int
    pid: int

    def worker_pids(self) -> list[int]:
        """The processes that answer requests."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children]


@contextlib.contextmanager
def serving(district: District) -> Iterator[WebServer]:
    """gunicorn with the settings of gunicorn.conf.py on a free port of this machine."""
    log = Path(district.variables["INSTANCE_PATH"]) / "gunicorn.log"
    with socket.socket() as listener, log.open("wb") as out:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--config=gunicorn.conf.py"),
                *(f"--bind=fd://{listener.fileno()}", "wsgi:app"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                **district.variables,
                "WEB_PROCESSES": str(PROCESSES),
                "WEB_THREADS": str(THREADS),
            },
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=(listener.fileno(),),
        )
    try:
        _wait(port, process, log)
        yield WebServer(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the web server did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)
