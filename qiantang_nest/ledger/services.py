"""Writes of the ledger: entries are added, never changed; a mistake is taken back by an entry of its own."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import aliased

from qiantang_nest.core.db import db
from qiantang_nest.ledger.models import LedgerEntry


def post(
    *,
    booked_on: date,
    payer_id: int,
    payee_id: int,
    debit: str,
    credit: str,
    amount_fen: int,
    source: str,
    source_id: int,
) -> LedgerEntry:
    """Move ``amount_fen`` from the account ``credit`` to the account ``debit`` of one payer and payee.

    ``source`` and ``source_id`` name the row that caused it. A sum of 0 or an unknown account breaks a
    named constraint.
    """
    entry = LedgerEntry(
        booked_on=booked_on,
        payer_id=payer_id,
        payee_id=payee_id,
        debit=debit,
        credit=credit,
        amount_fen=amount_fen,
        source=source,
        source_id=source_id,
    )
    db.session.add(entry)
    return entry


def reverse(*, booked_on: date, source: str, source_ids: Iterable[int]) -> int:
    """Take back every entry of some rows that still stands, each by its mirror; returns how many."""
    mirror = aliased(LedgerEntry)
    standing = (
        select(LedgerEntry)
        .where(
            LedgerEntry.source == source,
            LedgerEntry.source_id.in_(list(source_ids)),
            LedgerEntry.reverses_id.is_(None),
            ~select(mirror.id).where(mirror.reverses_id == LedgerEntry.id).exists(),
        )
        .order_by(LedgerEntry.id)
    )
    entries = db.session.execute(standing).scalars().all()
    for entry in entries:
        db.session.add(
            LedgerEntry(
                booked_on=booked_on,
                payer_id=entry.payer_id,
                payee_id=entry.payee_id,
                debit=entry.credit,
                credit=entry.debit,
                amount_fen=entry.amount_fen,
                source=source,
                source_id=entry.source_id,
                reverses_id=entry.id,
            )
        )
    return len(entries)
