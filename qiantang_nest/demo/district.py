"""The whole demo in order: places, supply and letting, bills and payments, stored figures."""

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import create_engine, select, text

from qiantang_nest.core.db import db, transaction
from qiantang_nest.demo.build import HISTORY_DAYS, build
from qiantang_nest.demo.money import bill_and_pay
from qiantang_nest.geography.queries import streets, village_codes_in
from qiantang_nest.geography.services import load_places
from qiantang_nest.housing.models import Owner
from qiantang_nest.reports.services import refresh_days


def is_empty() -> bool:
    """Whether no household is there yet."""
    return db.session.execute(select(Owner.id).limit(1)).first() is None


def build_district(
    *, scale: float, seed: int, today: date, owner_url: str, say: Callable[[str], None]
) -> None:
    """Build a district of ``scale`` in an empty, migrated database, in several transactions.

    ``owner_url`` is the address of the tables' owner, who alone may ANALYZE. A build that was stopped leaves
    households behind, so the next one refuses. Raises ValueError for a scale out of (0, 10] or a database
    with households.
    """
    if not is_empty():
        raise ValueError("there are households already: the demo is built in an empty database")

    def analyze() -> None:
        _analyze(owner_url)

    with transaction():
        load_places()
    build(scale=scale, seed=seed, today=today, commit=db.session.commit, say=say)
    analyze()
    bill_and_pay(
        since=today - timedelta(days=HISTORY_DAYS),
        today=today,
        commit=db.session.commit,
        analyze=analyze,
        say=say,
    )
    analyze()
    for street in streets():
        with transaction():
            refresh_days(codes=village_codes_in(street.code), today=today)
    say("occupancy stored")


def _analyze(owner_url: str) -> None:
    """Fresh statistics after a bulk load: without them the next statements are planned for empty tables."""
    engine = create_engine(owner_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
