"""Sealed fields: what is stored opens only where it belongs."""

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import text

from qiantang_nest.core.crypto import Keyring, lookup_hash
from tests.factories import make_user

KEYS = Keyring({1: b"a" * 32}, b"h" * 32)


def test_a_sealed_value_opens_in_its_own_row_only():
    sealed = KEYS.seal("330121199003070190", "worker.id_number:row-1")
    assert KEYS.unseal(sealed, "worker.id_number:row-1") == "330121199003070190"
    with pytest.raises(InvalidTag):
        KEYS.unseal(sealed, "worker.id_number:row-2")
    with pytest.raises(InvalidTag):
        KEYS.unseal(sealed, "worker.phone:row-1")


def test_the_same_value_is_never_sealed_alike():
    assert KEYS.seal("13800138000", "x") != KEYS.seal("13800138000", "x")


def test_the_newest_key_seals_and_old_ones_still_open():
    rotated = Keyring({1: b"a" * 32, 2: b"b" * 32}, b"h" * 32)
    assert rotated.unseal(KEYS.seal("old", "x"), "x") == "old"
    assert rotated.seal("new", "x")[0] == 2
    with pytest.raises(InvalidTag):
        KEYS.unseal(rotated.seal("new", "x"), "x")


def test_hashes_are_equal_for_equal_values_of_one_kind_only():
    assert KEYS.hash("13800138000", "phone") == KEYS.hash("13800138000", "phone")
    assert KEYS.hash("13800138000", "phone") != KEYS.hash("13800138000", "id_number")
    assert Keyring({1: b"a" * 32}, b"i" * 32).hash("1", "phone") != KEYS.hash("1", "phone")


@pytest.mark.parametrize("keys", [{}, {1: b"short"}])
def test_odd_keys_are_refused(keys):
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(keys, b"h" * 32)


def test_a_model_keeps_no_plain_text(db_session):
    user = make_user(phone="13912345678")
    db_session.expire_all()
    row = db_session.execute(
        text("SELECT to_jsonb(u)::text AS row, phone_hash FROM app_user u WHERE id = :id"), {"id": user.id}
    ).one()
    assert user.phone == "13912345678"
    assert "13912345678" not in row.row
    assert row.phone_hash == lookup_hash("13912345678", "phone")


def test_a_sealed_attribute_can_be_emptied(db_session):
    user = make_user()
    user.phone = None
    db_session.flush()
    assert (user.phone, user.phone_sealed, user.phone_hash) == (None, None, None)
