"""Configuration from the environment: typed, read once, refusing nonsense.

See docs/operations.md for every variable. In development missing keys are generated into
``instance/keys.json``; production (``QIANTANG_ENV=production``) refuses to start without its own.
"""

import json
import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Self

from qiantang_nest.core.postgres_server import PostgresServerError, database_url_from_instance
from qiantang_nest.core.settings import Settings

ROOT = Path(__file__).resolve().parent


class ConfigError(Exception):
    """A variable is missing or odd; the message names it and says what is expected."""


class Config(Settings):
    """Settings with the ways to make them."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read and check every variable. Raises ConfigError."""
        environment = env.get("QIANTANG_ENV", "development")
        if environment not in ("development", "production"):
            raise ConfigError(f"QIANTANG_ENV is {environment!r}: expected development or production")
        production = environment == "production"
        instance = Path(env.get("INSTANCE_PATH", str(ROOT / "instance")))
        keys = _keys(env, instance, production)
        database_url = env.get("DATABASE_URL") or _embedded_url(instance, "app_url")
        owner_url = env.get("DATABASE_OWNER_URL") or (
            env.get("DATABASE_URL") or _embedded_url(instance, "owner_url")
        )
        if not database_url and production:
            raise ConfigError("DATABASE_URL is missing: production needs its own PostgreSQL (15 or newer)")
        hosts = tuple(host.strip() for host in env.get("TRUSTED_HOSTS", "").split(",") if host.strip())
        if production and not hosts:
            raise ConfigError("TRUSTED_HOSTS is missing: name the host names the site is reached by")
        gateway = env.get("SMS_GATEWAY", "console")
        if gateway != "console":
            raise ConfigError(f"SMS_GATEWAY is {gateway!r}: only console is built in")
        if production and not (
            env.get("OPERATOR_NAME", "").strip() and env.get("OPERATOR_CONTACT", "").strip()
        ):
            raise ConfigError(
                "OPERATOR_NAME or OPERATOR_CONTACT is missing: the privacy notice must name who runs this"
                " installation and how to reach it"
            )
        clock_start = None
        if env.get("CLOCK_START"):
            if production:
                raise ConfigError("CLOCK_START is for development only")
            try:
                clock_start = datetime.fromisoformat(env["CLOCK_START"])
            except ValueError:
                raise ConfigError("CLOCK_START: expected an ISO instant, 2026-11-23T08:00:00+08:00") from None
            if clock_start.tzinfo is None:
                raise ConfigError("CLOCK_START needs a time zone, such as +08:00")
        return cls(
            production=production,
            database_url=_psycopg(database_url),
            database_owner_url=_psycopg(owner_url),
            instance_path=instance,
            media_path=Path(env.get("MEDIA_PATH", str(instance / "media"))),
            secret_key=keys["secret_key"],
            secret_key_fallbacks=tuple(k for k in env.get("SECRET_KEY_FALLBACKS", "").split(",") if k),
            field_keys=_field_keys(keys["field_keys"]),
            hash_key=_hex_key("HASH_KEY", keys["hash_key"]),
            sms_gateway=gateway,
            routing_url=_routing_url(env),
            secure_cookies=_flag(env, "SECURE_COOKIES", default=production),
            trusted_hosts=hosts,
            proxies=_number(env, "PROXIES", default=0, low=0, high=5),
            clock_start=clock_start,
            max_upload_mb=_number(env, "MAX_UPLOAD_MB", default=64, low=1, high=512),
            operator_name=env.get("OPERATOR_NAME", "").strip(),
            operator_contact=env.get("OPERATOR_CONTACT", "").strip(),
        )

    @classmethod
    def for_tests(cls, *, database_url: str, owner_database_url: str, instance_path: Path) -> Self:
        """Fixed keys, no surprises from the environment."""
        return cls(
            production=False,
            database_url=_psycopg(database_url),
            database_owner_url=_psycopg(owner_database_url),
            instance_path=instance_path,
            media_path=instance_path / "media",
            secret_key="tests-only",  # noqa: S106
            field_keys={1: b"f" * 32},
            hash_key=b"h" * 32,
            testing=True,
        )


def _psycopg(url: str) -> str:
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    if url and not url.startswith("postgresql+psycopg://"):
        raise ConfigError("DATABASE_URL: expected postgresql://user:password@host/database")
    return url


def _embedded_url(instance: Path, which: str) -> str:
    """The address of the embedded server, as its launcher left it; "" when it was never started."""
    try:
        return database_url_from_instance(instance, owner=which == "owner_url")
    except PostgresServerError:
        return ""


def _keys(env: Mapping[str, str], instance: Path, production: bool) -> dict[str, str]:
    names = {"secret_key": "SECRET_KEY", "field_keys": "FIELD_KEYS", "hash_key": "HASH_KEY"}
    given = {key: env[name] for key, name in names.items() if env.get(name)}
    missing = [names[key] for key in names if key not in given]
    if not missing:
        return given
    if production:
        raise ConfigError(f"{', '.join(missing)} missing: production needs its own keys (docs/operations.md)")
    file = instance / "keys.json"
    if not file.exists():
        instance.mkdir(parents=True, exist_ok=True)
        made = {
            "secret_key": secrets.token_hex(32),
            "field_keys": "1:" + secrets.token_hex(32),
            "hash_key": secrets.token_hex(32),
        }
        # Written whole and linked into place, so that two first starts agree on one set of keys.
        draft = instance / f"keys.{os.getpid()}.tmp"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(made))
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    generated: dict[str, str] = json.loads(file.read_text())
    return {**generated, **given}


def _hex_key(name: str, value: str) -> bytes:
    try:
        key = bytes.fromhex(value)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigError(f"{name}: expected 64 hexadecimal digits")
    return key


def _field_keys(value: str) -> dict[int, bytes]:
    keys = {}
    for part in value.split(","):
        number, _, key = part.strip().partition(":")
        if not number.isdigit() or not 1 <= int(number) <= 255:
            raise ConfigError("FIELD_KEYS: expected 1:<64 hexadecimal digits>[,2:…], newest number last")
        keys[int(number)] = _hex_key("FIELD_KEYS", key)
    return keys


def _routing_url(env: Mapping[str, str]) -> str:
    url = env.get("ROUTING_URL", "").strip()
    if url and not (url.startswith(("http://", "https://")) and "{profile}" in url):
        raise ConfigError(
            "ROUTING_URL: expected http(s)://…{profile}…, where {profile} becomes foot or bike, such as"
            " http://routes.internal/{profile}/table/v1/{profile}"
        )
    return url


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = env.get(name, "")
    if value not in ("", "0", "1"):
        raise ConfigError(f"{name} is {value!r}: expected 0 or 1")
    return default if value == "" else value == "1"


def _number(env: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    value = env.get(name, "")
    if value == "":
        return default
    if not value.isdigit() or not low <= int(value) <= high:
        raise ConfigError(f"{name} is {value!r}: expected a whole number from {low} to {high}")
    return int(value)
