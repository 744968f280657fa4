"""Reading the audit: all of it for the audit administrator, its security part for the security one too."""

from flask import render_template, request
from werkzeug.wrappers import Response

from qiantang_nest.accounts import queries
from qiantang_nest.accounts.forms import AuditFilterForm
from qiantang_nest.accounts.queries import AuditFilter
from qiantang_nest.accounts.rules import Permission
from qiantang_nest.accounts.views.base import blueprint
from qiantang_nest.accounts.views.gate import response_of
from qiantang_nest.core.access import requires
from qiantang_nest.core.web import number_from_query

_PER_PAGE = 50


@blueprint.get("/audit-log")
@requires(Permission.AUDIT_READ)
def audit_log() -> Response | str:
    """Every change: who, when, what, to which row. Numbers, no personal data."""
    return _page("accounts/audit_log.html", None)


@blueprint.get("/security-events")
@requires(Permission.SECURITY_READ)
def security_events() -> Response | str:
    """Sign-ins, failures, roles, second factors."""
    return _page("accounts/security_events.html", queries.SECURITY_ACTIONS)


def _page(template: str, actions: tuple[str, ...] | None) -> Response | str:
    form = AuditFilterForm(request.args)
    valid = form.validate()
    wanted = AuditFilter(before_id=number_from_query("before", 0, 0, 2**62) or None)
    if valid:
        wanted = AuditFilter(
            user_id=form.user_id.data,
            action=form.action.data or "",
            entity=form.entity.data or "",
            entity_id=form.entity_id.data,
            first_day=form.first_day.data,
            last_day=form.last_day.data,
            before_id=wanted.before_id,
        )
    events = list(queries.audit_events(wanted, _PER_PAGE + 1, actions)) if valid else []
    page = render_template(
        template,
        form=form,
        events=events[:_PER_PAGE],
        older=events[_PER_PAGE - 1].id if len(events) > _PER_PAGE else None,
        filtered=any(value for name, value in request.args.items() if name != "before"),
    )
    return page if valid else response_of(page, 422)
