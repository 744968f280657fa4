"""Receipts: a page to print and a PDF."""

from flask import Response, render_template

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.billing.forms import PAID_BY_LABELS
from qiantang_nest.billing.queries import bills as queries
from qiantang_nest.billing.services.papers import print_receipt
from qiantang_nest.billing.views import blueprint
from qiantang_nest.billing.views.bills import pdf_response
from qiantang_nest.core.access import requires
from qiantang_nest.core.money import in_words
from qiantang_nest.core.web import actor


@blueprint.get("/receipts/<int:receipt_id>")
@requires(Permission.BILL_READ)
def receipt(receipt_id: int) -> str:
    """A receipt as it is printed; a voided one says so."""
    found = queries.receipt_visible_to(actor(), receipt_id)
    return render_template(
        "billing/receipt.html",
        receipt=found,
        allocations=queries.settles(found.payment_id),
        issued_by=queries.person_name(found.issued_by),
        in_words=in_words(found.payment.amount_fen, prefix=True),
        methods=PAID_BY_LABELS,
    )


@blueprint.get("/receipts/<int:receipt_id>.pdf")
@requires(Permission.BILL_READ)
def receipt_pdf(receipt_id: int) -> Response:
    """The same as PDF."""
    found = queries.receipt_visible_to(actor(), receipt_id)
    return pdf_response(print_receipt(receipt=found), f"{found.number}.pdf")
