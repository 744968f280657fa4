"""Cleaning of typed and pasted text before a rule looks at it."""

import unicodedata

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _

SHOWN_LENGTH = 20


def normalise(text: str) -> str:
    """Return ``text`` as a rule may read it: NFKC, without invisible characters, trimmed.

    Full-width digits and signs become ASCII; zero-width and direction marks (Unicode category Cf) go.
    NUL and lone surrogates, which no keyboard types and no database stores, are refused.

    Raises:
        InvalidValue: the text holds NUL or a lone surrogate.
    """
    if any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in text):
        raise InvalidValue(_("内容里有无法保存的字符，请删掉后手工重新填写"))
    return visible(unicodedata.normalize("NFKC", visible(text))).strip()


def visible(text: str) -> str:
    """Return ``text`` without zero-width and direction marks (Unicode category Cf)."""
    if text.isascii():
        return text
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def without_spaces(text: str) -> str:
    """Return ``text`` without any white space, inside included."""
    return "".join(text.split())


def shown(text: str) -> str:
    """Return ``text`` short enough to stand in a sentence (20 characters, then …)."""
    return text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "…"
