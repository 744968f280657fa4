"""The blueprint, and what the pages of ``enterprises`` share."""

from flask import Blueprint, make_response
from werkzeug.wrappers import Response

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
