"""The whole schema of the first release, read by hand.

Revision: initial, after nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "initial"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("audit_event", "ledger_entry", "bill_line", "lease_signature")


class Point(sa.types.UserDefinedType):
    """PostgreSQL's point."""

    cache_ok = True

    def get_col_spec(self, **kw):
        return "POINT"


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "app_user",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("totp_confirmed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("totp_last_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("large_type", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seal_key", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("phone_hash", name=op.f("uq_app_user_phone_hash")),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor_user_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_role", sa.Text(), nullable=False),
        sa.Column("actor_scope", sa.Text(), nullable=False),
        sa.Column("on_behalf_of", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index("ix_audit_event_actor_user_id_at", ["actor_user_id", "at"], unique=False)
        batch_op.create_index("ix_audit_event_entity", ["entity", "entity_id"], unique=False)

    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("payer_id", sa.BigInteger(), nullable=False),
        sa.Column("payee_id", sa.BigInteger(), nullable=False),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "debit IN ('receivable', 'rent_income', 'deposit_due', 'deposit_held', 'bank', 'credit') AND credit IN ('receivable', 'rent_income', 'deposit_due', 'deposit_held', 'bank', 'credit')",
            name=op.f("ck_ledger_entry_accounts_known"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_ledger_entry_amount_positive")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_ledger_entry_two_accounts")),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["ledger_entry.id"], name=op.f("fk_ledger_entry_reverses_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_ledger_entry_reverses_id")),
    )
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_entry_pair", ["payer_id", "payee_id", "booked_on"], unique=False)
        batch_op.create_index("ix_ledger_entry_source", ["source", "source_id"], unique=False)

    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("ix_message_user_id_created_at", ["user_id", "created_at"], unique=False)

    op.create_table(
        "number_series",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_number_series")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("to_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("'1970-01-01 00:00:00+00'"),
            nullable=False,
        ),
        sa.Column("useless_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("seal_key", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"),
        )

    op.create_table(
        "sms_code",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tries_left", sa.BigInteger(), server_default=sa.text("5"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_code")),
    )
    with op.batch_alter_table("sms_code", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sms_code_phone_hash_purpose", ["phone_hash", "purpose", "subject"], unique=False
        )

    op.create_table(
        "street",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.CheckConstraint("code ~ '^330114[0-9]{3}$'", name=op.f("ck_street_code_shape")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_street")),
    )
    op.create_table(
        "throttle",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("window_starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "capacity_rule",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("cap", sa.BigInteger(), nullable=False),
        sa.Column("m2_per_person", sa.Numeric(precision=4, scale=1), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("btrim(basis) <> ''", name=op.f("ck_capacity_rule_basis_given")),
        sa.CheckConstraint("cap BETWEEN 1 AND 20", name=op.f("ck_capacity_rule_cap_sensible")),
        sa.CheckConstraint("m2_per_person BETWEEN 1 AND 50", name=op.f("ck_capacity_rule_area_sensible")),
        sa.ForeignKeyConstraint(["set_by"], ["app_user.id"], name=op.f("fk_capacity_rule_set_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capacity_rule")),
        sa.UniqueConstraint("effective_on", name=op.f("uq_capacity_rule_effective_on")),
    )
    op.create_table(
        "division_unit",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("street_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("official_name", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('community', 'other')", name=op.f("ck_division_unit_kind_known")),
        sa.ForeignKeyConstraint(["street_code"], ["street.code"], name=op.f("fk_division_unit_street_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_division_unit")),
    )
    with op.batch_alter_table("division_unit", schema=None) as batch_op:
        batch_op.create_index("ix_division_unit_street_code", ["street_code"], unique=False)

    op.create_table(
        "enterprise",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("uscc", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("street_code", sa.Text(), nullable=False),
        sa.Column("contact_name", sa.Text(), nullable=False),
        sa.Column("contact_phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'submitted'"), nullable=False),
        sa.Column("return_reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seal_key", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('submitted', 'returned', 'verified')", name=op.f("ck_enterprise_state_known")
        ),
        sa.CheckConstraint("uscc ~ '^[0-9A-HJ-NPQRTUWXY]{18}$'", name=op.f("ck_enterprise_uscc_shape")),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_enterprise_decided_by")),
        sa.ForeignKeyConstraint(["street_code"], ["street.code"], name=op.f("fk_enterprise_street_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enterprise")),
        sa.UniqueConstraint("uscc", name=op.f("uq_enterprise_uscc")),
    )
    with op.batch_alter_table("enterprise", schema=None) as batch_op:
        batch_op.create_index("ix_enterprise_street_code_state", ["street_code", "state"], unique=False)

    op.create_table(
        "role_grant",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.BigInteger(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('villager', 'employer_manager', 'employer_staff', 'village_clerk', 'street_officer', 'district_officer', 'system_admin', 'security_admin', 'audit_admin')",
            name=op.f("ck_role_grant_role_known"),
        ),
        sa.ForeignKeyConstraint(["granted_by"], ["app_user.id"], name=op.f("fk_role_grant_granted_by")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_role_grant_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    with op.batch_alter_table("role_grant", schema=None) as batch_op:
        batch_op.create_index(
            "ix_role_grant_scope",
            ["scope", "role"],
            unique=False,
            postgresql_where=sa.text("revoked_at IS NULL"),
        )
        batch_op.create_index(
            "uq_role_grant_live",
            ["user_id", "role", "scope"],
            unique=True,
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.create_table(
        "village",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("street_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("official_name", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("geo_precision", sa.Text(), server_default=sa.text("'street'"), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("office_phone", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint(
            "code ~ '^330114[0-9]{6}$' AND left(code, 9) = street_code", name=op.f("ck_village_code_shape")
        ),
        sa.CheckConstraint(
            "geo_precision IN ('street', 'village')", name=op.f("ck_village_geo_precision_known")
        ),
        sa.CheckConstraint(
            "lat BETWEEN 30 AND 31 AND lon BETWEEN 120 AND 121", name=op.f("ck_village_near_district")
        ),
        sa.ForeignKeyConstraint(["street_code"], ["street.code"], name=op.f("fk_village_street_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_village")),
    )
    with op.batch_alter_table("village", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_village_street_code"), ["street_code"], unique=False)

    op.create_table(
        "imported_file",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("imported_by", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["imported_by"], ["app_user.id"], name=op.f("fk_imported_file_imported_by")),
        sa.ForeignKeyConstraint(
            ["village_code"], ["village.code"], name=op.f("fk_imported_file_village_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imported_file")),
        sa.UniqueConstraint("village_code", "sha256", name="uq_imported_file_once"),
    )
    op.create_table(
        "owner",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("household_no", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default=sa.text("'household'"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("group_no", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=True),
        sa.Column("id_number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("id_number_hash", sa.LargeBinary(), nullable=True),
        sa.Column("account_kind", sa.Text(), server_default=sa.text("'personal'"), nullable=False),
        sa.Column("account_name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("account_bank", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("account_number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seal_key", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "account_kind IN ('personal', 'corporate')", name=op.f("ck_owner_account_kind_known")
        ),
        sa.CheckConstraint("kind IN ('household', 'collective')", name=op.f("ck_owner_kind_known")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_owner_user_id")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_owner_village_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owner")),
        sa.UniqueConstraint("village_code", "household_no", name="uq_owner_village_household"),
    )
    with op.batch_alter_table("owner", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_owner_id_number_hash"), ["id_number_hash"], unique=False)
        batch_op.create_index(
            "ix_owner_name_trgm",
            ["name"],
            unique=False,
            postgresql_using="gin",
            postgresql_ops={"name": "gin_trgm_ops"},
        )
        batch_op.create_index(batch_op.f("ix_owner_phone_hash"), ["phone_hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_owner_user_id"), ["user_id"], unique=False)

    op.create_table(
        "user_session",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("grant_id", sa.BigInteger(), nullable=True),
        sa.Column("second_factor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["role_grant.id"], name=op.f("fk_user_session_grant_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_user_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_session_token_hash")),
    )
    with op.batch_alter_table("user_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_session_grant_id"), ["grant_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_user_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "worker",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("id_kind", sa.Text(), server_default=sa.text("'resident'"), nullable=False),
        sa.Column("id_number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("id_number_hash", sa.LargeBinary(), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=True),
        sa.Column("home_address", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("born_on", sa.Date(), nullable=True),
        sa.Column("is_local", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("couple_with_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seal_key", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "id_kind IN ('resident', 'passport', 'permanent')", name=op.f("ck_worker_id_kind_known")
        ),
        sa.CheckConstraint("sex IN ('M', 'F')", name=op.f("ck_worker_sex_known")),
        sa.CheckConstraint("couple_with_id <> id", name=op.f("ck_worker_couple_of_two")),
        sa.ForeignKeyConstraint(["couple_with_id"], ["worker.id"], name=op.f("fk_worker_couple_with_id")),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"], name=op.f("fk_worker_enterprise_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
        sa.UniqueConstraint("enterprise_id", "id_number_hash", name="uq_worker_enterprise_id_number"),
    )
    with op.batch_alter_table("worker", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_worker_id_number_hash"), ["id_number_hash"], unique=False)

    op.create_table(
        "worksite",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("shifts", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"], name=op.f("fk_worksite_enterprise_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worksite")),
    )
    with op.batch_alter_table("worksite", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_worksite_enterprise_id"), ["enterprise_id"], unique=False)

    op.create_table(
        "demand",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("worksite_id", sa.BigInteger(), nullable=True),
        sa.Column("beds", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("max_rent_fen", sa.BigInteger(), nullable=True),
        sa.Column("max_km", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('open', 'met', 'withdrawn')", name=op.f("ck_demand_state_known")),
        sa.CheckConstraint("beds BETWEEN 1 AND 100000", name=op.f("ck_demand_beds_sensible")),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_demand_period_forward")),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_demand_created_by")),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"], name=op.f("fk_demand_enterprise_id")),
        sa.ForeignKeyConstraint(["worksite_id"], ["worksite.id"], name=op.f("fk_demand_worksite_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demand")),
    )
    with op.batch_alter_table("demand", schema=None) as batch_op:
        batch_op.create_index("ix_demand_enterprise_id", ["enterprise_id"], unique=False)
        batch_op.create_index(
            "ix_demand_open", ["starts_on"], unique=False, postgresql_where=sa.text("state = 'open'")
        )

    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("worksite_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("on_refusal", sa.Text(), server_default=sa.text("'replace'"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("request_key", sa.Uuid(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("on_refusal IN ('replace', 'drop')", name=op.f("ck_hold_on_refusal_known")),
        sa.CheckConstraint("state IN ('active', 'booked', 'released')", name=op.f("ck_hold_state_known")),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_hold_period_forward")),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_hold_created_by")),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"], name=op.f("fk_hold_enterprise_id")),
        sa.ForeignKeyConstraint(["worksite_id"], ["worksite.id"], name=op.f("fk_hold_worksite_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        sa.UniqueConstraint("enterprise_id", "request_key", name="uq_hold_request_key"),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hold_active", ["expires_at"], unique=False, postgresql_where=sa.text("state = 'active'")
        )
        batch_op.create_index(
            "ix_hold_enterprise_id_created_at", ["enterprise_id", "created_at"], unique=False
        )

    op.create_table(
        "house",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("floors", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("geo_precision", sa.Text(), server_default=sa.text("'village'"), nullable=False),
        sa.Column("place", Point(), sa.Computed("point(lon * 0.8635, lat)", persisted=True), nullable=False),
        sa.Column("dangerous_since", sa.Date(), nullable=True),
        sa.Column("dangerous_reason", sa.Text(), nullable=True),
        sa.Column("safe_until", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "geo_precision IN ('street', 'village', 'house')", name=op.f("ck_house_geo_precision_known")
        ),
        sa.CheckConstraint("floors BETWEEN 1 AND 9", name=op.f("ck_house_floors_sensible")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner.id"], name=op.f("fk_house_owner_id")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_house_village_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_house")),
        sa.UniqueConstraint("owner_id", "address", name="uq_house_owner_address"),
    )
    with op.batch_alter_table("house", schema=None) as batch_op:
        batch_op.create_index(
            "ix_house_address_trgm",
            ["address"],
            unique=False,
            postgresql_using="gin",
            postgresql_ops={"address": "gin_trgm_ops"},
        )
        batch_op.create_index("ix_house_place", ["place"], unique=False, postgresql_using="gist")
        batch_op.create_index("ix_house_village_code", ["village_code"], unique=False)

    op.create_table(
        "household_link",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'linked', 'refused')", name=op.f("ck_household_link_state_known")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_household_link_decided_by")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner.id"], name=op.f("fk_household_link_owner_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_household_link_user_id")),
        sa.ForeignKeyConstraint(
            ["village_code"], ["village.code"], name=op.f("fk_household_link_village_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_link")),
    )
    with op.batch_alter_table("household_link", schema=None) as batch_op:
        batch_op.create_index("ix_household_link_village_code_state", ["village_code", "state"], unique=False)
        batch_op.create_index(
            "uq_household_link_waiting",
            ["user_id"],
            unique=True,
            postgresql_where=sa.text("state = 'waiting'"),
        )

    op.create_table(
        "lease",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), server_default=sa.text("'direct'"), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("convention", sa.Text(), server_default=sa.text("'anchor'"), nullable=False),
        sa.Column("proration", sa.Text(), server_default=sa.text("'actual'"), nullable=False),
        sa.Column("bill_lead_days", sa.BigInteger(), server_default=sa.text("7"), nullable=False),
        sa.Column("grace_days", sa.BigInteger(), server_default=sa.text("5"), nullable=False),
        sa.Column("deposit_fen", sa.BigInteger(), nullable=False),
        sa.Column("deposit_return_days", sa.BigInteger(), server_default=sa.text("7"), nullable=False),
        sa.Column("late_fee_permyriad", sa.BigInteger(), server_default=sa.text("5"), nullable=False),
        sa.Column("notice_days", sa.BigInteger(), server_default=sa.text("30"), nullable=False),
        sa.Column("utilities_by", sa.Text(), server_default=sa.text("'lessee'"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'drafted'"), nullable=False),
        sa.Column("document_sha256", sa.Text(), nullable=True),
        sa.Column("document_media", sa.Text(), nullable=True),
        sa.Column("signed_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("filing_state", sa.Text(), server_default=sa.text("'none'"), nullable=False),
        sa.Column("filing_number", sa.Text(), nullable=True),
        sa.Column("filed_on", sa.Date(), nullable=True),
        sa.Column("filed_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(document_sha256 IS NULL) = (document_media IS NULL)", name=op.f("ck_lease_document_whole")
        ),
        sa.CheckConstraint(
            "(state = 'drafted') <= (signed_on IS NULL)", name=op.f("ck_lease_draft_unsigned")
        ),
        sa.CheckConstraint("convention IN ('anchor', 'calendar')", name=op.f("ck_lease_convention_known")),
        sa.CheckConstraint(
            "ends_on > starts_on AND ends_on <= starts_on + interval '20 years'",
            name=op.f("ck_lease_term_lawful"),
        ),
        sa.CheckConstraint(
            "filing_state IN ('none', 'submitted', 'filed', 'returned')", name=op.f("ck_lease_filing_known")
        ),
        sa.CheckConstraint("mode IN ('direct', 'sublet', 'mandate')", name=op.f("ck_lease_mode_known")),
        sa.CheckConstraint("proration IN ('actual', '30')", name=op.f("ck_lease_proration_known")),
        sa.CheckConstraint(
            "state IN ('drafted', 'signed', 'cancelled', 'ended')", name=op.f("ck_lease_state_known")
        ),
        sa.CheckConstraint("utilities_by IN ('lessee', 'lessor')", name=op.f("ck_lease_utilities_known")),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"], name=op.f("fk_lease_enterprise_id")),
        sa.ForeignKeyConstraint(["filed_by"], ["app_user.id"], name=op.f("fk_lease_filed_by")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner.id"], name=op.f("fk_lease_owner_id")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_lease_village_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
        sa.UniqueConstraint("number", name=op.f("uq_lease_number")),
    )
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.create_index("ix_lease_enterprise_id", ["enterprise_id"], unique=False)
        batch_op.create_index("ix_lease_owner_id", ["owner_id"], unique=False)
        batch_op.create_index(
            "ix_lease_running",
            ["starts_on", "ends_on"],
            unique=False,
            postgresql_where=sa.text("state = 'signed'"),
        )
        batch_op.create_index("ix_lease_village_code_state", ["village_code", "state"], unique=False)

    op.create_table(
        "payment",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("unallocated_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("slip_media_name", sa.Text(), nullable=True),
        sa.Column(
            "chosen_bill_ids",
            postgresql.ARRAY(sa.BigInteger()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("request_key", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.BigInteger(), nullable=True),
        sa.Column("recorded_role", sa.Text(), nullable=False),
        sa.Column("on_behalf_of", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reject_reason", sa.Text(), nullable=True),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reverse_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "method IN ('bank', 'cash', 'alipay', 'wechat', 'other')", name=op.f("ck_payment_method_known")
        ),
        sa.CheckConstraint(
            "state IN ('claimed', 'confirmed', 'rejected', 'reversed')", name=op.f("ck_payment_state_known")
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_payment_amount_positive")),
        sa.CheckConstraint(
            "unallocated_fen BETWEEN 0 AND amount_fen", name=op.f("ck_payment_unallocated_within_amount")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_payment_decided_by")),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"], name=op.f("fk_payment_enterprise_id")),
        sa.ForeignKeyConstraint(["on_behalf_of"], ["owner.id"], name=op.f("fk_payment_on_behalf_of")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner.id"], name=op.f("fk_payment_owner_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["app_user.id"], name=op.f("fk_payment_recorded_by")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_payment_village_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("request_key", name=op.f("uq_payment_request_key")),
    )
    with op.batch_alter_table("payment", schema=None) as batch_op:
        batch_op.create_index("ix_payment_enterprise_id_paid_on", ["enterprise_id", "paid_on"], unique=False)
        batch_op.create_index("ix_payment_owner_id_paid_on", ["owner_id", "paid_on"], unique=False)
        batch_op.create_index(
            "ix_payment_credit",
            ["village_code", "enterprise_id", "owner_id"],
            unique=False,
            postgresql_where=sa.text("unallocated_fen > 0 AND state = 'confirmed'"),
        )
        batch_op.create_index(
            "ix_payment_village_claimed",
            ["village_code"],
            unique=False,
            postgresql_where=sa.text("state = 'claimed'"),
        )
        batch_op.create_index(
            "uq_payment_serial",
            ["owner_id", "method", "serial"],
            unique=True,
            postgresql_where=sa.text("serial <> '' AND state IN ('claimed', 'confirmed')"),
        )

    op.create_table(
        "proxy_consent",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.CheckConstraint("how IN ('paper', 'phone', 'in_person')", name=op.f("ck_proxy_consent_how_known")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner.id"], name=op.f("fk_proxy_consent_owner_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["app_user.id"], name=op.f("fk_proxy_consent_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxy_consent")),
    )
    with op.batch_alter_table("proxy_consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_proxy_consent_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "remark_code",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.CheckConstraint("extract(day from month) = 1", name=op.f("ck_remark_code_first_of_month")),
        sa.ForeignKeyConstraint(
            ["enterprise_id"], ["enterprise.id"], name=op.f("fk_remark_code_enterprise_id")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["owner.id"], name=op.f("fk_remark_code_owner_id")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_remark_code")),
        sa.UniqueConstraint("enterprise_id", "owner_id", "month", name="uq_remark_code_payee_month"),
    )
    op.create_table(
        "bill",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("lease_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('rent', 'deposit')", name=op.f("ck_bill_kind_known")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_bill_amount_positive")),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_bill_period_forward")),
        sa.CheckConstraint("paid_fen BETWEEN 0 AND amount_fen", name=op.f("ck_bill_paid_within_amount")),
        sa.CheckConstraint("voided_at IS NULL OR paid_fen = 0", name=op.f("ck_bill_void_unpaid")),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"], name=op.f("fk_bill_enterprise_id")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_bill_lease_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner.id"], name=op.f("fk_bill_owner_id")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_bill_village_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill")),
        sa.UniqueConstraint("number", name=op.f("uq_bill_number")),
    )
    with op.batch_alter_table("bill", schema=None) as batch_op:
        batch_op.create_index("ix_bill_enterprise_id_starts_on", ["enterprise_id", "starts_on"], unique=False)
        batch_op.create_index(
            "ix_bill_open",
            ["village_code", "due_on"],
            unique=False,
            postgresql_where=sa.text("voided_at IS NULL AND paid_fen < amount_fen"),
        )
        batch_op.create_index("ix_bill_owner_id_starts_on", ["owner_id", "starts_on"], unique=False)
        batch_op.create_index(
            "uq_bill_once",
            ["lease_id", "kind", "seq"],
            unique=True,
            postgresql_where=sa.text("voided_at IS NULL"),
        )

    op.create_table(
        "booking",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("worksite_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_booking_period_forward")),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_booking_created_by")),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"], name=op.f("fk_booking_enterprise_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_booking_hold_id")),
        sa.ForeignKeyConstraint(["worksite_id"], ["worksite.id"], name=op.f("fk_booking_worksite_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_booking_hold_id")),
        sa.UniqueConstraint("number", name=op.f("uq_booking_number")),
    )
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.create_index(
            "ix_booking_enterprise_id_starts_on", ["enterprise_id", "starts_on"], unique=False
        )

    op.create_table(
        "hazard",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("house_id", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("found_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("found_by", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("severity IN ('minor', 'major')", name=op.f("ck_hazard_severity_known")),
        sa.ForeignKeyConstraint(["closed_by"], ["app_user.id"], name=op.f("fk_hazard_closed_by")),
        sa.ForeignKeyConstraint(["found_by"], ["app_user.id"], name=op.f("fk_hazard_found_by")),
        sa.ForeignKeyConstraint(["house_id"], ["house.id"], name=op.f("fk_hazard_house_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hazard")),
    )
    with op.batch_alter_table("hazard", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hazard_open",
            ["house_id", "severity"],
            unique=False,
            postgresql_where=sa.text("closed_on IS NULL"),
        )

    op.create_table(
        "house_document",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("house_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("media_name", sa.Text(), nullable=True),
        sa.Column("recorded_by", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('title', 'permit', 'appraisal')", name=op.f("ck_house_document_kind_known")
        ),
        sa.ForeignKeyConstraint(["house_id"], ["house.id"], name=op.f("fk_house_document_house_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["app_user.id"], name=op.f("fk_house_document_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_house_document")),
        sa.UniqueConstraint("house_id", "kind", "number", name="uq_house_document_number"),
    )
    op.create_table(
        "inspection",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("house_id", sa.BigInteger(), nullable=False),
        sa.Column("inspected_on", sa.Date(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("inspected_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("passed = (valid_until IS NOT NULL)", name=op.f("ck_inspection_passed_has_end")),
        sa.CheckConstraint("valid_until > inspected_on", name=op.f("ck_inspection_end_after_check")),
        sa.ForeignKeyConstraint(["house_id"], ["house.id"], name=op.f("fk_inspection_house_id")),
        sa.ForeignKeyConstraint(["inspected_by"], ["app_user.id"], name=op.f("fk_inspection_inspected_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
    )
    with op.batch_alter_table("inspection", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inspection_house_id_inspected_on", ["house_id", "inspected_on"], unique=False
        )

    op.create_table(
        "lease_signature",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lease_id", sa.BigInteger(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("on_behalf_of", sa.BigInteger(), nullable=True),
        sa.Column("document_sha256", sa.Text(), nullable=False),
        sa.Column("sms_code_id", sa.BigInteger(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("side IN ('lessor', 'lessee')", name=op.f("ck_lease_signature_side_known")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_lease_signature_lease_id")),
        sa.ForeignKeyConstraint(["on_behalf_of"], ["owner.id"], name=op.f("fk_lease_signature_on_behalf_of")),
        sa.ForeignKeyConstraint(
            ["sms_code_id"], ["sms_code.id"], name=op.f("fk_lease_signature_sms_code_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_lease_signature_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease_signature")),
        sa.UniqueConstraint("lease_id", "side", name="uq_lease_signature_side"),
        sa.UniqueConstraint("sms_code_id", name=op.f("uq_lease_signature_sms_code_id")),
    )
    op.create_table(
        "receipt",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("issued_by", sa.BigInteger(), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["issued_by"], ["app_user.id"], name=op.f("fk_receipt_issued_by")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_receipt_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("number", name=op.f("uq_receipt_number")),
    )
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.create_index(
            "uq_receipt_live", ["payment_id"], unique=True, postgresql_where=sa.text("voided_at IS NULL")
        )

    op.create_table(
        "room",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("house_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("kind", sa.Text(), server_default=sa.text("'bedroom'"), nullable=False),
        sa.Column("usable_m2", sa.Numeric(precision=5, scale=1), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("beds", sa.BigInteger(), nullable=False),
        sa.Column("features", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('bedroom', 'living_room') OR capacity = 0", name=op.f("ck_room_only_habitable_sleeps")
        ),
        sa.CheckConstraint(
            "kind IN ('bedroom', 'living_room', 'dining_room', 'kitchen', 'bathroom', 'balcony', 'hall', 'store', 'basement')",
            name=op.f("ck_room_kind_known"),
        ),
        sa.CheckConstraint("beds BETWEEN 0 AND capacity", name=op.f("ck_room_beds_within_capacity")),
        sa.CheckConstraint("usable_m2 > 0 AND usable_m2 < 1000", name=op.f("ck_room_area_sensible")),
        sa.ForeignKeyConstraint(["house_id"], ["house.id"], name=op.f("fk_room_house_id")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_room_village_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room")),
        sa.UniqueConstraint("house_id", "label", name="uq_room_house_label"),
    )
    with op.batch_alter_table("room", schema=None) as batch_op:
        batch_op.create_index("ix_room_village_code_id", ["village_code", "id"], unique=False)

    op.create_table(
        "booking_lease",
        sa.Column("lease_id", sa.BigInteger(), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_booking_lease_booking_id")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_booking_lease_lease_id")),
        sa.PrimaryKeyConstraint("lease_id", name=op.f("pk_booking_lease")),
    )
    with op.batch_alter_table("booking_lease", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_booking_lease_booking_id"), ["booking_id"], unique=False)

    op.create_table(
        "listing",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.BigInteger(), nullable=False),
        sa.Column("rent_fen", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("conditions", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'submitted'"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("submitted_by", sa.BigInteger(), nullable=True),
        sa.Column("on_behalf_of", sa.BigInteger(), nullable=True),
        sa.Column(
            "submitted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("room_id"), "="),
            (sa.text("daterange(starts_on, ends_on)"), "&&"),
            where=sa.text("state IN ('submitted', 'approved')"),
            using="gist",
            name="listing_no_overlap",
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'returned', 'approved', 'withdrawn')",
            name=op.f("ck_listing_state_known"),
        ),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_listing_period_forward")),
        sa.CheckConstraint("rent_fen BETWEEN 100 AND 10000000", name=op.f("ck_listing_rent_sensible")),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_listing_decided_by")),
        sa.ForeignKeyConstraint(["on_behalf_of"], ["owner.id"], name=op.f("fk_listing_on_behalf_of")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_listing_room_id")),
        sa.ForeignKeyConstraint(["submitted_by"], ["app_user.id"], name=op.f("fk_listing_submitted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
    )
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_room_id"), ["room_id"], unique=False)
        batch_op.create_index(
            "ix_listing_room_id_approved",
            ["room_id"],
            unique=False,
            postgresql_where=sa.text("state = 'approved'"),
        )
        batch_op.create_index(
            "ix_listing_waiting", ["id"], unique=False, postgresql_where=sa.text("state = 'submitted'")
        )
        batch_op.create_index(
            "uq_listing_draft", ["room_id"], unique=True, postgresql_where=sa.text("state = 'draft'")
        )

    op.create_table(
        "payment_allocation",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column(
            "allocated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_payment_allocation_amount_positive")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_payment_allocation_bill_id")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_payment_allocation_payment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_allocation")),
        sa.UniqueConstraint("payment_id", "bill_id", name="uq_payment_allocation_pair"),
    )
    with op.batch_alter_table("payment_allocation", schema=None) as batch_op:
        batch_op.create_index("ix_payment_allocation_bill_id", ["bill_id"], unique=False)

    op.create_table(
        "photo",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("house_id", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.BigInteger(), nullable=True),
        sa.Column("media_name", sa.Text(), nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.BigInteger(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["added_by"], ["app_user.id"], name=op.f("fk_photo_added_by")),
        sa.ForeignKeyConstraint(["house_id"], ["house.id"], name=op.f("fk_photo_house_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_photo_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint("media_name", name=op.f("uq_photo_media_name")),
    )
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_photo_house_id"), ["house_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_photo_room_id"), ["room_id"], unique=False)

    op.create_table(
        "room_claim",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("room_id"), "="),
            (sa.text("daterange(starts_on, ends_on)"), "&&"),
            where=sa.text("state IN ('held', 'leased', 'closed')"),
            using="gist",
            name="room_claim_no_overlap",
        ),
        sa.CheckConstraint(
            "(state = 'held') <= (held_until IS NOT NULL)", name=op.f("ck_room_claim_hold_has_end")
        ),
        sa.CheckConstraint(
            "state NOT IN ('leased', 'closed') OR held_until IS NULL",
            name=op.f("ck_room_claim_only_holds_end"),
        ),
        sa.CheckConstraint(
            "state IN ('held', 'leased', 'closed', 'released')", name=op.f("ck_room_claim_state_known")
        ),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_room_claim_period_forward")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_room_claim_room_id")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_room_claim_village_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_claim")),
    )
    with op.batch_alter_table("room_claim", schema=None) as batch_op:
        batch_op.create_index(
            "ix_room_claim_held_until",
            ["held_until"],
            unique=False,
            postgresql_where=sa.text("state = 'held'"),
        )
        batch_op.create_index(
            "ix_room_claim_probe",
            ["room_id", "starts_on"],
            unique=False,
            postgresql_include=["ends_on", "held_until"],
            postgresql_where=sa.text("state IN ('held', 'leased', 'closed')"),
        )
        batch_op.create_index(
            "ix_room_claim_village",
            ["village_code", "starts_on"],
            unique=False,
            postgresql_include=["ends_on", "state", "room_id"],
            postgresql_where=sa.text("state IN ('held', 'leased', 'closed')"),
        )

    op.create_table(
        "hold_room",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("listing_id", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("rent_fen", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("answer_reason", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.BigInteger(), nullable=True),
        sa.Column("on_behalf_of", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaces_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "answer IN ('waiting', 'accepted', 'declined')", name=op.f("ck_hold_room_answer_known")
        ),
        sa.ForeignKeyConstraint(["answered_by"], ["app_user.id"], name=op.f("fk_hold_room_answered_by")),
        sa.ForeignKeyConstraint(["claim_id"], ["room_claim.id"], name=op.f("fk_hold_room_claim_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_hold_room_hold_id")),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_hold_room_listing_id")),
        sa.ForeignKeyConstraint(["on_behalf_of"], ["owner.id"], name=op.f("fk_hold_room_on_behalf_of")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner.id"], name=op.f("fk_hold_room_owner_id")),
        sa.ForeignKeyConstraint(["replaces_id"], ["hold_room.id"], name=op.f("fk_hold_room_replaces_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_hold_room_room_id")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_hold_room_village_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_room")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_hold_room_claim_id")),
    )
    with op.batch_alter_table("hold_room", schema=None) as batch_op:
        batch_op.create_index("ix_hold_room_hold_id", ["hold_id"], unique=False)
        batch_op.create_index(
            "ix_hold_room_owner_waiting",
            ["owner_id"],
            unique=False,
            postgresql_where=sa.text("answer = 'waiting'"),
        )
        batch_op.create_index(
            "ix_hold_room_village_waiting",
            ["village_code"],
            unique=False,
            postgresql_where=sa.text("answer = 'waiting'"),
        )

    op.create_table(
        "lease_room",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lease_id", sa.BigInteger(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.BigInteger(), nullable=False),
        sa.Column("rent_fen", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_lease_room_period_forward")),
        sa.CheckConstraint("rent_fen > 0", name=op.f("ck_lease_room_rent_positive")),
        sa.ForeignKeyConstraint(["claim_id"], ["room_claim.id"], name=op.f("fk_lease_room_claim_id")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_lease_room_lease_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_lease_room_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease_room")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_lease_room_claim_id")),
    )
    with op.batch_alter_table("lease_room", schema=None) as batch_op:
        batch_op.create_index("ix_lease_room_lease_id", ["lease_id"], unique=False)
        batch_op.create_index("ix_lease_room_room_id", ["room_id"], unique=False)

    op.create_table(
        "bill_line",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("lease_room_id", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("base_days", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("rate_fen", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_fen >= 0", name=op.f("ck_bill_line_amount_not_negative")),
        sa.CheckConstraint(
            "ends_on > starts_on AND days = ends_on - starts_on", name=op.f("ck_bill_line_days_of_period")
        ),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_bill_line_bill_id")),
        sa.ForeignKeyConstraint(
            ["lease_room_id"], ["lease_room.id"], name=op.f("fk_bill_line_lease_room_id")
        ),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_bill_line_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_line")),
    )
    with op.batch_alter_table("bill_line", schema=None) as batch_op:
        batch_op.create_index("ix_bill_line_bill_id", ["bill_id"], unique=False)

    op.create_table(
        "stay",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("worker_id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("room_id", sa.BigInteger(), nullable=False),
        sa.Column("lease_room_id", sa.BigInteger(), nullable=False),
        sa.Column("bed_no", sa.BigInteger(), nullable=False),
        sa.Column("companion_key", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("arrived_on", sa.Date(), nullable=True),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("room_id"), "="),
            (sa.column("bed_no"), "="),
            (sa.text("daterange(starts_on, ends_on)"), "&&"),
            where=sa.text("cancelled_at IS NULL"),
            using="gist",
            name="stay_one_worker_a_bed",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("room_id"), "="),
            (sa.column("companion_key"), "<>"),
            (sa.text("daterange(starts_on, ends_on)"), "&&"),
            where=sa.text("cancelled_at IS NULL"),
            using="gist",
            name="stay_no_mixed_room",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("worker_id"), "="),
            (sa.text("daterange(starts_on, ends_on)"), "&&"),
            where=sa.text("cancelled_at IS NULL"),
            using="gist",
            name="stay_one_bed_a_worker",
        ),
        sa.CheckConstraint(
            "arrived_on IS NULL OR arrived_on = starts_on", name=op.f("ck_stay_arrived_at_start")
        ),
        sa.CheckConstraint("bed_no BETWEEN 1 AND 20", name=op.f("ck_stay_bed_no_sensible")),
        sa.CheckConstraint(
            "ends_on > starts_on OR cancelled_at IS NOT NULL", name=op.f("ck_stay_period_forward")
        ),
        sa.CheckConstraint(
            "left_on IS NULL OR (arrived_on IS NOT NULL AND left_on = ends_on)", name=op.f("ck_stay_left")
        ),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"], name=op.f("fk_stay_enterprise_id")),
        sa.ForeignKeyConstraint(["lease_room_id"], ["lease_room.id"], name=op.f("fk_stay_lease_room_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_stay_room_id")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_stay_village_code")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_stay_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stay")),
    )
    with op.batch_alter_table("stay", schema=None) as batch_op:
        batch_op.create_index("ix_stay_enterprise_id_ends_on", ["enterprise_id", "ends_on"], unique=False)
        batch_op.create_index("ix_stay_lease_room_id", ["lease_room_id"], unique=False)
        batch_op.create_index(
            "ix_stay_village",
            ["village_code", "starts_on"],
            unique=False,
            postgresql_include=["ends_on", "room_id"],
            postgresql_where=sa.text("cancelled_at IS NULL AND arrived_on IS NOT NULL"),
        )

    op.create_table(
        "registration",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("stay_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("reference", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("done_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('arrival', 'departure')", name=op.f("ck_registration_kind_known")),
        sa.ForeignKeyConstraint(["done_by"], ["app_user.id"], name=op.f("fk_registration_done_by")),
        sa.ForeignKeyConstraint(["stay_id"], ["stay.id"], name=op.f("fk_registration_stay_id")),
        sa.ForeignKeyConstraint(
            ["village_code"], ["village.code"], name=op.f("fk_registration_village_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration")),
        sa.UniqueConstraint("stay_id", "kind", name="uq_registration_once"),
    )
    with op.batch_alter_table("registration", schema=None) as batch_op:
        batch_op.create_index(
            "ix_registration_open",
            ["village_code", "due_on"],
            unique=False,
            postgresql_where=sa.text("done_on IS NULL"),
        )
        batch_op.create_index(
            "ix_registration_village_code_happened_on", ["village_code", "happened_on"], unique=False
        )

    op.create_table(
        "occupancy_day",
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("listed", sa.BigInteger(), nullable=False),
        sa.Column("let", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), nullable=False),
        sa.Column("occupied", sa.BigInteger(), nullable=False),
        sa.Column("beds", sa.BigInteger(), nullable=False),
        sa.Column("heads", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["village_code"], ["village.code"], name=op.f("fk_occupancy_day_village_code")
        ),
        sa.PrimaryKeyConstraint("village_code", "day", name=op.f("pk_occupancy_day")),
    )
    op.create_table(
        "occupancy_dirty",
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["village_code"], ["village.code"], name=op.f("fk_occupancy_dirty_village_code")
        ),
        sa.PrimaryKeyConstraint("village_code", name=op.f("pk_occupancy_dirty")),
    )
    _watch_occupancy()
    _add_guards()


OCCUPANCY_WATCHES = {
    # table: (condition on new rows, condition on changed rows)
    "room_claim": (
        "NEW.state IN ('leased', 'closed')",
        "OLD.* IS DISTINCT FROM NEW.* AND (OLD.state IN ('leased', 'closed') OR NEW.state IN ('leased', 'closed'))",
    ),
    "stay": (
        "NEW.arrived_on IS NOT NULL",
        "(OLD.starts_on, OLD.ends_on, OLD.arrived_on, OLD.cancelled_at) IS DISTINCT FROM (NEW.starts_on, NEW.ends_on, NEW.arrived_on, NEW.cancelled_at)",
    ),
    "listing": (
        "NEW.state = 'approved'",
        "(OLD.state = 'approved' OR NEW.state = 'approved') AND (OLD.state, OLD.starts_on, OLD.ends_on) IS DISTINCT FROM (NEW.state, NEW.starts_on, NEW.ends_on)",
    ),
    "inspection": ("true", "OLD.* IS DISTINCT FROM NEW.*"),
    "hazard": ("NEW.severity = 'major'", "OLD.severity = 'major' OR NEW.severity = 'major'"),
    "house": ("NEW.dangerous_since IS NOT NULL", "OLD.dangerous_since IS DISTINCT FROM NEW.dangerous_since"),
    "room": (
        "false",
        "(OLD.beds, OLD.kind, OLD.removed_at) IS DISTINCT FROM (NEW.beds, NEW.kind, NEW.removed_at)",
    ),
}


def _watch_occupancy() -> None:
    """A change to days that are already aggregated marks the village from the first day concerned on."""
    op.execute(
        """
        CREATE FUNCTION touch_occupancy(code text, first_day date) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM occupancy_day WHERE village_code = code AND day >= first_day) THEN
                INSERT INTO occupancy_dirty AS d (village_code, from_day) VALUES (code, first_day)
                ON CONFLICT (village_code) DO UPDATE SET from_day = excluded.from_day
                    WHERE d.from_day > excluded.from_day;
            END IF;
        END $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION watch_occupancy() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
            after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
            either jsonb := coalesce(after, before);
            code text := either ->> 'village_code';
            first_day date;
        BEGIN
            IF code IS NULL AND TG_TABLE_NAME = 'listing' THEN
                SELECT village_code INTO code FROM room WHERE id = (either ->> 'room_id')::bigint;
            ELSIF code IS NULL THEN
                SELECT village_code INTO code FROM house WHERE id = (either ->> 'house_id')::bigint;
            END IF;
            first_day := CASE TG_TABLE_NAME
                WHEN 'inspection' THEN least((before ->> 'inspected_on')::date, (after ->> 'inspected_on')::date)
                WHEN 'hazard' THEN least((before ->> 'found_on')::date, (after ->> 'found_on')::date)
                WHEN 'house' THEN least((before ->> 'dangerous_since')::date, (after ->> 'dangerous_since')::date)
                WHEN 'room' THEN date '2000-01-01'
                ELSE CASE
                    -- Only the end moved: nothing before the earlier end is different.
                    WHEN before - 'ends_on' - 'left_on' = after - 'ends_on' - 'left_on'
                    THEN least((before ->> 'ends_on')::date, (after ->> 'ends_on')::date)
                    ELSE least((before ->> 'starts_on')::date, (after ->> 'starts_on')::date)
                END
            END;
            PERFORM touch_occupancy(code, first_day);
            RETURN NULL;
        END $$
        """
    )
    for table, (inserted, changed) in OCCUPANCY_WATCHES.items():
        op.execute(
            f"CREATE TRIGGER {table}_inserted_occupancy AFTER INSERT ON {table}"
            f" FOR EACH ROW WHEN ({inserted}) EXECUTE FUNCTION watch_occupancy()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_changed_occupancy AFTER UPDATE ON {table}"
            f" FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION watch_occupancy()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_deleted_occupancy AFTER DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION watch_occupancy()"
        )


def _unwatch_occupancy() -> None:
    for table in OCCUPANCY_WATCHES:
        for event in ("inserted", "changed", "deleted"):
            op.execute(f"DROP TRIGGER {table}_{event}_occupancy ON {table}")
    op.execute("DROP FUNCTION watch_occupancy()")
    op.execute("DROP FUNCTION touch_occupancy(text, date)")


def _add_guards() -> None:
    """Triggers for what a constraint cannot say: rows that never change once written."""
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append only', TG_TABLE_NAME
                USING ERRCODE = '23514', CONSTRAINT = TG_TABLE_NAME || '_append_only';
        END $$
        """
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    # An issued bill is what was sent: only what was paid on it, and its voiding, may be written later.
    op.execute(
        """
        CREATE FUNCTION refuse_bill_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'an issued bill never changes'
                USING ERRCODE = '23514', CONSTRAINT = 'bill_never_changes';
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER bill_never_changes BEFORE UPDATE ON bill FOR EACH ROW WHEN ("
        " (OLD.number, OLD.lease_id, OLD.owner_id, OLD.enterprise_id, OLD.village_code, OLD.kind, OLD.seq,"
        "  OLD.starts_on, OLD.ends_on, OLD.issued_on, OLD.due_on, OLD.amount_fen)"
        " IS DISTINCT FROM"
        " (NEW.number, NEW.lease_id, NEW.owner_id, NEW.enterprise_id, NEW.village_code, NEW.kind, NEW.seq,"
        "  NEW.starts_on, NEW.ends_on, NEW.issued_on, NEW.due_on, NEW.amount_fen)"
        " OR OLD.voided_at IS NOT NULL"
        ") EXECUTE FUNCTION refuse_bill_change()"
    )
    op.execute(
        "CREATE TRIGGER bill_never_deleted BEFORE DELETE ON bill"
        " FOR EACH ROW EXECUTE FUNCTION refuse_bill_change()"
    )
    # The role the application runs as, where it exists, may not even try.
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'qiantang_app') THEN
                REVOKE UPDATE, DELETE, TRUNCATE ON audit_event, ledger_entry, bill_line, lease_signature
                    FROM qiantang_app;
                REVOKE DELETE, TRUNCATE ON bill FROM qiantang_app;
            END IF;
        END $$
        """
    )


def _drop_guards() -> None:
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    op.execute("DROP TRIGGER bill_never_changes ON bill")
    op.execute("DROP TRIGGER bill_never_deleted ON bill")
    op.execute("DROP FUNCTION refuse_change()")
    op.execute("DROP FUNCTION refuse_bill_change()")


def downgrade() -> None:
    _drop_guards()
    _unwatch_occupancy()
    op.drop_table("occupancy_dirty")
    op.drop_table("occupancy_day")
    with op.batch_alter_table("registration", schema=None) as batch_op:
        batch_op.drop_index("ix_registration_village_code_happened_on")
        batch_op.drop_index("ix_registration_open", postgresql_where=sa.text("done_on IS NULL"))

    op.drop_table("registration")
    with op.batch_alter_table("stay", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_stay_village",
            postgresql_include=["ends_on", "room_id"],
            postgresql_where=sa.text("cancelled_at IS NULL AND arrived_on IS NOT NULL"),
        )
        batch_op.drop_index("ix_stay_lease_room_id")
        batch_op.drop_index("ix_stay_enterprise_id_ends_on")

    op.drop_table("stay")
    with op.batch_alter_table("bill_line", schema=None) as batch_op:
        batch_op.drop_index("ix_bill_line_bill_id")

    op.drop_table("bill_line")
    with op.batch_alter_table("lease_room", schema=None) as batch_op:
        batch_op.drop_index("ix_lease_room_room_id")
        batch_op.drop_index("ix_lease_room_lease_id")

    op.drop_table("lease_room")
    with op.batch_alter_table("hold_room", schema=None) as batch_op:
        batch_op.drop_index("ix_hold_room_village_waiting", postgresql_where=sa.text("answer = 'waiting'"))
        batch_op.drop_index("ix_hold_room_owner_waiting", postgresql_where=sa.text("answer = 'waiting'"))
        batch_op.drop_index("ix_hold_room_hold_id")

    op.drop_table("hold_room")
    with op.batch_alter_table("room_claim", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_room_claim_village",
            postgresql_include=["ends_on", "state", "room_id"],
            postgresql_where=sa.text("state IN ('held', 'leased', 'closed')"),
        )
        batch_op.drop_index(
            "ix_room_claim_probe",
            postgresql_include=["ends_on", "held_until"],
            postgresql_where=sa.text("state IN ('held', 'leased', 'closed')"),
        )
        batch_op.drop_index("ix_room_claim_held_until", postgresql_where=sa.text("state = 'held'"))

    op.drop_table("room_claim")
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_photo_room_id"))
        batch_op.drop_index(batch_op.f("ix_photo_house_id"))

    op.drop_table("photo")
    with op.batch_alter_table("payment_allocation", schema=None) as batch_op:
        batch_op.drop_index("ix_payment_allocation_bill_id")

    op.drop_table("payment_allocation")
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.drop_index("uq_listing_draft", postgresql_where=sa.text("state = 'draft'"))
        batch_op.drop_index("ix_listing_waiting", postgresql_where=sa.text("state = 'submitted'"))
        batch_op.drop_index("ix_listing_room_id_approved", postgresql_where=sa.text("state = 'approved'"))
        batch_op.drop_index(batch_op.f("ix_listing_room_id"))

    op.drop_table("listing")
    with op.batch_alter_table("booking_lease", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_booking_lease_booking_id"))

    op.drop_table("booking_lease")
    with op.batch_alter_table("room", schema=None) as batch_op:
        batch_op.drop_index("ix_room_village_code_id")

    op.drop_table("room")
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.drop_index("uq_receipt_live", postgresql_where=sa.text("voided_at IS NULL"))

    op.drop_table("receipt")
    op.drop_table("lease_signature")
    with op.batch_alter_table("inspection", schema=None) as batch_op:
        batch_op.drop_index("ix_inspection_house_id_inspected_on")

    op.drop_table("inspection")
    op.drop_table("house_document")
    with op.batch_alter_table("hazard", schema=None) as batch_op:
        batch_op.drop_index("ix_hazard_open", postgresql_where=sa.text("closed_on IS NULL"))

    op.drop_table("hazard")
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.drop_index("ix_booking_enterprise_id_starts_on")

    op.drop_table("booking")
    with op.batch_alter_table("bill", schema=None) as batch_op:
        batch_op.drop_index("uq_bill_once", postgresql_where=sa.text("voided_at IS NULL"))
        batch_op.drop_index("ix_bill_owner_id_starts_on")
        batch_op.drop_index(
            "ix_bill_open", postgresql_where=sa.text("voided_at IS NULL AND paid_fen < amount_fen")
        )
        batch_op.drop_index("ix_bill_enterprise_id_starts_on")

    op.drop_table("bill")
    op.drop_table("remark_code")
    with op.batch_alter_table("proxy_consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_proxy_consent_owner_id"))

    op.drop_table("proxy_consent")
    with op.batch_alter_table("payment", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_payment_serial",
            postgresql_where=sa.text("serial <> '' AND state IN ('claimed', 'confirmed')"),
        )
        batch_op.drop_index(
            "ix_payment_credit",
            postgresql_where=sa.text("unallocated_fen > 0 AND state = 'confirmed'"),
        )
        batch_op.drop_index("ix_payment_village_claimed", postgresql_where=sa.text("state = 'claimed'"))
        batch_op.drop_index("ix_payment_owner_id_paid_on")
        batch_op.drop_index("ix_payment_enterprise_id_paid_on")

    op.drop_table("payment")
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.drop_index("ix_lease_village_code_state")
        batch_op.drop_index("ix_lease_running", postgresql_where=sa.text("state = 'signed'"))
        batch_op.drop_index("ix_lease_owner_id")
        batch_op.drop_index("ix_lease_enterprise_id")

    op.drop_table("lease")
    with op.batch_alter_table("household_link", schema=None) as batch_op:
        batch_op.drop_index("uq_household_link_waiting", postgresql_where=sa.text("state = 'waiting'"))
        batch_op.drop_index("ix_household_link_village_code_state")

    op.drop_table("household_link")
    with op.batch_alter_table("house", schema=None) as batch_op:
        batch_op.drop_index("ix_house_village_code")
        batch_op.drop_index("ix_house_place", postgresql_using="gist")
        batch_op.drop_index(
            "ix_house_address_trgm", postgresql_using="gin", postgresql_ops={"address": "gin_trgm_ops"}
        )

    op.drop_table("house")
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.drop_index("ix_hold_enterprise_id_created_at")
        batch_op.drop_index("ix_hold_active", postgresql_where=sa.text("state = 'active'"))

    op.drop_table("hold")
    with op.batch_alter_table("demand", schema=None) as batch_op:
        batch_op.drop_index("ix_demand_open", postgresql_where=sa.text("state = 'open'"))
        batch_op.drop_index("ix_demand_enterprise_id")

    op.drop_table("demand")
    with op.batch_alter_table("worksite", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_worksite_enterprise_id"))

    op.drop_table("worksite")
    with op.batch_alter_table("worker", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_worker_id_number_hash"))

    op.drop_table("worker")
    with op.batch_alter_table("user_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_user_session_user_id"))
        batch_op.drop_index(batch_op.f("ix_user_session_grant_id"))

    op.drop_table("user_session")
    with op.batch_alter_table("owner", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_owner_user_id"))
        batch_op.drop_index(batch_op.f("ix_owner_phone_hash"))
        batch_op.drop_index(
            "ix_owner_name_trgm", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}
        )
        batch_op.drop_index(batch_op.f("ix_owner_id_number_hash"))

    op.drop_table("owner")
    op.drop_table("imported_file")
    with op.batch_alter_table("village", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_village_street_code"))

    op.drop_table("village")
    with op.batch_alter_table("role_grant", schema=None) as batch_op:
        batch_op.drop_index("uq_role_grant_live", postgresql_where=sa.text("revoked_at IS NULL"))
        batch_op.drop_index("ix_role_grant_scope", postgresql_where=sa.text("revoked_at IS NULL"))

    op.drop_table("role_grant")
    with op.batch_alter_table("enterprise", schema=None) as batch_op:
        batch_op.drop_index("ix_enterprise_street_code_state")

    op.drop_table("enterprise")
    with op.batch_alter_table("division_unit", schema=None) as batch_op:
        batch_op.drop_index("ix_division_unit_street_code")

    op.drop_table("division_unit")
    op.drop_table("capacity_rule")
    op.drop_table("throttle")
    op.drop_table("street")
    with op.batch_alter_table("sms_code", schema=None) as batch_op:
        batch_op.drop_index("ix_sms_code_phone_hash_purpose")

    op.drop_table("sms_code")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_due", postgresql_where=sa.text("sent_at IS NULL AND given_up_at IS NULL")
        )

    op.drop_table("outbox")
    op.drop_table("number_series")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_user_id_created_at")

    op.drop_table("message")
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_entry_source")
        batch_op.drop_index("ix_ledger_entry_pair")

    op.drop_table("ledger_entry")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_event_entity")
        batch_op.drop_index("ix_audit_event_actor_user_id_at")

    op.drop_table("audit_event")
    op.drop_table("app_user")
