"""`make run`: serves, survives what dies, stops all of it, and copes with what a killed run left behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qiantang_nest.core.postgres_server import PostgresNotRunningError, command_line, data_root_of, server_of
from tests import run_folder
from tests.run_folder import TestDatabase
from tools.run import processes

ROOT = Path(__file__).resolve().parents[2]


class Run:
    """One `tools.run` on an instance folder and a free port."""

    def __init__(self, instance: Path, port: int, **variables: str) -> None:
        self.instance, self.url = instance, f"http://127.0.0.1:{port}"
        self.output = instance.parent / f"run-{uuid.uuid4().hex}.txt"
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {"INSTANCE_PATH": str(instance), "PORT": str(port), "DEMO_SCALE": "0", **variables}
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tools.run"], cwd=ROOT, env=environment, stdout=out, stderr=out
            )

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain:\n{self.said()}"
            time.sleep(0.05)

    def until_said(self, text: str) -> None:
        self.until(lambda: text in self.said() or self.process.poll() is not None)
        assert text in self.said()

    def answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with contextlib.suppress(OSError):
            with opener.open(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        return False

    def web_pids(self) -> list[int]:
        mark = f"qiantang={json.loads((self.instance / 'run.json').read_text())['token']}"
        return [pid for pid in processes() if mark in (words := command_line(pid)) and "gunicorn" in words]

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


@pytest.fixture
def port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def start(port: int) -> Iterator[Callable[..., Run]]:
    """Start runs on one instance folder; whatever is left of them is ended after the test."""
    folder = run_folder.run_folder() / "servers" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    runs: list[Run] = []

    def start(**variables: str) -> Run:
        run = Run(folder / "instance", port, **variables)
        run_folder.note_process(run.process, "tools.run")
        runs.append(run)
        return run

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.stop()
    run_folder.end_everything(folder)


def test_it_serves_until_ctrl_c_and_leaves_nothing(start: Callable[..., Run]) -> None:
    run = start()
    run.until_said("Ctrl-C stops everything.")
    assert f"Qiantang Nest is at {run.url}" in run.said()
    assert run.answers()
    web = run.web_pids()
    database = server_of(data_root_of(run.instance))
    assert 2 <= len(web) <= 3, "one that watches, two that serve (the second may still be on its way)"
    for pid in web:
        environment = Path(f"/proc/{pid}/environ").read_text()
        assert database.passwords["qiantang_owner"] not in environment, "who serves pages cannot alter tables"

    second = start()
    assert second.process.wait(60) == 1
    assert f"It is running already (process {run.process.pid}) at {run.url}" in second.said()
    assert run.answers(), "the second try left the first alone"

    assert run.stop() == 0
    assert run.said().endswith("Stopped.\n")
    assert not any(command_line(pid) for pid in web)
    assert database.pid is None
    assert not (run.instance / "run.json").exists()


def test_what_dies_is_started_again(start: Callable[..., Run]) -> None:
    run = start()
    run.until_said("Ctrl-C stops everything.")
    database = server_of(data_root_of(run.instance))
    assert database.pid is not None
    os.kill(database.pid, signal.SIGKILL)
    run.until_said("The database died; starting it again.")
    run.until(run.answers)
    os.kill(min(run.web_pids()), signal.SIGKILL)
    run.until_said("The web server was ended by SIGKILL; starting it again.")
    run.until(run.answers)
    assert run.stop(signal.SIGTERM) == 0


def test_after_kill_9_the_next_run_takes_over(start: Callable[..., Run]) -> None:
    killed = start()
    killed.until_said("Ctrl-C stops everything.")
    left = killed.web_pids()
    killed.process.kill()
    killed.process.wait()
    with contextlib.suppress(PostgresNotRunningError):
        os.kill(server_of(data_root_of(killed.instance)).pid or 0, signal.SIGKILL)
    assert any(command_line(pid) for pid in left), "its web server is still there, and holds the port"

    run = start()
    run.until_said("Ctrl-C stops everything.")
    assert "Ending what a killed run left behind." in run.said()
    assert run.answers()
    assert not set(left) & set(run.web_pids())
    assert run.stop() == 0


def test_with_a_database_of_its_own_it_starts_none(
    start: Callable[..., Run], fresh_database: TestDatabase
) -> None:
    run = start(DATABASE_URL=fresh_database.app_url, DATABASE_OWNER_URL=fresh_database.owner_url)
    run.until_said("Ctrl-C stops everything.")
    assert run.answers()
    assert not (run.instance / "postgres").exists()
    assert run.stop() == 0
    assert fresh_database.server.is_ready()


def test_a_database_that_refuses_is_said(start: Callable[..., Run], fresh_database: TestDatabase) -> None:
    run = start(DATABASE_URL=fresh_database.app_url.replace(fresh_database.name, "absent"))
    assert run.process.wait(60) == 1
    assert "The database of DATABASE_URL cannot be reached" in run.said()
    assert "absent" in run.said()
    assert "Traceback" not in run.said()


def test_a_busy_port_is_said_before_anything_is_started(start: Callable[..., Run], port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        run = start()
        assert run.process.wait(60) == 1
    assert f"Port {port} of 127.0.0.1 cannot be used" in run.said()
    assert f"PORT={port + 1} make run" in run.said()
    assert not (run.instance / "postgres").exists()


@pytest.mark.parametrize("value", ["0", "http", "70000", "-1"])
def test_a_port_that_is_none_is_said(start: Callable[..., Run], value: str) -> None:
    run = start(PORT=value)
    assert run.process.wait(60) == 1
    assert "expected a number from 1 to 65535" in run.said()


def test_ctrl_c_while_starting_leaves_nothing(start: Callable[..., Run]) -> None:
    run = start()
    run.until(lambda: (run.instance / "postgres.json").exists())
    assert run.stop() == 0
    with pytest.raises(PostgresNotRunningError):
        server_of(data_root_of(run.instance))
    assert run.said().endswith("Stopped.\n")
