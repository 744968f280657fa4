"""Who can sign in to the demo: one person a role, one random password, kept in the instance folder."""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyotp
from sqlalchemy import select

from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.queries import user_by_phone
from qiantang_nest.accounts.rules import SECOND_FACTOR_ROLES, Role
from qiantang_nest.accounts.services.people import create_user, grant_role
from qiantang_nest.accounts.services.second_factor import begin_second_factor
from qiantang_nest.accounts.services.sign_in import set_password
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.db import db
from qiantang_nest.demo.supply import CLERK_VILLAGE
from qiantang_nest.housing.models import Owner

_PHONES = {role: f"1980000000{number}" for number, role in enumerate(Role, start=1)}
_NAMES = {
    Role.EMPLOYER_MANAGER: "李经理",
    Role.EMPLOYER_STAFF: "小赵",
    Role.VILLAGE_CLERK: "周晓燕",
    Role.STREET_OFFICER: "老李",
    Role.DISTRICT_OFFICER: "陈科长",
    Role.SYSTEM_ADMIN: "系统员",
    Role.SECURITY_ADMIN: "安全员",
    Role.AUDIT_ADMIN: "审计员",
}


@dataclass(frozen=True)
class Login:
    """One line of the list: role, name, phone, password, and the code of this half minute for offices."""

    role: Role
    name: str
    phone: str
    password: str
    code: str | None


def create_logins(*, owner: Owner, enterprise_id: int, instance_path: Path) -> dict[Role, User]:
    """One person for each role; the villager is ``owner``, the employers are of ``enterprise_id``."""
    scopes = {
        Role.EMPLOYER_MANAGER: str(enterprise_id),
        Role.EMPLOYER_STAFF: str(enterprise_id),
        Role.VILLAGE_CLERK: CLERK_VILLAGE,
        Role.STREET_OFFICER: CLERK_VILLAGE[:9],
        Role.DISTRICT_OFFICER: CLERK_VILLAGE[:6],
    }
    password = _password(instance_path)
    users = {}
    for role, phone in _PHONES.items():
        user = create_user(name=_NAMES.get(role, owner.name), phone=phone, actor=SYSTEM)
        set_password(user=user, password=password, keep_session_id=None, actor=SYSTEM)
        scope = str(user.id) if role == Role.VILLAGER else scopes.get(role, "")
        grant_role(user=user, role=role, scope=scope, actor=SYSTEM)
        if role in SECOND_FACTOR_ROLES:
            begin_second_factor(user=user)
            user.totp_confirmed = True
        users[role] = user
    owner.user_id = users[Role.VILLAGER].id
    return users


def logins(*, instance_path: Path, now: datetime) -> Iterator[Login]:
    """The demo's logins as they stand; nothing when there is no demo."""
    file = _file(instance_path)
    if not file.exists():
        return
    password = json.loads(file.read_text())["password"]
    for role, phone in _PHONES.items():
        user = user_by_phone(phone)
        granted = (
            user is not None
            and db.session.execute(
                select(RoleGrant.id)
                .where(RoleGrant.user_id == user.id, RoleGrant.revoked_at.is_(None))
                .limit(1)
            ).scalar_one_or_none()
        )
        if user is not None and granted:
            code = pyotp.TOTP(user.totp_secret).at(now) if user.totp_secret else None
            yield Login(role, user.name, phone, password, code)


def _file(instance_path: Path) -> Path:
    return instance_path / "demo-logins.json"


def _password(instance_path: Path) -> str:
    """Made at the first build, readable by the user who runs the demo only."""
    file = _file(instance_path)
    if not file.exists():
        instance_path.mkdir(parents=True, exist_ok=True)
        password = f"{secrets.token_hex(2)}-{secrets.token_hex(2)}-{secrets.token_hex(2)}"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            json.dump({"password": password}, out)
    stored: str = json.loads(file.read_text())["password"]
    return stored
