"""Papers: their words come out again, markup is not markup, the same words give the same bytes."""

from io import BytesIO

import pytest
from pypdf import PdfReader

from qiantang_nest.core import pdf


@pytest.fixture(scope="module")
def paper() -> bytes:
    return _paper()


def _paper() -> bytes:
    rows = [[f"{floor}01", "12.0", "600.00"] for floor in range(1, 81)]
    return pdf.build(
        [
            pdf.title("房屋租赁合同"),
            pdf.facts([("出租方", "<b>沈桂珍</b> & 家人"), ("字库没有的字", "𠮷野")]),
            pdf.heading("租金"),
            pdf.text(pdf.sum_in_full(1_640_902)),
            pdf.table(
                ["房间", "面积", "月租"], rows, [2, 1, 1], numbers=[1, 2], foot=["合计", "", "48,000.00"]
            ),
            pdf.together(
                [
                    pdf.columns([pdf.text("甲方")], [pdf.text("乙方\n盖章")]),
                    pdf.gap(),
                    pdf.text("完", "small"),
                ]
            ),
        ],
        name="房屋租赁合同",
        number="HT-2026-000001",
        note="钱塘巢",
    )


def read(paper: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(paper)).pages)


def test_words_can_be_read_again(paper: bytes) -> None:
    words = read(paper)
    assert "房屋租赁合同" in words
    assert "¥16,409.02（人民币壹万陆仟肆佰零玖元零贰分）" in words
    assert "<b>沈桂珍</b> & 家人" in words
    assert "〔U+20BB7〕野" in words


def test_every_page_has_number_and_place(paper: bytes) -> None:
    pages = PdfReader(BytesIO(paper)).pages
    assert len(pages) > 1
    for at, page in enumerate(pages, start=1):
        words = page.extract_text()
        assert f"第 {at} 页，共 {len(pages)} 页" in words
        assert "HT-2026-000001" in words
        assert "面积" in words or at == len(pages)


def test_same_words_same_bytes(paper: bytes) -> None:
    assert _paper() == paper


def test_font_is_inside(paper: bytes) -> None:
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in PdfReader(BytesIO(paper)).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert any("NotoSansSC" in name for name in fonts)
