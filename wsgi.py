"""``gunicorn wsgi:app`` and ``flask --app wsgi``."""

import os

from config import Config
from qiantang_nest.app import create_app

app = create_app(Config.from_env(os.environ))
