"""An employer registers, and the street verifies it or gives it back with a reason."""

from datetime import datetime

from sqlalchemy import select

from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.rules import Role
from qiantang_nest.accounts.services import grant_role
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, refuse_as
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.enterprises.services.worksites import add_worksite
from qiantang_nest.notifications.services import notify


class CodeTaken(InvalidValue):
    """The 统一社会信用代码 is already registered."""


refuse_as(
    "uq_enterprise_uscc",
    CodeTaken,
    _l("这个统一社会信用代码已经登记过了。请找单位里已开通的同事，让他在“同事”里把您加上。"),
)


def register_enterprise(
    *,
    user: User,
    uscc: str,
    name: str,
    street_code: str,
    contact_name: str,
    contact_phone: str,
    worksite_name: str,
    worksite_address: str,
    lat: float,
    lon: float,
    actor: Actor,
) -> tuple[Enterprise, RoleGrant]:
    """A new employer in state ``submitted`` with its first worksite; ``user`` becomes its manager.

    Values are checked ones (``core.identifiers``), the point is WGS-84. Raises CodeTaken.
    """
    if db.session.execute(select(Enterprise.id).where(Enterprise.uscc == uscc)).scalar_one_or_none():
        raise CodeTaken(
            _("代码 %(uscc)s 已经登记过了。请找单位里已开通的同事，让他在“同事”里把您加上。", uscc=uscc)
        )
    enterprise = Enterprise(
        uscc=uscc, name=name, street_code=street_code, contact_name=contact_name, contact_phone=contact_phone
    )
    db.session.add(enterprise)
    db.session.flush()
    audit.record(
        actor=actor,
        action="enterprises.register_enterprise",
        entity="enterprise",
        entity_id=enterprise.id,
        changes={"uscc": uscc, "street_code": street_code, "state": "submitted"},
    )
    grant = grant_role(user=user, role=Role.EMPLOYER_MANAGER, scope=str(enterprise.id), actor=actor)
    add_worksite(
        enterprise=enterprise,
        name=worksite_name,
        address=worksite_address,
        lat=lat,
        lon=lon,
        shifts="",
        actor=actor,
    )
    _tell_street(enterprise)
    return enterprise, grant


def correct_enterprise(
    *,
    enterprise: Enterprise,
    uscc: str,
    name: str,
    street_code: str,
    contact_name: str,
    contact_phone: str,
    actor: Actor,
) -> None:
    """Change the record. Of a verified employer only the contact changes at will: a new code, name or street
    has to be verified again. A returned one is handed in again.

    Raises CodeTaken.
    """
    proven = (enterprise.uscc, enterprise.name, enterprise.street_code)
    enterprise.uscc, enterprise.name, enterprise.street_code = uscc, name, street_code
    enterprise.contact_name, enterprise.contact_phone = contact_name, contact_phone
    before = enterprise.state
    if before == "returned" or proven != (uscc, name, street_code):
        enterprise.state, enterprise.return_reason = "submitted", None
        enterprise.decided_by = enterprise.decided_at = None
    db.session.flush()
    audit.record(
        actor=actor,
        action="enterprises.correct_enterprise",
        entity="enterprise",
        entity_id=enterprise.id,
        changes={"uscc": uscc, "street_code": street_code, "state": [before, enterprise.state]},
    )
    if enterprise.state == "submitted":
        _tell_street(enterprise)


def verify_enterprise(*, enterprise: Enterprise, now: datetime, actor: Actor) -> None:
    """The street has compared the record with the licence: the employer may book. Raises WrongState."""
    _decide(enterprise, "verified", None, now, actor)
    _tell_managers(enterprise, "enterprises.verified", {"name": enterprise.name})


def return_enterprise(*, enterprise: Enterprise, reason: str, now: datetime, actor: Actor) -> None:
    """Give the record back with what is to be corrected. Raises InvalidValue, WrongState."""
    if not reason.strip():
        raise InvalidValue(_("请写明要改什么，企业会看到这句话"))
    _decide(enterprise, "returned", reason.strip(), now, actor)
    _tell_managers(enterprise, "enterprises.returned", {"name": enterprise.name, "reason": reason.strip()})


def _decide(enterprise: Enterprise, state: str, reason: str | None, now: datetime, actor: Actor) -> None:
    db.session.refresh(enterprise, with_for_update=True)
    if enterprise.state != "submitted":
        raise WrongState(_("%(name)s 已经有人处理过了，请看最新的状态。", name=enterprise.name))
    enterprise.state, enterprise.return_reason = state, reason
    enterprise.decided_by, enterprise.decided_at = actor.user_id, now
    db.session.flush()
    audit.record(
        actor=actor,
        action=f"enterprises.{'verify' if state == 'verified' else 'return'}_enterprise",
        entity="enterprise",
        entity_id=enterprise.id,
        changes={"state": ["submitted", state]},
    )


def _holders(role: Role, scope: str) -> list[int]:
    return list(
        db.session.execute(
            select(RoleGrant.user_id).where(
                RoleGrant.role == role.value, RoleGrant.scope == scope, RoleGrant.revoked_at.is_(None)
            )
        ).scalars()
    )


def _tell_managers(enterprise: Enterprise, kind: str, params: dict[str, str]) -> None:
    for user_id in _holders(Role.EMPLOYER_MANAGER, str(enterprise.id)):
        notify(user_id=user_id, kind=kind, params=params, url="/enterprises/mine")


def _tell_street(enterprise: Enterprise) -> None:
    for user_id in _holders(Role.STREET_OFFICER, enterprise.street_code):
        notify(
            user_id=user_id,
            kind="enterprises.submitted",
            params={"name": enterprise.name},
            url=f"/enterprises/{enterprise.id}/verify",
        )
