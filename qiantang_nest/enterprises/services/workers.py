"""The people an employer houses: one row for each person of an enterprise, found again by ID number."""

from collections.abc import Collection, Sequence

from sqlalchemy import select

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db, refuse_as
from qiantang_nest.core.errors import InvalidValue, told_at
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.enterprises.models import Enterprise, Worker
from qiantang_nest.enterprises.rules import WorkerRow

refuse_as(
    "uq_worker_enterprise_id_number", InvalidValue, _l("本单位已经有这个证件号的员工，请在名单里找到他再改。")
)


def add_worker(
    *, enterprise: Enterprise, row: WorkerRow, actor: Actor, worker: Worker | None = None
) -> Worker:
    """Add one worker, or change ``worker``; changed to name nobody, a couple is parted.

    Raises InvalidValue if the number is another worker's, or as ``add_workers`` does for couples.
    """
    same = _by_number(enterprise.id, [row.id_number]).get(_key(row.id_number))
    if worker is not None and same is not None and same.id != worker.id:
        raise InvalidValue(_("本单位已经有这个证件号的员工，请在名单里找到他再改。"), field="id_number")
    if worker is not None and row.couple_id_number is None:
        _part(worker)
    worker = worker or same
    fresh = worker is None
    if worker is None:
        worker = Worker(enterprise_id=enterprise.id)
        db.session.add(worker)
    _fill(worker, row)
    db.session.flush()
    with told_at("couple_id_number"):
        _pair(enterprise.id, [(worker, row)])
    audit.record(
        actor=actor,
        action="enterprises.add_worker" if fresh else "enterprises.change_worker",
        entity="worker",
        entity_id=worker.id,
        changes={"enterprise_id": enterprise.id},
    )
    return worker


def add_workers(*, enterprise: Enterprise, rows: Sequence[WorkerRow], actor: Actor) -> list[Worker]:
    """Add or bring up to date a whole list, one worker per row, in the rows' order.

    A worker is known again by ID number within the enterprise. Two become a couple when both rows name each
    other; a row that names nobody leaves an earlier couple as it is. Raises InvalidValue when two rows hold
    one number or a couple's naming is not mutual.
    """
    numbers = [row.id_number for row in rows]
    if len(set(numbers)) != len(numbers):
        raise InvalidValue(_("名单里有两行是同一个证件号，请只留一行"))
    known = _by_number(enterprise.id, numbers)
    workers, added = [], 0
    for row in rows:
        worker = known.get(_key(row.id_number))
        if worker is None:
            worker = Worker(enterprise_id=enterprise.id)
            db.session.add(worker)
            added += 1
        _fill(worker, row)
        workers.append(worker)
    db.session.flush()
    _pair(enterprise.id, list(zip(workers, rows, strict=True)))
    audit.record(
        actor=actor,
        action="enterprises.add_workers",
        entity="enterprise",
        entity_id=enterprise.id,
        changes={"added": added, "changed": len(rows) - added},
    )
    return workers


def change_details(
    *,
    worker: Worker,
    phone: str | None = None,
    shift: str | None = None,
    wish_group: str | None = None,
    ground_floor: bool | None = None,
    actor: Actor,
) -> None:
    """Change what is not None of a worker. The database refuses a shift that the worker's bed is not of."""
    if phone is not None and phone != worker.phone:
        worker.phone = phone
    if shift is not None:
        worker.shift = shift
    if wish_group is not None:
        worker.wish_group = wish_group
    if ground_floor is not None:
        worker.ground_floor = ground_floor
    if worker not in db.session.dirty:
        return
    db.session.flush()
    audit.record(
        actor=actor,
        action="enterprises.change_worker",
        entity="worker",
        entity_id=worker.id,
        changes={"enterprise_id": worker.enterprise_id},
    )


