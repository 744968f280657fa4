"""Pages of ``bookings``: searching, holding, answering, booking, signing, demands."""

from collections.abc import Iterable
from typing import Any

from flask import Blueprint

from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import mask_name
from qiantang_nest.housing.rules import FEATURES, Feature, feature_label

blueprint = Blueprint("bookings", __name__)


@blueprint.context_processor
def offer_words() -> dict[str, Any]:
    """What the templates of this package call by name."""

    def feature_words(codes: Iterable[str]) -> str:
        return _("、").join(feature_label(Feature(code)) for code in codes if code in FEATURES) or "—"

    return {
        "feature_word": lambda code: feature_words([code]),
        "feature_words": feature_words,
        "mask_name": mask_name,
    }


from qiantang_nest.bookings.views import (  # noqa: E402
    answers,
    bookings,
    changes,
    danger,
    demands,
    holds,
    plans,
    search,
    signing,
    taking,
    times,
    waiting,
)

__all__ = [
    "answers",
    "blueprint",
    "bookings",
    "changes",
    "danger",
    "demands",
    "holds",
    "plans",
    "search",
    "signing",
    "taking",
    "times",
    "waiting",
]
