"""Pages of ``billing``: bills, payments, receipts, one module each under one blueprint."""

from flask import Blueprint

blueprint = Blueprint("billing", __name__)

from qiantang_nest.billing.views import bills, deposits, payments, receipts  # noqa: E402

__all__ = ["bills", "blueprint", "deposits", "payments", "receipts"]
