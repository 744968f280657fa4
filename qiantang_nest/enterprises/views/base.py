"""The blueprint, and what the pages of ``enterprises`` share."""

from flask import Blueprint, make_response
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from qiantang_nest.core.db import db
from qiantang_nest.core.web import actor
from qiantang_nest.enterprises import queries
from qiantang_nest.enterprises.models import Worksite

blueprint = Blueprint("enterprises", __name__)

CHIP_OF_STATE = {
    "submitted": "enterprise.pending",
    "returned": "enterprise.returned",
    "verified": "enterprise.verified",
}
"""State of an enterprise → chip on a page."""


def answer(page: str, wrong: object) -> Response | str:
    """The page; with 422 when a form is shown again."""
    if not wrong:
        return page
    response = make_response(page)
    response.status_code = 422
    return response


def own_worksite(worksite_id: int) -> Worksite:
    """A worksite of the employer who asks. Raises NotFound."""
    enterprise = queries.enterprise_of(actor())
    found = db.session.scalars(
        queries.worksites_visible_to(actor()).where(
            Worksite.id == worksite_id, Worksite.enterprise_id == enterprise.id
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    return found
