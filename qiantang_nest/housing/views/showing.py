"""What the templates of this package may ask: names and numbers as far as the role may see them."""

from typing import Any

from qiantang_nest.accounts.rules import Permission, Role, may
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import mask_account, mask_name, mask_phone
from qiantang_nest.core.web import actor, actor_or_none
from qiantang_nest.housing.models import Owner
from qiantang_nest.housing.rules import gate_lack_label
from qiantang_nest.housing.views import blueprint


def shown_name(owner: Owner) -> str:
    """Whole for the household and its village, the surname for the street, nothing for the district."""
    role = actor().role
    if role in (Role.VILLAGER, Role.VILLAGE_CLERK):
        return owner.name
    return mask_name(owner.name) if role == Role.STREET_OFFICER else "—"


def shown_phone(owner: Owner) -> str:
    """Masked for everybody; the whole number takes a purpose."""
    if owner.phone is None:
        return str(_("没有电话"))
    return "—" if actor().role == Role.DISTRICT_OFFICER else mask_phone(owner.phone)


@blueprint.context_processor
def offer_helpers() -> dict[str, Any]:
    """Only for pages of this blueprint."""
    who = actor_or_none()
    role = who.role if who else ""
    return {
        "shown_name": shown_name,
        "shown_phone": shown_phone,
        "mask_name": mask_name,
        "mask_phone": mask_phone,
        "mask_account": mask_account,
        "gate_lack_label": gate_lack_label,
        "may_manage": may(role, Permission.HOUSE_MANAGE),
        "may_list": may(role, Permission.HOUSE_LIST_OWN) or may(role, Permission.HOUSE_MANAGE),
        "may_decide": may(role, Permission.LISTING_DECIDE),
        "may_place": may(role, Permission.VILLAGE_PLACE),
        "may_record": may(role, Permission.SAFETY_RECORD),
        "may_reveal": may(role, Permission.OWNER_REVEAL),
        "may_read_owner": may(role, Permission.OWNER_READ),
    }
