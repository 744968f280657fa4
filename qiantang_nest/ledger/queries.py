"""Reads of the ledger."""

from datetime import date

from sqlalchemy import case, func, select

from qiantang_nest.core.db import db
from qiantang_nest.ledger.models import LedgerEntry


def balance(*, payer_id: int, payee_id: int, account: str, on: date | None = None) -> int:
    """Debits less credits of one account between a payer and a payee, in fen, up to the day ``on``.

    ``receivable`` and ``deposit_due``: what the payer still owes; ``bank``: what has arrived;
    ``rent_income``, ``deposit_held`` and ``credit`` stand on the other side and are negative.
    """
    signed = case((LedgerEntry.debit == account, LedgerEntry.amount_fen), else_=-LedgerEntry.amount_fen)
    statement = select(func.coalesce(func.sum(signed), 0)).where(
        LedgerEntry.payer_id == payer_id,
        LedgerEntry.payee_id == payee_id,
        (LedgerEntry.debit == account) | (LedgerEntry.credit == account),
    )
    if on is not None:
        statement = statement.where(LedgerEntry.booked_on <= on)
    return int(db.session.execute(statement).scalar_one())
