"""How much memory a web worker and the bill run take on a district."""

import http.client
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.bills import UNTIL, bills_taken_back
from bench.district import ROOT, District
from bench.pages import LAST_ON, STARTS_ON, STREET
from bench.people import person
from bench.web import serving
from qiantang_nest.accounts.rules import Role
from qiantang_nest.navigation import NAVIGATION

WEB_LIMIT_MB, RUN_LIMIT_MB = 200, 500
VISITS = 6
"""Of each page, so that both workers have drawn all of them."""


@dataclass(frozen=True)
class Memory:
    """One line: resident memory at its highest."""

    name: str
    scale: float
    mb: float
    limit_mb: float


def measure_memory(district: District) -> list[Memory]:
    """The largest web worker after every page of every bar, and the bill run."""
    return [_web_worker(district), _bill_run(district)]


def _web_worker(district: District) -> Memory:
    with psycopg.connect(district.app_url) as connection:
        enterprise, owner = (
            str(connection.execute(f"SELECT min(id) FROM {table}").fetchall()[0][0])
            for table in ("enterprise", "app_user")
        )
    scopes = {
        Role.VILLAGER: owner,
        Role.EMPLOYER_MANAGER: enterprise,
        Role.EMPLOYER_STAFF: enterprise,
        Role.VILLAGE_CLERK: f"{STREET}201",
        Role.STREET_OFFICER: STREET,
        Role.DISTRICT_OFFICER: STREET[:6],
    }
    people = {role: person(district.app, role, scopes.get(role, "")) for role in Role}
    with district.app.test_request_context():
        paths = [
            (role, district.app.url_for(endpoint))
            for role, links in NAVIGATION.items()
            for endpoint, _label, _icon in links
            if endpoint in district.app.view_functions
        ]
    search = f"/rooms?starts_on={STARTS_ON}&last_on={LAST_ON}"
    paths += [(Role.EMPLOYER_STAFF, search + f"&page={page}") for page in range(1, 6)]
    with serving(district) as server:
        for role, path in paths * VISITS:
            connection_ = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection_.request("GET", path, headers={"Cookie": people[role].cookie})
            answer = connection_.getresponse()
            answer.read()
            connection_.close()
            assert answer.status in (200, 303), f"{role} {path}: {answer.status}"
        largest = max(_peak_mb(pid) for pid in server.worker_pids())
    return Memory("web-worker", district.scale, largest, WEB_LIMIT_MB)


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} is gone")


def _bill_run(district: District) -> Memory:
    with bills_taken_back(district) as take_back:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "bill-run", "--until", UNTIL.isoformat()],
            cwd=ROOT,
            env={**os.environ, **district.variables},
            stdout=subprocess.DEVNULL,
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        assert take_back.new()[0] > 0
        take_back()
    return Memory("bill-run", district.scale, usage.ru_maxrss / 1024, RUN_LIMIT_MB)
