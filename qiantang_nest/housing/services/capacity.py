"""How many may sleep in a room: the district's figures, and every room brought in line with them."""

from datetime import date
from decimal import Decimal

from sqlalchemy import text

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.dated_rules import add_rule
from qiantang_nest.core.db import db
from qiantang_nest.housing.models import CapacityRule
from qiantang_nest.housing.queries import capacity_on


def set_capacity_rule(
    *, cap: int, m2_per_person: Decimal, basis: str, effective_on: date, today: date, actor: Actor
) -> CapacityRule:
    """Set heads a room and square metres a head from a day on, with the legal basis.

    A rule of today is applied at once, one of a later day by ``flask apply-capacity-rule`` on that day.

    Raises:
        InvalidValue: a day in the past, or one that already has a rule.
    """
    rule = add_rule(
        CapacityRule(cap=cap, m2_per_person=m2_per_person, basis=basis, effective_on=effective_on),
        action="housing.set_capacity_rule",
        today=today,
        actor=actor,
    )
    if effective_on == today:
        apply_capacity_rule(today=today, actor=actor)
    return rule


def apply_capacity_rule(*, today: date, actor: Actor) -> int:
    """Bring every room's capacity in line with the rule in force; returns how many rooms changed.

    Beds above the new capacity go, none are added. People stay where they sleep: a bed number above the beds
    is what the boards show as over capacity. Run again it changes nothing.
    """
    rule = capacity_on(today)
    changed = db.session.execute(
        text(
            """
            WITH wanted AS (
                SELECT id, capacity AS old_capacity, beds AS old_beds,
                       LEAST(:cap, floor(usable_m2 / :m2))::bigint AS new_capacity
                FROM room
                WHERE kind IN ('bedroom', 'living_room') AND removed_at IS NULL
            ), changed AS (
                UPDATE room SET capacity = new_capacity, beds = LEAST(beds, new_capacity)
                FROM wanted WHERE room.id = wanted.id AND capacity <> new_capacity
                RETURNING room.id, old_capacity, old_beds, capacity AS new_capacity, beds AS new_beds
            )
            INSERT INTO audit_event
                (actor_user_id, actor_role, actor_scope, action, entity, entity_id, changes, request_id)
            SELECT :user_id, :role, :scope, 'housing.apply_capacity_rule', 'room', id,
                   jsonb_build_object('capacity', jsonb_build_array(old_capacity, new_capacity),
                                      'beds', jsonb_build_array(old_beds, new_beds)),
                   :request_id
            FROM changed
            """
        ),
        {
            "cap": rule.cap,
            "m2": rule.m2_per_person,
            "user_id": actor.user_id,
            "role": actor.role,
            "scope": actor.scope,
            "request_id": actor.request_id,
        },
    )
    db.session.expire_all()
    return int(getattr(changed, "rowcount", 0))
