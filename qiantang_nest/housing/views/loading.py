"""Rows by id, in the actor's scope; and what several pages ask of them."""

from typing import Any, TypeVar

from sqlalchemy import Select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import village_by_code
from qiantang_nest.housing import queries
from qiantang_nest.housing.models import Hazard, House, HouseholdLink, Listing, Owner, Room

Row = TypeVar("Row")


def _one(statement: Select[Any], sentence: str) -> Any:
    found = db.session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound(sentence)
    return found


def load_owner(owner_id: int) -> Owner:
    """A household in scope. Raises NotFound."""
    found: Owner = _one(
        queries.owners_visible_to(actor()).where(Owner.id == owner_id),
        _("没有找到这一户，或者它不归您管。"),
    )
    return found


def load_house(house_id: int) -> House:
    """A house in scope, with its household. Raises NotFound."""
    found: House = _one(
        queries.houses_visible_to(actor()).where(House.id == house_id),
        _("没有找到这座房子，或者它不归您管。"),
    )
    return found


def load_room(room_id: int) -> Room:
    """A room in scope, with house and household. Raises NotFound."""
    found: Room = _one(
        queries.rooms_visible_to(actor()).where(Room.id == room_id),
        _("没有找到这间房，或者它不归您管。"),
    )
    return found


def load_listing(listing_id: int) -> Listing:
    """A listing in scope, with room, house and household. Raises NotFound."""
    found: Listing = _one(
        queries.listings_visible_to(actor()).where(Listing.id == listing_id),
        _("没有找到这一条，或者它不归您管。"),
    )
    return found


def load_hazard(hazard_id: int) -> tuple[Hazard, House]:
    """A hazard in scope, with its house. Raises NotFound."""
    found = db.session.execute(
        queries.hazards_visible_to(actor()).where(Hazard.id == hazard_id)
    ).one_or_none()
    if found is None:
        raise NotFound(_("没有找到这条隐患，或者它不归您管。"))
    return found[0], found[1]


def load_link(link_id: int) -> HouseholdLink:
    """A villager's request in scope. Raises NotFound."""
    found: HouseholdLink = _one(
        queries.links_visible_to(actor()).where(HouseholdLink.id == link_id),
        _("没有找到这一条，或者它不归您管。"),
    )
    return found


def load_village(code: str) -> Village:
    """A village in an office's scope. Raises NotFound."""
    found = village_by_code(code)
    if found is None or not code.startswith(actor().scope) or not actor().is_office:
        raise NotFound(_("没有找到这个村，或者它不归您管。"))
    return found


def is_villager() -> bool:
    """Whether the actor is a household's own person, on a phone."""
    return actor().role == Role.VILLAGER
