"""Field encryption: AES-256-GCM with a versioned key, and a keyed hash for look-up.

A sealed value is ``key id (1 byte) | nonce (12) | ciphertext and tag``. Its additional data is
``table.column:row key``, so a ciphertext copied to another row or column does not open. The look-up hash is
HMAC-SHA256 under a key of its own; equal values of one kind have equal hashes.
"""

import hmac
import os
import uuid
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, declared_attr, mapped_column


class Keyring:
    """The keys in use: ``field_keys`` by id (1–255), the highest id seals; one ``hash_key``."""

    def __init__(self, field_keys: Mapping[int, bytes], hash_key: bytes) -> None:
        if not field_keys or any(len(key) != 32 for key in field_keys.values()) or len(hash_key) < 32:
            raise ValueError("field keys and hash key are 32 bytes each")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in field_keys.items()}
        self._current = max(field_keys)
        self._hash_key = hash_key

    def seal(self, value: str, context: str) -> bytes:
        """Encrypt ``value`` bound to ``context``."""
        nonce = os.urandom(12)
        body = self._ciphers[self._current].encrypt(nonce, value.encode(), context.encode())
        return bytes([self._current]) + nonce + body

    def unseal(self, sealed: bytes, context: str) -> str:
        """Decrypt; raises InvalidTag if it was sealed for another row, column or key."""
        cipher = self._ciphers.get(sealed[0])
        if cipher is None:
            raise InvalidTag
        return cipher.decrypt(sealed[1:13], sealed[13:], context.encode()).decode()

    def hash(self, value: str, kind: str) -> bytes:
        """32 bytes for equality look-up of one kind of value (``phone``, ``id_number`` …)."""
        return hmac.new(self._hash_key, f"{kind}:{value}".encode(), sha256).digest()


_keyring: Keyring | None = None


def use_keyring(keyring: Keyring) -> None:
    """Set the process' keys; ``create_app`` does."""
    global _keyring
    _keyring = keyring


def keyring() -> Keyring:
    """The process' keys. Raises RuntimeError before ``create_app``."""
    if _keyring is None:
        raise RuntimeError("no keyring: create_app() sets it")
    return _keyring


def lookup_hash(value: str, kind: str) -> bytes:
    """The hash to search a ``…_hash`` column by."""
    return keyring().hash(value, kind)


class SealedText:
    """A model attribute that reads and writes plain text over ``<name>_sealed`` (and ``<name>_hash``).

    ``Owner(phone="13800138000")`` fills both columns; ``owner.phone`` opens it. The class needs the
    ``HasSealed`` mixin, whose ``seal_key`` binds ciphertext to its row before the row has an id.
    """

    def __init__(self, *, kind: str | None = None) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def _context(self, instance: Any) -> str:
        return f"{instance.__tablename__}.{self._name}:{instance.seal_key}"

    def seal_for(self, model: type[Any], seal_key: uuid.UUID, value: str) -> bytes:
        """The ciphertext of a value for a row written without its object, as in bulk."""
        return keyring().seal(value, f"{model.__tablename__}.{self._name}:{seal_key}")

    def unseal_for(self, model: type[Any], seal_key: uuid.UUID, sealed: bytes | None) -> str | None:
        """The value of a row read by columns."""
        if sealed is None:
            return None
        return keyring().unseal(sealed, f"{model.__tablename__}.{self._name}:{seal_key}")

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        sealed = getattr(instance, f"{self._name}_sealed")
        return None if sealed is None else keyring().unseal(sealed, self._context(instance))

    def __set__(self, instance: Any, value: str | None) -> None:
        if instance.seal_key is None:
            instance.seal_key = uuid.uuid4()
        sealed = None if value is None else keyring().seal(value, self._context(instance))
        setattr(instance, f"{self._name}_sealed", sealed)
        if self._kind is not None:
            setattr(instance, f"{self._name}_hash", None if value is None else lookup_hash(value, self._kind))


class HasSealed:
    """Mixin of models with sealed columns."""

    @declared_attr
    def seal_key(cls) -> Mapped[uuid.UUID]:  # noqa: N805
        return mapped_column(default=uuid.uuid4)


def sealed_column() -> Mapped[bytes | None]:
    """The ciphertext column beside a SealedText."""
    return mapped_column(LargeBinary)


def hash_column(*, unique: bool = False, index: bool = True) -> Mapped[bytes | None]:
    """The look-up column beside a SealedText with a kind."""
    return mapped_column(LargeBinary, unique=unique, index=index and not unique)
