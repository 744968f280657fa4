"""Photographs and papers people upload: checked, made safe, and kept as files of random names.

A photograph is decoded and written anew as JPEG, so that nothing of the upload survives but its picture: no
EXIF, no place where it was taken, no second file hidden behind the first. Files lie in
``<media_path>/<aa>/<bb>/<name>`` and appear whole or not at all. Names are random, so that they say nothing;
who may fetch one is for the view that serves it to decide. Store a file before the transaction that refers to
it; ``discard`` it if that fails.
"""

import io
import os
import re
import secrets
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

from flask import Response, abort, request, send_file
from PIL import Image, ImageOps, UnidentifiedImageError

from qiantang_nest.core.errors import DomainError, InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import settings

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 25_000_000
LONGEST_SIDE = 1600
THUMBNAIL_SIDE = 480
_NAME = re.compile(r"[a-z0-9]{32}\.(jpg|png|pdf|xlsx)")
_MIME = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_PHOTO_FORMATS = ("JPEG", "PNG", "WEBP")


class TooLarge(DomainError):
    """The upload is over the limit."""

    status = 413


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photograph in the store, as it was written: pixels after turning and shrinking."""

    name: str
    width: int
    height: int


def store_photo(data: bytes) -> StoredPhoto:
    """Keep a photograph (JPEG, PNG or WebP, at most 10 MB and 25 megapixels) with its thumbnail.

    Raises:
        TooLarge: more bytes than allowed. InvalidValue: not such a picture, or too many pixels.
    """
    picture = _decode(data)
    full = picture.copy()
    full.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    name = store_bytes(_as_jpeg(full), "jpg")
    _write(_thumbnail_path(name), _as_jpeg(picture))
    return StoredPhoto(name, full.width, full.height)


def store_document(data: bytes) -> str:
    """Keep a paper: a PDF as it is, a photograph of one written anew. Returns its name.

    Raises:
        TooLarge: more than 10 MB. InvalidValue: neither a PDF nor a picture.
    """
    if data[:1024].lstrip().startswith(b"%PDF-"):
        _check_size(data)
        if b"%%EOF" not in data[-2048:]:
            raise InvalidValue(_("这个 PDF 文件不完整，请重新导出或重新扫描。"))
        return store_bytes(data, "pdf")
    return store_photo(data).name


def store_bytes(data: bytes, extension: str) -> str:
    """Keep bytes of our own making (contracts, receipts) or that are only read by our own parser.

    Returns the name. Raises ValueError for an extension that is not served.
    """
    if extension not in _MIME:
        raise ValueError(f"unknown kind of media: {extension}")
    name = f"{secrets.token_hex(16)}.{extension}"
    _write(_path(name), data)
    return name


def read_media(name: str) -> bytes:
    """The bytes of a stored file. Raises FileNotFoundError, also for names that are none of ours."""
    return _path(name).read_bytes()


def open_media(
    name: str, *, thumbnail: bool = False, attachment: str | None = None, public: bool = False
) -> Response:
    """The answer that serves a stored file; call it only after the row that names it was loaded in scope.

    ``attachment`` is the file name to save it under, otherwise the browser shows it. ``public`` lets shared
    caches keep it; without it only the person's own browser does. The name of a file changes with its
    content, so it may be kept for a year.
    """
    path = _thumbnail_path(name) if thumbnail else _path(name)
    if not path.is_file():
        abort(404)
    response: Response = send_file(
        path,
        mimetype=_MIME[name.rpartition(".")[2]],
        as_attachment=attachment is not None,
        download_name=attachment,
        conditional=True,
        etag=name,
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    kind = "public" if public else "private"
    response.headers["Cache-Control"] = f"{kind}, max-age=31536000, immutable"
    return response


def discard(name: str) -> None:
    """Delete a stored file and its thumbnail; one that is gone already is fine."""
    for path in (_path(name), _thumbnail_path(name)):
        path.unlink(missing_ok=True)


def uploaded_bytes(field_name: str) -> list[bytes]:
    """The files a form sent under a name, without the empty ones.

    Raises:
        TooLarge: one is over 10 MB; it is not read to the end.
    """
    found = []
    for upload in request.files.getlist(field_name):
        data = upload.stream.read(MAX_BYTES + 1)
        upload.close()
        if data:
            _check_size(data)
            found.append(data)
    return found


def _check_size(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise TooLarge(_("文件超过 10 MB，太大了。请用手机拍照时选小一点的尺寸，或截图后再传。"))


def _decode(data: bytes) -> Image.Image:
    """The picture, turned the way it was held, as RGB; its header decides before its pixels are read."""
    _check_size(data)
    unreadable = InvalidValue(_("这个文件不是照片，或者坏了。请传 JPG、PNG 或 WebP 照片，重拍一张最快。"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_PHOTO_FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise InvalidValue(
                        _(
                            "照片有 %(size)s 万像素，超过 2500 万，请把手机的照片尺寸调小一点再拍。",
                            size=opened.width * opened.height // 10_000,
                        )
                    )
                if getattr(opened, "n_frames", 1) != 1:
                    raise InvalidValue(_("这是会动的图片，请传一张普通照片。"))
                opened.draft("RGB", (LONGEST_SIDE * 2, LONGEST_SIDE * 2))
                opened.load()
                turned = ImageOps.exif_transpose(opened)
                return _flat(turned)
    except InvalidValue:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidValue(_("照片的像素太多了，请把手机的照片尺寸调小一点再拍。")) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        # Whatever Pillow says of a broken file, and it has many ways to, the person needs one sentence.
        raise unreadable from error


def _flat(picture: Image.Image) -> Image.Image:
    """RGB on white, with nothing of the file attached."""
    if picture.has_transparency_data:
        with_alpha = picture.convert("RGBA")
        flat = Image.new("RGB", with_alpha.size, "white")
        flat.paste(with_alpha, mask=with_alpha.getchannel("A"))
        return flat
    converted = picture.convert("RGB")
    clean = Image.new("RGB", converted.size)
    clean.paste(converted)
    return clean


def _as_jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()


def _path(name: str) -> Path:
    if _NAME.fullmatch(name) is None:
        raise FileNotFoundError(name)
    return settings().media_path / name[:2] / name[2:4] / name


def _thumbnail_path(name: str) -> Path:
    path = _path(name)
    return path.with_name(f"{path.stem}-small{path.suffix}")


def _write(path: Path, data: bytes) -> None:
    """Write beside the place and move in: a full disk or a crash leaves no half file under the name."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
