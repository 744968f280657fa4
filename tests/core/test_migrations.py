"""The migrations and the models say the same; every migration goes down and up again."""

import warnings

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from qiantang_nest.core.db import db
from tests.conftest import ROOT, make_app

MIGRATIONS = str(ROOT / "migrations")


def test_there_is_one_head(app):
    with app.app_context():
        scripts = app.extensions["migrate"].migrate.get_config(MIGRATIONS)
    assert len(ScriptDirectory.from_config(scripts).get_heads()) == 1


def test_head_equals_the_models(app, worker_database):
    engine = create_engine(app.extensions["settings"].database_owner_url)
    with app.app_context(), engine.connect() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Did not recognize type 'point'")
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, db.metadata) == []
    engine.dispose()


def test_down_and_up_again(fresh_database, tmp_path):
    app = make_app(fresh_database, tmp_path)
    with app.app_context():
        flask_migrate.downgrade(directory=MIGRATIONS, revision="base")
        engine = create_engine(app.extensions["settings"].database_owner_url)
        with engine.connect() as connection:
            left = connection.execute(
                text(
                    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                    " AND relkind IN ('r', 'S', 'v') AND relname <> 'alembic_version'"
                )
            ).scalars()
            assert list(left) == []
        engine.dispose()
        flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
        db.session.execute(text("SELECT 1 FROM room_claim"))
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize(
    "table", ["audit_event", "ledger_entry", "bill_line", "lease_signature", "deposit_return"]
)
def test_append_only_tables_refuse_the_application_role(db_session, table):
    for verb in ("UPDATE", "DELETE", "TRUNCATE"):
        allowed = db_session.execute(
            text("SELECT has_table_privilege(current_user, :table, :verb)"), {"table": table, "verb": verb}
        ).scalar_one()
        assert not allowed, f"{verb} on {table}"


def test_the_application_role_owns_nothing(db_session):
    owned = db_session.execute(
        text(
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
            " WHERE r.rolname = current_user"
        )
    ).scalar_one()
    flags = db_session.execute(
        text("SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user")
    ).one()
    assert owned == 0
    assert tuple(flags) == (False, False, False)
