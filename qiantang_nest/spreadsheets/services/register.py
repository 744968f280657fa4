"""The register of occupants (入住人员台账) as an Excel file, in the columns the police ask for."""

from datetime import date, datetime

from sqlalchemy import func, select

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.clock import SHANGHAI
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotAllowed
from qiantang_nest.core.i18n import _
from qiantang_nest.core.workbook import Column, Table, write_workbook
from qiantang_nest.occupancy.queries import beds
from qiantang_nest.occupancy.queries.registrations import MOST_UNMASKED_ROWS, register
from qiantang_nest.occupancy.queries.stays import person

MOST_ROWS = 20_000
LONGEST_DAYS = 366


def register_workbook(
    *,
    first: date,
    last: date,
    village_code: str,
    purpose: str,
    unmasked: bool,
    actor: Actor,
    unit: str,
    now: datetime,
) -> bytes:
    """Everybody who slept somewhere from ``first`` to ``last``, both included, as far as the actor sees.

    Masked unless asked otherwise with a purpose; every download is an audit row with its number of people.

    Raises:
        NotAllowed: unmasked, without the permission to open identities.
        InvalidValue: no purpose, odd days, or too many people.
    """
    if unmasked and not may(actor.role, Permission.WORKER_REVEAL):
        raise NotAllowed(_("您只能下载隐去号码的台账。"))
    if unmasked and not purpose:
        raise InvalidValue(_("要完整号码，请选择用途。"))
    if not 0 <= (last - first).days < LONGEST_DAYS:
        raise InvalidValue(_("最后一天应不早于第一天，一次最多下载一年。"))
    statement = register(actor, first, last, village_code)
    most = MOST_UNMASKED_ROWS if unmasked else MOST_ROWS
    count = db.session.execute(
        select(func.count()).select_from(statement.order_by(None).subquery())
    ).scalar_one()
    if count > most:
        raise InvalidValue(
            _(
                "这段日子有 %(count)s 人次，一次最多下载 %(most)s，请选一个村或缩短日子。",
                count=count,
                most=most,
            )
        )
    stays = db.session.execute(statement).scalars().all()
    audit.record(
        actor=actor,
        action="spreadsheets.export_register",
        entity="app_user",
        entity_id=actor.user_id or 0,
        changes={
            "first": first.isoformat(),
            "last": last.isoformat(),
            "village_code": village_code,
            "people": count,
            "unmasked": unmasked,
            "purpose": purpose,
        },
    )
    names = beds.village_names({stay.village_code for stay in stays})
    rows = []
    for stay in stays:
        who = person(stay.worker, actor, opened=unmasked)
        rows.append(
            (
                who.name,
                who.sex,
                who.id_kind,
                who.id_number,
                who.home_address,
                who.phone,
                stay.worker.enterprise.name,
                f"{names.get(stay.village_code, '')} {stay.room.house.address}",
                stay.room.label,
                stay.arrived_on,
                stay.left_on,
            )
        )
    columns = [
        Column(_("姓名"), width=10),
        Column(_("性别"), width=6),
        Column(_("证件类型"), width=14),
        Column(_("证件号码"), width=22),
        Column(_("户籍地址"), width=30),
        Column(_("手机"), width=14),
        Column(_("服务处所"), width=24),
        Column(_("房屋地址"), width=22),
        Column(_("房间"), width=8),
        Column(_("入住"), "date", 12),
        Column(_("离开"), "date", 12),
    ]
    facts = [
        (_("填报单位"), unit),
        (_("统计期"), _("%(first)s 至 %(last)s", first=first.isoformat(), last=last.isoformat())),
        (_("制表人"), actor.name),
        (_("下载时间"), now.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")),
    ]
    return write_workbook([Table(_("入住人员台账"), columns, rows, _("入住人员台账"), facts)])
