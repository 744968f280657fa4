"""Pages of ``geography``: the outline that maps are drawn on."""

from flask import Blueprint, jsonify
from werkzeug.wrappers import Response

from qiantang_nest.core.access import public
from qiantang_nest.geography.queries import outline_geojson

blueprint = Blueprint("geography", __name__)


@blueprint.get("/outline.geojson")
@public
def outline() -> Response:
    """The district's outline, WGS-84."""
    response: Response = jsonify(outline_geojson())
    response.headers["Content-Type"] = "application/geo+json"
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response
