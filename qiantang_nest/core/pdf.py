"""Papers as PDF: A4, a Chinese font inside, a foot with number and page, the same bytes for the same words.

A package that prints makes a list of parts with the functions below and hands it to ``build``. Text is
escaped here, so a name with ``<`` in it is a name. Nothing here knows what a paper says. Papers are Chinese
whatever language the reader's pages are in: both sides sign one text.
"""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    KeepTogether,
    LongTable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from qiantang_nest.core.money import format_money, in_words

FONT = "NotoSansSC"
_FONT_FILE = Path(__file__).resolve().parents[2] / "static" / "vendor" / "fonts" / "NotoSansSC_400Regular.ttf"
_MARGIN = 20 * mm
WIDTH = A4[0] - 2 * _MARGIN
"""Points between the margins; column widths of ``table`` are shares of it."""

_INK = colors.HexColor("#16262A")
_INK_2 = colors.HexColor("#41545A")
_LINE = colors.HexColor("#C3CECD")
_MIST = colors.HexColor("#EEF1F0")


def _style(name: str, size: float, leading: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        name, fontName=FONT, fontSize=size, leading=leading, wordWrap="CJK", textColor=_INK, **more
    )


STYLES = {
    "title": _style("title", 20, 28, alignment=TA_CENTER, spaceAfter=10),
    "heading": _style("heading", 12, 18, spaceBefore=10, spaceAfter=4),
    "body": _style("body", 10.5, 17, spaceAfter=3),
    "small": _style("small", 9, 13),
    "center": _style("center", 10.5, 17, alignment=TA_CENTER),
    "cell": _style("cell", 9.5, 14),
    "number": _style("number", 9.5, 14, alignment=TA_RIGHT),
}
"""What ``text`` may be set in."""


@cache
def _font() -> TTFont:
    """The font, read once a process (0.2 s, 25 MB) and only where something is printed."""
    font = TTFont(FONT, str(_FONT_FILE))
    pdfmetrics.registerFont(font)
    return font


def printable(words: str) -> str:
    """``words`` with characters the font lacks written as their code: a name is never silently a box."""
    known = _font().face.charToGlyph
    return "".join(char if char == "\n" or ord(char) in known else f"〔U+{ord(char):04X}〕" for char in words)


def text(words: str, style: str = "body") -> Paragraph:
    """A paragraph of plain words; line breaks are kept, markup is shown as typed."""
    return Paragraph(escape(printable(words)).replace("\n", "<br/>"), STYLES[style])


def title(words: str) -> Paragraph:
    """The name of the paper, once, on top."""
    return text(words, "title")


def heading(words: str) -> Paragraph:
    """The head of a part; it never stands alone at the foot of a page."""
    part = text(words, "heading")
    part.keepWithNext = 1
    return part


def gap(points: float = 8) -> Spacer:
    """Empty height."""
    return Spacer(1, points)


def together(parts: Sequence[Flowable]) -> KeepTogether:
    """Parts that must not be torn over two pages, such as the signatures."""
    return KeepTogether(list(parts))


def sum_in_full(fen: int) -> str:
    """A sum as contracts and receipts write it: ``¥1,200.00（人民币壹仟贰佰元整）``."""
    return f"{format_money(fen)}（{in_words(fen, prefix=True)}）"


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    shares: Sequence[float],
    *,
    numbers: Sequence[int] = (),
    foot: Sequence[str] | None = None,
) -> LongTable:
    """A ruled table; the head repeats on each page. ``numbers`` are the columns set to the right."""

    def cells(row: Sequence[str]) -> list[Paragraph]:
        return [text(value, "number" if at in numbers else "cell") for at, value in enumerate(row)]

    body = [cells(row) for row in rows]
    look: list[Any] = [
        ("GRID", (0, 0), (-1, -1), 0.5, _LINE),
        ("BACKGROUND", (0, 0), (-1, 0), _MIST),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
    ]
    if foot is not None:
        body.append(cells(foot))
        look.append(("BACKGROUND", (0, -1), (-1, -1), _MIST))
    return LongTable(
        [cells(head), *body],
        colWidths=[WIDTH * share / sum(shares) for share in shares],
        repeatRows=1,
        style=TableStyle(look),
    )


def facts(rows: Sequence[tuple[str, str]], label_share: float = 0.22) -> Table:
    """Two columns without heads: what it is, and its value."""
    return Table(
        [[text(label, "cell"), text(value, "cell")] for label, value in rows],
        colWidths=[WIDTH * label_share, WIDTH * (1 - label_share)],
        style=TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.5, _LINE),
                ("BACKGROUND", (0, 0), (0, -1), _MIST),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ]
        ),
    )


def columns(left: Sequence[Flowable], right: Sequence[Flowable]) -> Table:
    """Two halves side by side, such as the places where two parties sign."""
    return Table(
        [[list(left), list(right)]],
        colWidths=[WIDTH / 2, WIDTH / 2],
        style=TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]),
    )


def build(parts: Sequence[Flowable], *, name: str, number: str, note: str = "") -> bytes:
    """The finished paper. ``number`` and ``note`` stand at the foot of each page, with page x of y.

    The same parts give the same bytes: no clock, no random names.
    """
    _font()

    class NumberedCanvas(Canvas):
        """Holds pages back until their number is known."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._held: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802
            self._held.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]

        def save(self) -> None:
            total = len(self._held)
            for at, page in enumerate(self._held, start=1):
                self.__dict__.update(page)
                self._foot(at, total)
                super().showPage()
            super().save()

        def _foot(self, page: int, total: int) -> None:
            self.setFont(FONT, 8.5)
            self.setFillColor(_INK_2)
            self.setStrokeColor(_LINE)
            self.line(_MARGIN, 15 * mm, A4[0] - _MARGIN, 15 * mm)
            self.drawString(_MARGIN, 10.5 * mm, printable("　".join(filter(None, (number, note)))))
            self.drawRightString(A4[0] - _MARGIN, 10.5 * mm, f"第 {page} 页，共 {total} 页")

    out = BytesIO()
    SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=18 * mm,
        bottomMargin=20 * mm,
        title=name,
        subject=number,
        invariant=1,
    ).build(list(parts), canvasmaker=NumberedCanvas)
    return out.getvalue()
