"""Pages of ``accounts``; and, in ``gate``, who acts and whether the role may, before each request."""

from qiantang_nest.accounts.views import account, administration, audit, members, second_factor, sign_in
from qiantang_nest.accounts.views.base import blueprint, person, person_session, preferences
from qiantang_nest.accounts.views.gate import Places, register, select_locale

__all__ = [
    "Places",
    "account",
    "administration",
    "audit",
    "blueprint",
    "members",
    "person",
    "person_session",
    "preferences",
    "register",
    "second_factor",
    "select_locale",
    "sign_in",
]
