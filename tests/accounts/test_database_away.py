"""What people see while the database cannot be reached."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import create_engine

from qiantang_nest.core.db import db, transaction
from tests import factories
from tests.conftest import sign_in


@contextmanager
def database_away(app: Flask) -> Iterator[None]:
    """Nothing listens where the application looks for its database."""
    with app.app_context():
        usual = db.engines[None]
        db.engines[None] = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    try:
        yield
    finally:
        with app.app_context():
            db.engines[None].dispose()
            db.engines[None] = usual


@pytest.mark.usefixtures("at_now")
def test_a_person_signed_in_gets_a_page_with_a_way_out(fresh_app: Flask) -> None:
    client = fresh_app.test_client()
    with fresh_app.app_context():
        with transaction():
            clerk = factories.make_clerk()
        sign_in(client, clerk)
    assert client.get("/houses").status_code == 200
    with database_away(fresh_app):
        answer = client.get("/houses")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "<h1" in answer.get_data(as_text=True)
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
    assert client.get("/houses").status_code == 200
