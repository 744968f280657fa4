"""Who hears of a change: the other side is asked, and both learn what came of it."""

from qiantang_nest.bookings.rules.changes import ChangeKind, Side
from qiantang_nest.bookings.services.telling import OwnerNotice, tell_enterprise, tell_owners
from qiantang_nest.occupancy.models import Lease, LeaseChange

_WORDS = {
    ChangeKind.END: "提前退房",
    ChangeKind.EXTEND: "续租",
    ChangeKind.SWAP: "换一间房",
    ChangeKind.TRANSFER: "转给别的企业租",
    ChangeKind.RELEASE: "起租前退掉几间",
    ChangeKind.RELOCATE: "退一间，换到别家去",
}
"""For SMS, which is Chinese whatever the language of the page."""


def tell_asked(lease: Lease, change: LeaseChange) -> None:
    """The side that has to answer."""
    word = _WORDS[ChangeKind(change.kind)]
    other = Side.LESSEE if change.asked_side == Side.LESSOR else Side.LESSOR
    _tell(
        lease,
        change,
        other,
        "bookings.change_asked",
        f"{lease.enterprise.name}想把合同 {lease.number} {word}，等您答复。不会弄就找村管理员。",
    )


def tell_taker(lease: Lease, change: LeaseChange) -> None:
    """The firm that is to take the lease over."""
    if change.taker_id is not None:
        tell_enterprise(
            change.taker_id,
            kind="bookings.take_asked",
            params={"name": lease.enterprise.name, "number": lease.number},
            url=f"/lease-changes/{change.id}",
        )


def tell_relocation(lease: Lease, change: LeaseChange, *, needs_yes: bool) -> None:
    """The lessor whose room is left: asked to let it go, or told that it goes by notice."""
    if needs_yes:
        tell_asked(lease, change)
        return
    day = f"{change.effective_on:%Y-%m-%d}"
    _tell(
        lease,
        change,
        Side.LESSOR,
        "bookings.room_given_notice",
        f"{lease.enterprise.name}按合同提前说了：新房签好后，合同 {lease.number} 有一间 {day} 起不租了。",
        day=day,
    )


def tell_agreed(lease: Lease, change: LeaseChange) -> None:
    """The firm, that only the signatures under the new lease are missing."""
    _tell(lease, change, Side.LESSEE, "bookings.relocation_agreed", "")


def tell_done(lease: Lease, change: LeaseChange) -> None:
    """Both sides."""
    word = _WORDS[ChangeKind(change.kind)]
    for side in Side:
        _tell(
            lease,
            change,
            side,
            "bookings.change_done",
            f"合同 {lease.number} {word}办好了，{change.effective_on:%Y-%m-%d} 起按新的算，账单也改了。",
        )


def tell_refused(lease: Lease, change: LeaseChange) -> None:
    """The side that asked."""
    _tell(
        lease,
        change,
        Side(change.asked_side),
        "bookings.change_refused",
        f"合同 {lease.number} 的变更企业没有同意：{change.answer_reason}",
        reason=change.answer_reason or "",
    )


def _tell(lease: Lease, change: LeaseChange, side: Side, kind: str, sms: str, **params: str) -> None:
    url = f"/lease-changes/{change.id}"
    told = {"number": lease.number, **params}
    if side is Side.LESSEE:
        tell_enterprise(lease.enterprise_id, kind=kind, params=told, url=url)
        return
    key = f"lease-change:{change.id}:{kind}"
    tell_owners([OwnerNotice(lease.owner_id, key, sms, kind, told, url)])
