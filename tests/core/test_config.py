"""Configuration refuses nonsense and keeps keys out of sight."""

import json
import stat

import pytest

from config import Config, ConfigError

KEY = "ab" * 32
PRODUCTION = {
    "QIANTANG_ENV": "production",
    "DATABASE_URL": "postgresql://u:p@db/nest",
    "SECRET_KEY": "s" * 40,
    "FIELD_KEYS": f"1:{KEY}",
    "HASH_KEY": KEY,
    "TRUSTED_HOSTS": "nest.example",
    "OPERATOR_NAME": "某街道办事处",
    "OPERATOR_CONTACT": "0571-22220000",
}


def test_production_starts_with_its_own_keys(tmp_path):
    config = Config.from_env({**PRODUCTION, "INSTANCE_PATH": str(tmp_path)})
    assert config.production
    assert config.secure_cookies
    assert config.database_url == config.database_owner_url == "postgresql+psycopg://u:p@db/nest"
    assert not (tmp_path / "keys.json").exists()


@pytest.mark.parametrize("missing", [name for name in PRODUCTION if name != "QIANTANG_ENV"])
def test_production_refuses_to_start_without(missing, tmp_path):
    env = {**PRODUCTION, "INSTANCE_PATH": str(tmp_path)}
    del env[missing]
    with pytest.raises(ConfigError, match=missing):
        Config.from_env(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QIANTANG_ENV", "prod"),
        ("FIELD_KEYS", KEY),
        ("FIELD_KEYS", "0:" + KEY),
        ("FIELD_KEYS", "1:abcd"),
        ("HASH_KEY", "x" * 64),
        ("SECURE_COOKIES", "yes"),
        ("PROXIES", "9"),
        ("MAX_UPLOAD_MB", "-1"),
        ("DATABASE_URL", "mysql://u@h/db"),
        ("SMS_GATEWAY", "carrier-pigeon"),
        ("ROUTING_URL", "routes.example/{profile}"),
        ("ROUTING_URL", "http://routes.example/table/v1/foot"),
        ("CLOCK_START", "2026-11-23T08:00:00+08:00"),
    ],
)
def test_nonsense_is_refused_by_name(name, value, tmp_path):
    with pytest.raises(ConfigError, match=name):
        Config.from_env({**PRODUCTION, "INSTANCE_PATH": str(tmp_path), name: value})


def test_a_routing_service_is_used_only_where_one_is_named(tmp_path):
    env = {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": "postgresql://u@h/db"}
    assert Config.from_env(env).routing_url == ""
    url = "http://routes.example/{profile}/table/v1/{profile}"
    assert Config.from_env({**env, "ROUTING_URL": url}).routing_url == url


def test_development_makes_its_keys_once(tmp_path):
    env = {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": "postgresql://u@h/db"}
    first, second = Config.from_env(env), Config.from_env(env)
    assert first.secret_key == second.secret_key
    assert first.field_keys == second.field_keys
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert len(json.loads((tmp_path / "keys.json").read_text())["hash_key"]) == 64


def test_settings_do_not_print_their_keys(tmp_path):
    config = Config.from_env({**PRODUCTION, "INSTANCE_PATH": str(tmp_path)})
    assert KEY not in repr(config)
