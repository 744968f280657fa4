"""The ledger: one row moves one sum from one account to another, so no row can be out of balance."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from qiantang_nest.core.db import Base

ACCOUNTS = ("receivable", "rent_income", "deposit_due", "deposit_held", "bank", "credit", "deducted")


class LedgerEntry(Base):
    """A balanced entry between one payer (employer) and one payee (lessor). Append only (trigger).

    Debit and credit stand in one row, so balance is a matter of shape rather than of a deferred check.
    ``receivable`` is what the payer owes, ``rent_income`` what the payee earned, ``deposit_due`` and
    ``deposit_held`` deposits owed to and held by the payee, ``bank`` what arrived at the payee, ``credit``
    what was paid too much, ``deducted`` what the payee kept of a deposit for a listed case.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint("debit <> credit", name="two_accounts"),
        CheckConstraint(
            "debit IN ({0}) AND credit IN ({0})".format(", ".join(f"'{a}'" for a in ACCOUNTS)),
            name="accounts_known",
        ),
        Index("ix_ledger_entry_pair", "payer_id", "payee_id", "booked_on"),
        Index("ix_ledger_entry_source", "source", "source_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    booked_on: Mapped[date]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    payer_id: Mapped[int]
    """enterprise.id"""
    payee_id: Mapped[int]
    """owner.id"""
    debit: Mapped[str]
    credit: Mapped[str]
    amount_fen: Mapped[int]
    source: Mapped[str]
    """Table of the row that caused it: bill, payment_allocation, payment, deposit_return."""
    source_id: Mapped[int]
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_entry.id"), unique=True)
