"""Demands that say who sleeps where; plans that answer them; the district's bound of fairness.

Revision: plans, after proxy_named

Old demands know no sexes and no shifts: their beds become day shift men, the most frequent case, and their
straight kilometres become minutes by electric bicycle (detour 1.3 at 15 km/h, as in ``geography.rules``).
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "plans"
down_revision = "proxy_named"
branch_labels = None
depends_on = None

MINUTES_A_KM = 5.2
HEADS = "day_men + day_women + night_men + night_women + 2 * couples"
UNMET = (
    "unmet_day_men",
    "unmet_day_women",
    "unmet_night_men",
    "unmet_night_women",
    "unmet_couples",
    "unmet_spare",
    "unmet_ground",
)
COUNTS = ("day_men", "day_women", "night_men", "night_women", "couples", "ground_beds", "spare_percent")
CHECKS = (
    ("heads_not_negative", "least(day_men, day_women, night_men, night_women, couples) >= 0"),
    ("rent_unit_known", "rent_unit IN ('bed', 'room')"),
    ("travel_mode_known", "travel_mode IN ('walk', 'ebike', 'shuttle')"),
    ("utilities_by_known", "utilities_by IN ('lessee', 'lessor')"),
    ("spare_sensible", "spare_percent BETWEEN 0 AND 50"),
    ("ground_beds_sensible", "ground_beds BETWEEN 0 AND 100000"),
    ("withdrawn_has_reason", "(state = 'withdrawn') = (withdraw_reason IS NOT NULL)"),
)


def _count(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _id(name: str, target: str, table: str, *, nullable: bool = False) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column(name, sa.BigInteger(), nullable=nullable),
        sa.ForeignKeyConstraint([name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}")),
    ]


def upgrade() -> None:
    _widen_demand()
    op.create_table(
        "fairness_rule",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("permille", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        *_id("set_by", "app_user", "fairness_rule", nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("permille BETWEEN 0 AND 200", name=op.f("ck_fairness_rule_permille_sensible")),
        sa.CheckConstraint("btrim(basis) <> ''", name=op.f("ck_fairness_rule_basis_given")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fairness_rule")),
        sa.UniqueConstraint("effective_on", name=op.f("uq_fairness_rule_effective_on")),
    )
    op.create_table(
        "demand_choice",
        sa.Column("id", sa.BigInteger(), nullable=False),
        *_id("demand_id", "demand", "demand_choice"),
        sa.Column("kind", sa.Text(), nullable=False),
        *_id("room_id", "room", "demand_choice", nullable=True),
        *_id("house_id", "house", "demand_choice", nullable=True),
        sa.CheckConstraint("kind IN ('pin', 'strike')", name=op.f("ck_demand_choice_kind_known")),
        sa.CheckConstraint(
            "(room_id IS NULL) <> (house_id IS NULL)", name=op.f("ck_demand_choice_room_or_house")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demand_choice")),
        sa.UniqueConstraint("demand_id", "room_id", name="uq_demand_choice_room"),
        sa.UniqueConstraint("demand_id", "house_id", name="uq_demand_choice_house"),
    )
    op.create_table(
        "plan_round",
        sa.Column("id", sa.BigInteger(), nullable=False),
        *_id("demand_id", "demand", "plan_round"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        *_id("made_by", "app_user", "plan_round", nullable=True),
        sa.Column("candidates", sa.BigInteger(), nullable=False),
        sa.Column("preselected", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("fairness_permille", sa.BigInteger(), nullable=False),
        *(_count(name) for name in UNMET),
        sa.Column(
            "unmet_people",
            sa.BigInteger(),
            sa.Computed(
                "unmet_day_men + unmet_day_women + unmet_night_men + unmet_night_women + 2 * unmet_couples",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column(
            "changes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "least(unmet_day_men, unmet_day_women, unmet_night_men, unmet_night_women, unmet_couples,"
            " unmet_spare, unmet_ground) >= 0",
            name=op.f("ck_plan_round_unmet_not_negative"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_round")),
    )
    op.create_index("ix_plan_round_demand_id_made_at", "plan_round", ["demand_id", "made_at"])
    op.create_index("ix_plan_round_made_at", "plan_round", ["made_at"])
    op.create_table(
        "plan",
        sa.Column("id", sa.BigInteger(), nullable=False),
        *_id("round_id", "plan_round", "plan"),
        sa.Column("kind", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in (
                "rent_fen",
                "beds",
                "spare_beds",
                "rooms",
                "houses",
                "owners",
                "villages",
                "median_minutes",
                "longest_minutes",
                "recheck_rooms",
                "gap_permyriad",
                "milliseconds",
                "plain_rent_fen",
                "least_let",
                "plain_least_let",
            )
        ),
        sa.CheckConstraint("kind IN ('cost', 'way', 'houses')", name=op.f("ck_plan_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("round_id", "kind", name="uq_plan_round_kind"),
    )
    op.create_table(
        "plan_room",
        *_id("plan_id", "plan", "plan_room"),
        *_id("room_id", "room", "plan_room"),
        *_id("house_id", "house", "plan_room"),
        *_id("owner_id", "owner", "plan_room"),
        sa.Column("village_code", sa.Text(), nullable=False),
        *_id("listing_id", "listing", "plan_room"),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("beds", "rent_fen", "minutes", "let_days")
        ),
        sa.Column("sleepers", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "sleepers IN ('day_men', 'day_women', 'night_men', 'night_women', 'couple')",
            name=op.f("ck_plan_room_sleepers_known"),
        ),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_plan_room_village_code")),
        sa.PrimaryKeyConstraint("plan_id", "room_id", name=op.f("pk_plan_room")),
    )
    op.create_index("ix_plan_room_room_id", "plan_room", ["room_id"])
    op.create_index("ix_plan_room_village_code_plan_id", "plan_room", ["village_code", "plan_id"])
    op.add_column("hold", sa.Column("demand_id", sa.BigInteger(), nullable=True))
    op.add_column("hold", sa.Column("plan_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_hold_demand_id"), "hold", "demand", ["demand_id"], ["id"])
    op.create_foreign_key(op.f("fk_hold_plan_id"), "hold", "plan", ["plan_id"], ["id"])
    op.create_index(op.f("ix_hold_demand_id"), "hold", ["demand_id"])


def _widen_demand() -> None:
    for name in COUNTS:
        op.add_column("demand", _count(name))
    for name, default in (
        ("shifts", "''"),
        ("rent_unit", "'bed'"),
        ("travel_mode", "'ebike'"),
        ("utilities_by", "'lessee'"),
    ):
        op.add_column("demand", sa.Column(name, sa.Text(), server_default=sa.text(default), nullable=False))
    op.add_column("demand", sa.Column("max_minutes", sa.BigInteger(), nullable=True))
    op.add_column("demand", sa.Column("max_floor", sa.BigInteger(), nullable=True))
    for name in ("area_code", "withdraw_reason", "source_digest"):
        op.add_column("demand", sa.Column(name, sa.Text(), nullable=True))
    op.add_column(
        "demand",
        sa.Column("features", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "demand", sa.Column("same_village", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.execute(f"UPDATE demand SET day_men = beds, max_minutes = ceil(max_km * {MINUTES_A_KM})")
    op.execute("UPDATE demand SET withdraw_reason = '' WHERE state = 'withdrawn'")
    op.drop_column("demand", "max_km")
    op.drop_column("demand", "beds")
    op.add_column(
        "demand", sa.Column("beds", sa.BigInteger(), sa.Computed(HEADS, persisted=True), nullable=False)
    )
    op.create_check_constraint(op.f("ck_demand_beds_sensible"), "demand", "beds BETWEEN 1 AND 100000")
    for name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_demand_{name}"), "demand", condition)
    op.create_unique_constraint("uq_demand_source", "demand", ["enterprise_id", "source_digest"])


def downgrade() -> None:
    op.drop_index(op.f("ix_hold_demand_id"), table_name="hold")
    op.drop_constraint(op.f("fk_hold_plan_id"), "hold", type_="foreignkey")
    op.drop_constraint(op.f("fk_hold_demand_id"), "hold", type_="foreignkey")
    op.drop_column("hold", "plan_id")
    op.drop_column("hold", "demand_id")
    for table in ("plan_room", "plan", "plan_round", "demand_choice", "fairness_rule"):
        op.drop_table(table)
    op.drop_constraint("uq_demand_source", "demand", type_="unique")
    for name, _condition in CHECKS:
        op.drop_constraint(op.f(f"ck_demand_{name}"), "demand", type_="check")
    op.execute("ALTER TABLE demand ALTER COLUMN beds DROP EXPRESSION")
    op.add_column("demand", sa.Column("max_km", sa.BigInteger(), nullable=True))
    op.execute(
        f"UPDATE demand SET max_km = greatest(1, floor(max_minutes / {MINUTES_A_KM}))"
        " WHERE max_minutes IS NOT NULL"
    )
    for name in (
        *COUNTS,
        "shifts",
        "rent_unit",
        "travel_mode",
        "utilities_by",
        "max_minutes",
        "max_floor",
        "area_code",
        "withdraw_reason",
        "source_digest",
        "features",
        "same_village",
    ):
        op.drop_column("demand", name)
