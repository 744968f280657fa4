"""Who is acting, as services and the audit see it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """A person in one role over one area, or the system itself.

    ``scope`` depends on the role: a division code for offices (6, 9 or 12 digits, a prefix of every code
    inside it), the enterprise id for employers, the user's own id for villagers, "" for administrators.
    """

    user_id: int | None
    role: str
    scope: str
    name: str = ""
    request_id: str = ""

    @property
    def enterprise_id(self) -> int | None:
        """The enterprise an employer acts for; None for every other role."""
        return int(self.scope) if self.role in ("employer_manager", "employer_staff") else None

    @property
    def is_office(self) -> bool:
        """Village, street or district."""
        return self.role in ("village_clerk", "street_officer", "district_officer")


SYSTEM = Actor(user_id=None, role="system", scope="330114", name="系统")
"""Commands and jobs; sees the whole district."""
