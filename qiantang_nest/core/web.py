"""What every request passes: id, clock, headers, errors, log line; and what every list page needs: paging."""

import json
import logging
import re
import secrets
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit
from wsgiref.headers import Headers

from flask import (
    Flask,
    Response,
    abort,
    current_app,
    g,
    jsonify,
    make_response,
    render_template,
    request,
)
from flask_wtf.csrf import CSRFError
from sqlalchemy import Select, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter
from werkzeug.wrappers import Response as WerkzeugResponse

from qiantang_nest.core.access import public
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import BUSY_SENTENCE, db, is_connection_lost, translate
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.settings import Settings

log = logging.getLogger("qiantang_nest")

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data: blob:;"
        " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=()",
}


class IdConverter(IntegerConverter):
    """``<int:…>`` in an address: no more digits than an id can have, so that the rest is no page."""

    regex = r"[0-9]{1,18}"


def guard_static_file(headers: Headers, path: str, url: str) -> None:
    """The headers that matter for a file: WhiteNoise serves it before any request of ours begins."""
    for name in ("X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Content-Security-Policy"):
        headers[name] = _HEADERS[name]


def settings() -> Settings:
    """The application's settings."""
    found: Settings = current_app.extensions["settings"]
    return found


def actor() -> Actor:
    """Who is acting; a view that is not public always has one."""
    found = actor_or_none()
    if found is None:
        abort(403)
    return found


def actor_or_none() -> Actor | None:
    """Who is acting, or None for a visitor."""
    return getattr(g, "actor", None)


def is_local_url(target: str | None) -> bool:
    """Whether a ``next`` address stays on this site."""
    if not target or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return False
    return not urlsplit(target).netloc and not re.search(r"[\x00-\x1f]", target)


def download(data: bytes, *, name: str, mimetype: str) -> Response:
    """A file to save under a name in any script: RFC 6266, with plain letters for old programs.

    Headers are bytes on the wire, so a Chinese name as it stands is refused by the web server.
    """
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
    plain = plain if not plain.startswith(".") else f"file{plain}"
    response = Response(data, mimetype=mimetype)
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )
    return response


def wants_json() -> bool:
    """Whether the caller is a program rather than a browser page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json"


@dataclass(frozen=True)
class Page:
    """One page of a list: ``items``, and where it stands in the whole."""

    items: Sequence[Any]
    page: int
    per_page: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.per_page))

    @property
    def first(self) -> int:
        return (self.page - 1) * self.per_page + 1 if self.total else 0

    @property
    def last(self) -> int:
        return min(self.page * self.per_page, self.total)

    @property
    def prev_url(self) -> str | None:
        return _page_url(self.page - 1) if self.page > 1 else None

    @property
    def next_url(self) -> str | None:
        return _page_url(self.page + 1) if self.page < self.pages else None


def _page_url(page: int) -> str:
    query = request.args.to_dict(flat=False)
    query["page"] = [str(page)]
    return f"{request.path}?{urlencode(query, doseq=True)}"


def ids_from(values: Iterable[str]) -> list[int]:
    """The ids among form values; what cannot be one is left out."""
    return [int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 19]


def number_from_query(name: str, default: int, low: int, high: int) -> int:
    """A whole number from the address, or the default if it is absent or odd."""
    value = request.args.get(name, "")
    return min(max(ids_from([value])[0], low), high) if ids_from([value]) else default


def paginate(statement: Select[*tuple[Any, ...]], *, scalars: bool = True, per_page: int = 25) -> Page:
    """Run one page of an ordered select: a count and a limited read.

    ``page`` and ``per_page`` (at most 200) come from the address; a page past the end is the last one.
    """
    per_page = number_from_query("per_page", per_page, 1, 200)
    total = db.session.execute(
        select(func.count()).select_from(statement.order_by(None).subquery())
    ).scalar_one()
    page = min(number_from_query("page", 1, 1, 1_000_000), max(1, -(-total // per_page)))
    rows = db.session.execute(statement.limit(per_page).offset((page - 1) * per_page))
    return Page((rows.scalars() if scalars else rows).all(), page, per_page, total)


def paginate_list(items: Sequence[Any], *, per_page: int = 25) -> Page:
    """The same for a short list already in memory."""
    per_page = number_from_query("per_page", per_page, 1, 200)
    page = min(number_from_query("page", 1, 1, 1_000_000), max(1, -(-len(items) // per_page)))
    return Page(items[(page - 1) * per_page : page * per_page], page, per_page, len(items))


def sort_from_query(columns: Mapping[str, Any], default: str) -> Any:
    """The ORDER BY expression the address asks for: ``sort=name`` or ``sort=-name`` from a fixed list."""
    wanted = request.args.get("sort", default)
    key = wanted.removeprefix("-")
    if key not in columns:
        wanted, key = default, default.removeprefix("-")
    return columns[key].desc() if wanted.startswith("-") else columns[key].asc()


def error_page(status: int, message: str | None = None, retry_after: int | None = None) -> WerkzeugResponse:
    """The page (or JSON) of one refusal, with the way out."""
    if wants_json():
        response: WerkzeugResponse = jsonify(error=message or status, request_id=g.get("request_id", ""))
    else:
        # csrf has wording of its own; every other status has a template of its number.
        response = make_response(render_template(f"errors/{status}.html", message=message))
    response.status_code = status
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _on_domain_error(error: DomainError) -> WerkzeugResponse:
    db.session.rollback()
    status = error.status if error.status in (403, 404, 409, 413, 429, 503) else 400
    retry_after = getattr(error, "retry_after_seconds", None)
    return error_page(status, str(error.message), retry_after)


def _on_http_error(error: HTTPException) -> WerkzeugResponse:
    if error.response is not None:
        return cast(WerkzeugResponse, error.response)
    code = error.code or 500
    known = code if code in (400, 403, 404, 409, 413, 429, 500, 503) else (404 if code == 405 else 400)
    if code < 400:
        return WerkzeugResponse.force_type(error.get_response())
    response = error_page(known)
    response.status_code = code
    if code == 405 and (allowed := getattr(error, "valid_methods", None)):
        response.headers["Allow"] = ", ".join(allowed)
    return response


def _on_csrf_error(error: CSRFError) -> WerkzeugResponse:
    response = make_response(render_template("errors/csrf.html"))
    response.status_code = 400
    return response


def _on_unexpected(error: Exception) -> WerkzeugResponse:
    with suppress(DBAPIError, PoolTimeout):
        db.session.rollback()
    # The page may not ask the database again, which may be what has failed: no person, no menu.
    g.draws_failure = True
    if isinstance(error, DBAPIError):
        translated = translate(error)
        if isinstance(translated, DomainError):
            return _on_domain_error(translated)
    if isinstance(error, PoolTimeout) or is_connection_lost(error):
        log.warning("database unavailable", extra={"request_id": g.get("request_id", "")})
        return error_page(503, str(BUSY_SENTENCE), 5)
    # The exception's text may hold what a person typed; its type and place may not.
    log.error(
        "unexpected %s", type(error).__name__, exc_info=error, extra={"request_id": g.get("request_id", "")}
    )
    return error_page(500)


class JsonLines(logging.Formatter):
    """One JSON object a line, without personal data: no address, no form, no query string."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        for key in ("request_id", "method", "endpoint", "status", "ms", "user_id", "role"):
            if (value := getattr(record, key, None)) is not None:
                line[key] = value
        if record.exc_info and record.exc_info[2]:
            trace: TracebackType | None = record.exc_info[2]
            frames = []
            while trace is not None:
                code = trace.tb_frame.f_code
                frames.append(
                    f"{code.co_filename.rsplit('/qiantang_nest/')[-1]}:{trace.tb_lineno} {code.co_name}"
                )
                trace = trace.tb_next
            line["trace"] = frames[-12:]
        return json.dumps(line, ensure_ascii=False)


