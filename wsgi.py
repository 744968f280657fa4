"""``gunicorn wsgi:app`` and ``flask --app wsgi``."""

import os

from config import Config, ConfigError
from qiantang_nest.app import create_app
from qiantang_nest.core.postgres_server import PostgresServerError

try:
    app = create_app(Config.from_env(os.environ))
except (ConfigError, PostgresServerError) as error:
    # A sentence for the operator instead of a traceback.
    raise SystemExit(str(error)) from None
