"""The database: base class, session, the one transaction, locks, and the translation of refusals.

What must never be false is a named constraint; ``refuse_as`` says which sentence a person reads when one
is broken. SQLSTATEs that mean "busy" become ``Busy``; everything else is a bug and stays an exception.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Executable, MetaData, Text, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, registry

from qiantang_nest.core.errors import Busy, DomainError
from qiantang_nest.core.i18n import _, _l

_metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Base(DeclarativeBase):
    """Every model inherits this; text is TEXT, ids are BIGINT, instants are TIMESTAMPTZ."""

    registry = registry(
        metadata=_metadata,
        type_annotation_map={str: Text(), int: BigInteger(), datetime: DateTime(timezone=True)},
    )


db = SQLAlchemy(model_class=Base, session_options={"join_transaction_mode": "create_savepoint"})

_refusals: dict[str, tuple[type[DomainError], str]] = {}
_BUSY_STATES = {"55P03", "40P01", "40001", "53300", "57014"}


def refuse_as(constraint: str, error: type[DomainError], message: str) -> None:
    """Say which error, with which lazily translated sentence, a broken named constraint becomes."""
    _refusals[constraint] = (error, message)


def translate(error: DBAPIError) -> Exception:
    """The DomainError a database error stands for, or the error itself."""
    diagnostic = getattr(error.orig, "diag", None)
    known = _refusals.get(getattr(diagnostic, "constraint_name", None) or "")
    if known is not None:
        kind, message = known
        return kind(str(message))
    if getattr(error.orig, "sqlstate", None) in _BUSY_STATES:
        return Busy(_("同一时刻办的人太多，没有办成，也没有改动任何东西。请过几秒再试一次。"))
    return error


@contextmanager
def transaction() -> Iterator[None]:
    """One request or command, one transaction: opened by a view or a command, never by a service.

    Flushes, checks deferred constraints, commits; rolls back on any exception. Refuses nesting.
    Raises the DomainError a broken constraint stands for, or Busy for lock time-outs and deadlocks.
    """
    session = db.session
    if session.info.get("in_transaction_block"):
        raise RuntimeError("transaction() does not nest: services never open one")
    session.info["in_transaction_block"] = True
    session.info["kept_if_refused"] = []
    try:
        yield
        session.flush()
        session.commit()
    except DBAPIError as error:
        session.rollback()
        _write_kept()
        translated = translate(error)
        if translated is error:
            raise
        raise translated from error
    except PoolTimeout as error:
        session.rollback()
        raise Busy(_("排队的人太多，请过几秒再试一次。")) from error
    except BaseException:
        session.rollback()
        _write_kept()
        raise
    finally:
        session.info.pop("in_transaction_block", None)
        session.info.pop("kept_if_refused", None)


def keep_if_refused(statement: Executable) -> None:
    """Run a write now, and once more on its own if the transaction is rolled back.

    For counters of failure (wrong codes, throttles): a refusal undoes everything but the count of it.
    """
    db.session.execute(statement)
    db.session.info.setdefault("kept_if_refused", []).append(statement)


def _write_kept() -> None:
    session = db.session
    statements = session.info.get("kept_if_refused") or []
    if not statements:
        return
    # The refusal itself is what the person must see, not trouble in counting it.
    with suppress(DBAPIError, PoolTimeout):
        for statement in statements:
            session.execute(statement)
        session.commit()
    session.rollback()


def lock_villages(codes: Iterable[str]) -> None:
    """Take the villages' locks in ascending order, in a statement of its own, held to the transaction's end.

    Call it once per transaction and before looking: under READ COMMITTED the next statement then sees
    everything the previous holder committed. Raises Busy (through ``transaction``) after 3 s.
    """
    keys = sorted({int(code) for code in codes})
    if keys:
        db.session.execute(
            text(
                "SELECT pg_advisory_xact_lock(k) FROM (SELECT set_config('lock_timeout', '3s', true)) AS s,"
                " unnest(CAST(:keys AS bigint[])) AS k"
            ),
            {"keys": keys},
        )


def array_literal(values: Iterable[int | str]) -> str:
    """``{1,2,3}``, for a bind that the SQL casts to an array: numbers, codes, keys, bytes in hexadecimal.

    The driver takes several times as long to write a list, which is felt at some hundred rooms. Text of
    anything but letters, digits and ``:-_`` is quoted (PostgreSQL manual, «Array Input and Output Syntax»).
    """
    elements = list(map(str, values))
    inside = ",".join(elements)
    fenced = f",{inside.lower()},"
    if elements and (
        inside.count(",") >= len(elements)
        or not inside.translate(_PUNCTUATION).isalnum()
        or ",," in fenced
        or ",null," in fenced
    ):
        inside = ",".join('"' + element.translate(_QUOTED) + '"' for element in elements)
    return f"{{{inside}}}"


_PUNCTUATION = str.maketrans("", "", ",:-_")
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"'})


def is_connection_lost(error: BaseException) -> bool:
    """Whether an exception means that the database could not be reached."""
    return isinstance(error, OperationalError) and bool(
        error.connection_invalidated or getattr(error.orig, "sqlstate", None) in (None, "57P01", "57P03")
    )


BUSY_SENTENCE = _l("同一时刻办的人太多，没有办成，也没有改动任何东西。请过几秒再试一次。")