def _begin() -> None:
    g.request_id = secrets.token_hex(8)
    g.started = time.perf_counter()
    if request.mimetype != "multipart/form-data":
        # The framework counts the text of a form only where it comes in parts.
        request.max_content_length = current_app.config["MAX_FORM_MEMORY_SIZE"]
    # No keyboard types a NUL, PostgreSQL takes none, and what stands in an address goes into many questions.
    if "\x00" in request.path:
        abort(404)
    if any("\x00" in value for _name, value in request.args.items(multi=True)):
        abort(400)


def _finish(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if request.endpoint != "static" and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store" if actor_or_none() else "no-cache"
    response.headers["X-Request-Id"] = g.get("request_id", "")
    who = actor_or_none()
    if request.endpoint not in ("static", "core.healthz"):
        log.info(
            "request",
            extra={
                "request_id": g.get("request_id", ""),
                "method": request.method,
                "endpoint": request.endpoint or "",
                "status": response.status_code,
                "ms": round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
                "user_id": who.user_id if who else None,
                "role": who.role if who else None,
            },
        )
    return response


@public
def healthz() -> WerkzeugResponse:
    """The process answers."""
    return jsonify(status="ok")


@public
def readyz() -> WerkzeugResponse:
    """The process can serve: the database answers. Says which migration it is at, and judges none."""
    try:
        version = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    except Exception:
        db.session.rollback()
        response: WerkzeugResponse = jsonify(status="database unavailable")
        response.status_code = 503
        return response
    return jsonify(status="ok", schema=version)


def register(app: Flask) -> None:
    """Attach all of it to the application."""
    if not app.extensions["settings"].testing:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        log.handlers[:] = [handler]
        log.setLevel(logging.INFO)
        log.propagate = False
    app.url_map.converters["int"] = IdConverter
    app.before_request(_begin)
    app.after_request(_finish)
    app.register_error_handler(DomainError, _on_domain_error)
    app.register_error_handler(CSRFError, _on_csrf_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_unexpected)
    app.add_url_rule("/healthz", "core.healthz", healthz)
    app.add_url_rule("/readyz", "core.readyz", readyz)
