"""A checked sheet of needs meets the database: what it would add, what stands in its way, and taking it in.

All or nothing; a row that was taken in before adds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from qiantang_nest.bookings.models import Demand
from qiantang_nest.bookings.services.demands import Wanted, check_wanted, post_demand
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import BadRows, DomainError, RowProblem
from qiantang_nest.core.i18n import _, ngettext
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.enterprises.queries import open_worksites
from qiantang_nest.geography.queries import DISTRICT, villages_in
from qiantang_nest.spreadsheets.rules.demands import AREA, SITE, STARTS, Line, check_rows
from qiantang_nest.spreadsheets.rules.roster import RawRow


@dataclass(frozen=True)
class Outcome:
    """What a sheet of needs adds, or would add."""

    added: int
    people: int
    known: int


def try_demands(
    *, rows: Sequence[RawRow], enterprise: Enterprise, today: date
) -> tuple[Outcome, list[RowProblem]]:
    """What taking the rows in would do; writes nothing."""
    lines, problems = check_rows(rows, today)
    wanted, found = _wanted(lines, enterprise, today)
    known = _known(lines, enterprise)
    fresh = [one for line, one in wanted if line.digest not in known]
    people = sum(
        count * (2 if group == "couple" else 1) for one in fresh for group, count in one.heads.items()
    )
    outcome = Outcome(len(fresh), people, len(wanted) - len(fresh))
    return outcome, sorted([*problems, *found], key=lambda problem: problem.row)


def import_demands(*, rows: Sequence[RawRow], enterprise: Enterprise, actor: Actor, today: date) -> Outcome:
    """Post the need of every row that is new. Raises BadRows if a single row cannot be taken."""
    outcome, problems = try_demands(rows=rows, enterprise=enterprise, today=today)
    if problems:
        raise BadRows(
            ngettext(
                "有 %(num)s 处要改，整份表都没有登记。",
                "有 %(num)s 处要改，整份表都没有登记。",
                len(problems),
            ),
            problems,
        )
    lines, _none = check_rows(rows, today)
    known = _known(lines, enterprise)
    for line, wanted in _wanted(lines, enterprise, today)[0]:
        if line.digest not in known:
            post_demand(
                enterprise=enterprise, wanted=wanted, today=today, actor=actor, source_digest=line.digest
            )
    return outcome


def _known(lines: Sequence[Line], enterprise: Enterprise) -> set[str]:
    """The digests of rows that were taken in before."""
    return {
        digest
        for digest in db.session.execute(
            select(Demand.source_digest).where(
                Demand.enterprise_id == enterprise.id,
                Demand.source_digest.in_([line.digest for line in lines]),
            )
        ).scalars()
        if digest
    }


def _wanted(
    lines: Sequence[Line], enterprise: Enterprise, today: date
) -> tuple[list[tuple[Line, Wanted]], list[RowProblem]]:
    """Each line as a need, its names looked up; and lines whose names or numbers cannot be."""
    sites = {site.name: site for site in open_worksites(enterprise.id)}
    villages = villages_in(DISTRICT)
    areas = {"": None} | {village.name: village.code for village in villages}
    areas |= {village.street.name: village.street.code for village in villages}
    found: list[tuple[Line, Wanted]] = []
    problems: list[RowProblem] = []
    for line in lines:
        if line.site not in sites:
            names = _("、").join(sites) or _("还没有厂区，请先到企业资料里登记")
            problems.append(
                RowProblem(
                    line.row,
                    SITE,
                    _("没有叫“%(name)s”的厂区，有的是：%(names)s", name=line.site[:20], names=names),
                )
            )
            continue
        if line.area not in areas:
            problems.append(
                RowProblem(line.row, AREA, _("没有叫“%(name)s”的街道或村，请写全名", name=line.area[:20]))
            )
            continue
        wanted = Wanted(
            worksite=sites[line.site],
            period=line.period,
            heads=line.heads,
            area_code=areas[line.area],
            **line.values,
        )
        try:
            found.append((line, check_wanted(wanted, today)))
        except DomainError as error:
            problems.append(RowProblem(line.row, STARTS, str(error.message)))
    return found, problems