def take_workers_over(*, workers: Collection[Worker], enterprise_id: int, actor: Actor) -> dict[int, Worker]:
    """worker id → the same person as a worker of another enterprise: found there by ID number, or added.

    Shift, wishes and couples go along; a wish or a partner that the other enterprise has noted itself stays.
    Two of whom only one goes over are no couple there.
    """
    numbers = [worker.id_number for worker in workers if worker.id_number is not None]
    known = _by_number(enterprise_id, numbers)
    taken = {}
    for worker in workers:
        same = known.get(_key(worker.id_number)) if worker.id_number is not None else None
        taken[worker.id] = same or _copy(worker, enterprise_id)
        # The bed goes along, so the shift it is a bed of does.
        taken[worker.id].shift = worker.shift
        taken[worker.id].wish_group = taken[worker.id].wish_group or worker.wish_group
        taken[worker.id].ground_floor = taken[worker.id].ground_floor or worker.ground_floor
    db.session.flush()
    for worker in workers:
        one, other = taken[worker.id], taken.get(worker.couple_with_id or 0)
        if other is not None and one.couple_with_id is None and other.couple_with_id in (None, one.id):
            one.couple_with_id, other.couple_with_id = other.id, one.id
    db.session.flush()
    for worker_id, person in taken.items():
        audit.record(
            actor=actor,
            action="enterprises.take_worker_over",
            entity="worker",
            entity_id=person.id,
            changes={"enterprise_id": enterprise_id, "from_worker_id": worker_id},
        )
    return taken


def _copy(worker: Worker, enterprise_id: int) -> Worker:
    copy = Worker(enterprise_id=enterprise_id)
    db.session.add(copy)
    for name in ("name", "sex", "id_kind", "id_number", "phone", "home_address", "born_on", "is_local"):
        setattr(copy, name, getattr(worker, name))
    db.session.flush()
    return copy


def record_reveal(*, worker: Worker, purpose: str, actor: Actor) -> None:
    """Note who looked at a worker's full number and phone, and what for. Raises InvalidValue."""
    if not purpose.strip():
        raise InvalidValue(_("请写明查看的用途"))
    audit.record(
        actor=actor,
        action="enterprises.reveal_worker",
        entity="worker",
        entity_id=worker.id,
        changes={"purpose": purpose.strip()},
    )


def _fill(worker: Worker, row: WorkerRow) -> None:
    worker.name, worker.sex, worker.id_kind = row.name, row.sex.value, row.id_kind.value
    worker.id_number, worker.phone = row.id_number, row.phone
    worker.home_address, worker.born_on, worker.is_local = row.home_address, row.born_on, row.is_local
    if row.shift is not None:
        worker.shift = row.shift.value
    if row.wish_group is not None:
        worker.wish_group = row.wish_group
    if row.ground_floor is not None:
        worker.ground_floor = row.ground_floor


def _key(number: str) -> bytes:
    return lookup_hash(number, "id_number")


def _by_number(enterprise_id: int, numbers: Sequence[str]) -> dict[bytes, Worker]:
    hashes = [_key(number) for number in numbers]
    found = db.session.execute(
        select(Worker).where(Worker.enterprise_id == enterprise_id, Worker.id_number_hash.in_(hashes))
    ).scalars()
    return {worker.id_number_hash: worker for worker in found if worker.id_number_hash is not None}


def _part(worker: Worker) -> None:
    if worker.couple_with_id is not None:
        other = db.session.get_one(Worker, worker.couple_with_id)
        if other.couple_with_id == worker.id:
            other.couple_with_id = None
        worker.couple_with_id = None


def _pair(enterprise_id: int, pairs: Sequence[tuple[Worker, WorkerRow]]) -> None:
    """Make couples of those who name each other, now or in an earlier list."""
    naming = [(worker, row.couple_id_number) for worker, row in pairs if row.couple_id_number]
    if not naming:
        return
    named = _by_number(enterprise_id, [number for _worker, number in naming])
    in_list = {worker.id: row.couple_id_number for worker, row in pairs}
    for worker, number in naming:
        other = named.get(_key(number))
        if other is None:
            raise InvalidValue(_("%(name)s 的配偶不在本单位名单里，请先把配偶也填进来", name=worker.name))
        mutual = in_list.get(other.id) == worker.id_number or other.couple_with_id == worker.id
        if not mutual and other.id in in_list:
            raise InvalidValue(
                _(
                    "%(name)s 填了 %(other)s 是配偶，对方那一行没有填回来，请两行都填",
                    name=worker.name,
                    other=other.name,
                )
            )
        if other.sex == worker.sex:
            raise InvalidValue(
                _("%(name)s 和 %(other)s 性别相同，不能填成夫妻", name=worker.name, other=other.name)
            )
        if other.couple_with_id not in (None, worker.id):
            raise InvalidValue(_("%(other)s 已经和别人登记为夫妻，请先改那一位", other=other.name))
        worker.couple_with_id = other.id
        if mutual:
            other.couple_with_id = worker.id
    db.session.flush()
