"""The application factory: every extension, blueprint and check, in one readable order."""

from hashlib import sha256
from pathlib import Path

from flask import Flask
from flask_babel import Babel
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from qiantang_nest import cli, navigation
from qiantang_nest.accounts import models as accounts_models
from qiantang_nest.accounts import views as accounts
from qiantang_nest.accounts.rules import EMPLOYER_ROLES
from qiantang_nest.billing import models as billing_models
from qiantang_nest.billing import views as billing
from qiantang_nest.bookings import models as bookings_models
from qiantang_nest.bookings import views as bookings
from qiantang_nest.core import access, audit, clock, numbering, style_page, templating, web
from qiantang_nest.core.crypto import Keyring, use_keyring
from qiantang_nest.core.db import db
from qiantang_nest.core.i18n import DEFAULT_LOCALE
from qiantang_nest.core.settings import Settings
from qiantang_nest.enterprises import views as enterprises
from qiantang_nest.enterprises.queries import enterprise_name
from qiantang_nest.geography import models as geography_models
from qiantang_nest.geography import views as geography
from qiantang_nest.geography.queries import DISTRICT, area_name, streets, villages_in
from qiantang_nest.housing import views as housing
from qiantang_nest.ledger import models as ledger_models
from qiantang_nest.notifications import models as notifications_models
from qiantang_nest.notifications import views as notifications
from qiantang_nest.occupancy import views as occupancy
from qiantang_nest.reports import models as reports_models
from qiantang_nest.reports import views as reports
from qiantang_nest.spreadsheets import views as spreadsheets

BLUEPRINTS = (
    accounts.preferences,
    accounts.blueprint,
    notifications.blueprint,
    geography.blueprint,
    housing.blueprint,
    enterprises.blueprint,
    occupancy.blueprint,
    billing.blueprint,
    bookings.blueprint,
    reports.blueprint,
    spreadsheets.blueprint,
)

MODELS = (
    accounts_models,
    billing_models,
    bookings_models,
    geography_models,
    ledger_models,
    notifications_models,
    reports_models,
    audit,
    numbering,
)
"""Between them they import every table, so that migrations compare the whole."""


def create_app(settings: Settings) -> Flask:
    """Build the application. Raises RuntimeError if an endpoint declares no access."""
    app = Flask("qiantang_nest", root_path=str(_root()), static_folder="static", template_folder="templates")
    app.extensions["settings"] = settings
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SECRET_KEY_FALLBACKS=list(settings.secret_key_fallbacks),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": 8,
            "max_overflow": 0,
            "pool_timeout": 2,
            "pool_pre_ping": True,
            "connect_args": {"connect_timeout": 5, "application_name": "qiantang-nest"},
        },
        SESSION_COOKIE_NAME="qiantang",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        MAX_CONTENT_LENGTH=settings.max_upload_mb * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        MAX_FORM_PARTS=2000,
        TRUSTED_HOSTS=list(settings.trusted_hosts) or None,
        WTF_CSRF_TIME_LIMIT=12 * 3600,
        BABEL_DEFAULT_LOCALE=DEFAULT_LOCALE,
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
        BABEL_TRANSLATION_DIRECTORIES=str(_root() / "translations"),
        TESTING=settings.testing,
    )
    use_keyring(Keyring(settings.field_keys, settings.hash_key))
    clock.start_at(settings.clock_start)

    db.init_app(app)
    Migrate(app, db, directory=str(_root() / "migrations"), compare_type=True, compare_server_default=True)
    # Before all that reads a request: its id, and how much of it is read at all.
    web.register(app)
    CSRFProtect(app)
    Babel(app, locale_selector=accounts.select_locale)
    templating.register(app)
    accounts.register(app, places=accounts.Places(name=_place_name, choices=_place_choices))
    navigation.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if not settings.production:
        style_page.register(app)
    cli.register(app)
    _version_static_links(app)
    access.refuse_undeclared(app)

    # Every link to a static file carries the file's own hash, so a browser may keep it for a year.
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=str(_root() / "static"),
        prefix="static/",
        max_age=31_536_000,
        add_headers_function=web.guard_static_file,
    )
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies
        )
    return app


def _place_name(role: str, scope: str) -> str:
    """The village, street or enterprise that a role is over; accounts lie below all three."""
    if role in EMPLOYER_ROLES:
        return enterprise_name(int(scope))
    return area_name(scope) if scope.startswith("330114") else ""


def _place_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    villages = villages_in(DISTRICT)
    of_street = {street.code: [(street.code, street.name)] for street in streets()}
    for village in villages:
        of_street[village.street_code].append((village.code, village.name))
    names = {choices[0][0]: choices[0][1] for choices in of_street.values()}
    return [
        (area_name(DISTRICT), [(DISTRICT, area_name(DISTRICT))]),
        *((names[code], choices) for code, choices in of_street.items()),
    ]


def _root() -> Path:
    return Path(__file__).resolve().parent.parent


def _version_static_links(app: Flask) -> None:
    """Add ``?v=<content hash>`` to links to static files."""
    known: dict[str, str] = {}

    def add_version(endpoint: str, values: dict[str, object]) -> None:
        if endpoint != "static" or "v" in values:
            return
        name = str(values.get("filename", ""))
        if name not in known:
            file = _root() / "static" / name
            known[name] = sha256(file.read_bytes()).hexdigest()[:10] if file.is_file() else "0"
        values["v"] = known[name]

    app.url_defaults(add_version)
