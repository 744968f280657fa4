"""What the application is told at start; ``config.py`` reads it from the environment, once."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, repr=False)
class Settings:
    """Typed, checked, immutable. Never printed: it holds keys."""

    production: bool
    database_url: str
    database_owner_url: str
    """For migrations; may equal ``database_url``."""
    instance_path: Path
    media_path: Path
    secret_key: str
    field_keys: dict[int, bytes]
    hash_key: bytes
    secret_key_fallbacks: tuple[str, ...] = ()
    sms_gateway: str = "console"
    routing_url: str = ""
    """Where a routing service answers tables; empty: the straight line counts."""
    secure_cookies: bool = False
    trusted_hosts: tuple[str, ...] = ()
    proxies: int = 0
    clock_start: datetime | None = None
    max_upload_mb: int = 64
    operator_name: str = ""
    operator_contact: str = ""
    """Who runs this installation and how to reach it, for the privacy notice (个人信息保护法 art. 17)."""
    testing: bool = False
    extra: dict[str, str] = field(default_factory=dict)
