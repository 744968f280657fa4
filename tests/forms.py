"""Posting forms with the token that the pages carry, so that tests run with the guard on."""

from typing import Any

from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse


def submit(client: FlaskClient, url: str, **data: Any) -> TestResponse:
    """POST a form as a browser that has the page open would."""
    with client.session_transaction() as session:
        raw = session.setdefault("csrf_token", "0" * 40)
    serializer = URLSafeTimedSerializer(client.application.secret_key or "", salt="wtf-csrf-token")
    return client.post(url, data={"csrf_token": serializer.dumps(raw), **data})
