"""Writes of ``billing``, one module a use case."""

from qiantang_nest.billing.services.issue_bills import issue_due_bills, run_bills
from qiantang_nest.billing.services.payments import (
    confirm_payment,
    record_payment,
    reject_payment,
    reverse_payment,
)
from qiantang_nest.billing.services.reissue_bills import reissue_bills

__all__ = [
    "confirm_payment",
    "issue_due_bills",
    "record_payment",
    "reissue_bills",
    "reject_payment",
    "reverse_payment",
    "run_bills",
]
