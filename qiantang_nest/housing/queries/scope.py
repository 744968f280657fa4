"""What a person may see. Each select holds nothing for roles that have no business with houses."""

from sqlalchemy import ColumnElement, Select, false, select
from sqlalchemy.orm import InstrumentedAttribute, contains_eager

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.geography.queries import in_area
from qiantang_nest.housing.models import (
    Hazard,
    House,
    HouseholdLink,
    Listing,
    Owner,
    Room,
)


def _visible(actor: Actor, village_code: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """The scope of a row that belongs to a household of a village; ``Owner`` has to be in the select."""
    if actor.role == Role.VILLAGER:
        return Owner.user_id == actor.user_id if actor.user_id is not None else false()
    if actor.is_office or actor.role == "system":
        return in_area(village_code, actor.scope)
    return false()


def owners_visible_to(actor: Actor) -> Select[Owner]:
    """Households: a villager's own, an office's area, nobody else's."""
    return select(Owner).where(_visible(actor, Owner.village_code))


def houses_visible_to(actor: Actor) -> Select[House]:
    """Houses with their households loaded; scope as for households."""
    return (
        select(House)
        .join(House.owner)
        .options(contains_eager(House.owner))
        .where(_visible(actor, House.village_code))
    )


def rooms_visible_to(actor: Actor) -> Select[Room]:
    """Rooms that were not removed, with house and household loaded; scope as for households."""
    return (
        select(Room)
        .join(Room.house)
        .join(House.owner)
        .options(contains_eager(Room.house).contains_eager(House.owner))
        .where(Room.removed_at.is_(None), _visible(actor, Room.village_code))
    )


def listings_visible_to(actor: Actor) -> Select[Listing]:
    """Listings in every state, with room, house and household loaded; scope as for households."""
    return (
        select(Listing)
        .join(Listing.room)
        .join(Room.house)
        .join(House.owner)
        .options(contains_eager(Listing.room).contains_eager(Room.house).contains_eager(House.owner))
        .where(_visible(actor, Room.village_code))
    )


def hazards_visible_to(actor: Actor) -> Select[Hazard, House]:
    """Hazards with their houses and households; scope as for households."""
    return (
        select(Hazard, House)
        .join(House, House.id == Hazard.house_id)
        .join(House.owner)
        .options(contains_eager(House.owner))
        .where(_visible(actor, House.village_code))
    )


def links_visible_to(actor: Actor) -> Select[HouseholdLink]:
    """Requests to be linked: a villager's own, an office's area."""
    if actor.role == Role.VILLAGER:
        return select(HouseholdLink).where(HouseholdLink.user_id == actor.user_id)
    allowed = in_area(HouseholdLink.village_code, actor.scope) if actor.is_office else false()
    return select(HouseholdLink).where(allowed)
