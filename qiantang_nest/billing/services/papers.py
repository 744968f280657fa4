"""The month's statement and the receipt as PDF. Papers are Chinese whatever the reader's language."""

from datetime import date

from flask_babel import force_locale

from qiantang_nest.billing import rules
from qiantang_nest.billing.models import Bill, BillLine, Payment, Receipt
from qiantang_nest.billing.queries.bills import person_name, settles
from qiantang_nest.billing.queries.statement import Statement
from qiantang_nest.core import audit, pdf
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.i18n import DEFAULT_LOCALE
from qiantang_nest.core.money import format_money, format_yuan, in_words
from qiantang_nest.enterprises.models import Enterprise

METHODS = {
    "bank": "银行转账",
    "cash": "现金",
    "alipay": "支付宝",
    "wechat": "微信",
    "other": "其他",
    "deposit": "从押金里抵",
}
NOT_OURS = "租金由企业直接付给房东，平台不经手、不代收。"


def explain_line(bill: Bill, line: BillLine, *, this_year: int | None = None) -> str:
    """How a line came about, for pages and papers alike."""
    if bill.kind == "deposit":
        return rules.explain_deposit(line.amount_fen, line.rate_fen)
    return rules.explain(line, this_year=this_year)


def print_statement(
    *, statement: Statement, enterprise: Enterprise, full_accounts: bool, today: date, actor: Actor
) -> bytes:
    """An employer's month as PDF. ``full_accounts`` shows the payees' whole account numbers, and leaves an
    audit row that says so: transfers cannot be made to a masked number."""
    if full_accounts:
        audit.record(
            actor=actor,
            action="billing.reveal_accounts",
            entity="enterprise",
            entity_id=enterprise.id,
            changes={
                "month": statement.month.isoformat(),
                "payees": [payee.owner.id for payee in statement.payees],
                "purpose": "statement",
            },
        )
    with force_locale(DEFAULT_LOCALE):
        return _statement(statement, enterprise, full_accounts, today)


def _statement(statement: Statement, enterprise: Enterprise, full_accounts: bool, today: date) -> bytes:
    month = f"{statement.month.year} 年 {statement.month.month} 月"
    parts = [
        pdf.title(f"{month}账单"),
        pdf.facts(
            [
                ("付款企业", f"{enterprise.name}　{enterprise.uscc}"),
                ("应付合计", pdf.sum_in_full(statement.amount_fen)),
                ("已到账", format_money(statement.paid_fen)),
                ("还要付", format_money(statement.left_fen)),
                ("说明", "转账时请把附言抄全。" + NOT_OURS),
            ]
        ),
    ]
    for village in statement.villages:
        parts.append(pdf.heading(f"{village.name}　{format_money(village.amount_fen)}"))
        for payee in village.payees:
            account = payee.account(full=full_accounts) or "未登记收款账号"
            rows = [
                (
                    f"{line.room.house.address} {line.room.label}",
                    explain_line(bill, line),
                    bill.due_on.isoformat(),
                    format_yuan(line.amount_fen),
                )
                for bill, line in payee.lines
            ]
            parts += [
                pdf.text(f"{payee.owner.account_name or payee.owner.name}　{account}　附言 {payee.code}"),
                pdf.table(
                    ("房间", "怎么算的", "最晚付款", "金额（元）"),
                    rows,
                    (20, 50, 14, 16),
                    numbers=(3,),
                    foot=("小计", f"已到账 {format_yuan(payee.paid_fen)}", "", format_yuan(payee.amount_fen)),
                ),
                pdf.gap(),
            ]
    return pdf.build(
        parts,
        name=f"{enterprise.name} {month}账单",
        number=f"账单 {statement.month:%Y-%m}",
        note=f"{today.isoformat()} 打印",
    )


def print_receipt(*, receipt: Receipt) -> bytes:
    """A receipt as PDF; a voided one says so in its title and why."""
    with force_locale(DEFAULT_LOCALE):
        payment = receipt.payment
        rows = [
            ("编号", receipt.number),
            ("开具日期", receipt.issued_on.isoformat()),
            ("付款人", payment.enterprise.name),
            ("收款人", payment.owner.name),
            ("事由", purpose(payment)),
            ("金额（小写）", format_money(payment.amount_fen)),
            ("金额（大写）", in_words(payment.amount_fen, prefix=True)),
            ("付款方式", f"{METHODS[payment.method]}　{payment.paid_on.isoformat()}"),
            ("流水号", payment.serial or "无"),
            ("经手人", person_name(receipt.issued_by) or "—"),
        ]
        if receipt.voided_at is not None:
            rows.append(("作废原因", receipt.void_reason or ""))
        return pdf.build(
            [
                pdf.title("收据（已作废）" if receipt.voided_at else "收据"),
                pdf.facts(rows),
                pdf.gap(),
                pdf.text("非税务发票。需要发票的，请向收款人索取，或由收款人到税务机关代开。"),
                pdf.text(NOT_OURS, "small"),
            ],
            name=f"收据 {receipt.number}",
            number=receipt.number,
        )


def purpose(payment: Payment) -> str:
    """What a payment was for: the bills it settles, and what stays as credit."""
    parts = []
    for allocation in settles(payment.id):
        bill = allocation.bill
        what = "押金" if bill.kind == "deposit" else f"{bill.starts_on.year} 年 {bill.starts_on.month} 月房租"
        parts.append(f"{what} {format_money(allocation.amount_fen)}（账单 {bill.number}）")
    if payment.unallocated_fen:
        parts.append(f"预付 {format_money(payment.unallocated_fen)}")
    return "；".join(parts) or "预付房租"
