"""Photographs and papers: what is kept of them, and what is refused."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from qiantang_nest.core import media
from qiantang_nest.core.errors import InvalidValue


@pytest.fixture(autouse=True)
def _context(app: Any) -> Any:
    with app.app_context():
        yield


def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 480), **save: Any) -> bytes:
    out = io.BytesIO()
    mode = "RGB" if kind == "JPEG" else "RGBA"
    Image.new(mode, size, "teal").save(out, kind, **save)
    return out.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header claims a size and whose data is a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photograph_becomes_a_jpeg_with_a_thumbnail(kind: str) -> None:
    stored = media.store_photo(picture(kind, (3000, 1500)))
    assert (stored.width, stored.height) == (1600, 800)
    with Image.open(io.BytesIO(media.read_media(stored.name))) as kept:
        assert (kept.format, kept.mode, kept.size) == ("JPEG", "RGB", (1600, 800))
    with Image.open(media._thumbnail_path(stored.name)) as small:
        assert small.size == (480, 240)


def test_exif_and_place_are_gone_and_the_picture_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # held sideways
    exif[0x010F] = "Phone Maker"
    exif[0x8825] = {1: "N", 2: (30.0, 18.0, 0.0), 3: "E", 4: (120.0, 27.0, 0.0)}
    data = picture("JPEG", (640, 480), exif=exif, comment=b"home of Shen")
    assert b"Phone Maker" in data
    kept = media.read_media(media.store_photo(data).name)
    assert b"Phone Maker" not in kept
    assert b"home of Shen" not in kept
    with Image.open(io.BytesIO(kept)) as opened:
        assert opened.size == (480, 640)
        assert dict(opened.getexif()) == {}


def test_what_is_hidden_behind_a_picture_does_not_survive() -> None:
    data = picture() + b"<script>alert(1)</script>PK\x03\x04"
    kept = media.read_media(media.store_photo(data).name)
    assert b"script" not in kept
    assert b"PK\x03\x04" not in kept


def animated() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "不是照片"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "不是照片"),
        (b"<!doctype html><p>photo.jpg", "不是照片"),
        (b"GIF89a" + b"\0" * 40, "不是照片"),
        (picture("TIFF"), "不是照片"),
        (picture("JPEG", (2000, 2000))[:300], "不是照片"),
        (picture("PNG")[:60], "不是照片"),
        (b"%PDF-1.7\n" + picture(), "不是照片"),
        (png_of(10_000, 10_000), "像素|万像素"),
        (png_of(5_001, 5_000), "超过 2500 万"),
        (png_of(60_000, 60_000), "像素"),
        (animated(), "会动的"),
    ],
)
def test_what_is_no_photograph_is_refused_with_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        media.store_photo(data)


def test_a_cmyk_photograph_is_taken_as_rgb() -> None:
    out = io.BytesIO()
    Image.new("CMYK", (100, 100)).save(out, "JPEG")
    kept = media.read_media(media.store_photo(out.getvalue()).name)
    assert Image.open(io.BytesIO(kept)).mode == "RGB"


def test_ten_megabytes_are_the_limit() -> None:
    with pytest.raises(media.TooLarge):
        media.store_photo(picture() + b"\0" * media.MAX_BYTES)


def test_papers_are_pdf_or_pictures() -> None:
    pdf = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF\n"
    assert media.read_media(media.store_document(pdf)) == pdf
    assert media.store_document(picture("PNG")).endswith(".jpg")
    for bad in (b"%PDF-1.7 cut", b"MZ\x90\0", b"PK\x03\x04"):
        with pytest.raises(InvalidValue):
            media.store_document(bad)


def test_names_that_are_none_of_ours_are_not_found() -> None:
    for name in ("../../keys.json", "a.jpg", "A" * 32 + ".jpg", "0" * 32 + ".svg", "0" * 32 + ".jpg\n", ""):
        with pytest.raises(FileNotFoundError):
            media.read_media(name)


def test_a_full_disk_leaves_nothing(monkeypatch: pytest.MonkeyPatch, app: Any) -> None:
    root = app.extensions["settings"].media_path
    before = {path for path in root.rglob("*") if path.is_file()}

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("qiantang_nest.core.media.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        media.store_bytes(b"x", "pdf")
    assert {path for path in root.rglob("*") if path.is_file()} == before


def test_serving_forbids_guessing_and_scripts(app: Any) -> None:
    stored = media.store_photo(picture())
    with app.test_request_context():
        answer = media.open_media(stored.name, public=True)
        answer.direct_passthrough = False
        assert answer.mimetype == "image/jpeg"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        paper = media.open_media(media.store_bytes(b"%PDF-", "pdf"), attachment="合同.pdf")
        assert paper.headers["Content-Disposition"].startswith("attachment")
        assert paper.headers["Cache-Control"].startswith("private")
        answer.close()
        paper.close()


def test_discarding_removes_picture_and_thumbnail() -> None:
    name = media.store_photo(picture()).name
    small: Path = media._thumbnail_path(name)
    media.discard(name)
    assert not small.exists()
    with pytest.raises(FileNotFoundError):
        media.read_media(name)
    media.discard(name)
