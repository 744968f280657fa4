"""Households, who may act for them, and villagers linked to them."""

from datetime import date, datetime

from qiantang_nest.accounts.models import User
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import NotAllowed, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.geography.models import Village
from qiantang_nest.housing.models import HouseholdLink, Owner, ProxyConsent
from qiantang_nest.housing.queries import live_consent
from qiantang_nest.housing.services.telling import tell_clerks, tell_linked


def register_owner(
    *,
    village_code: str,
    household_no: str,
    name: str,
    group_no: str = "",
    phone: str | None = None,
    id_number: str | None = None,
    actor: Actor,
) -> Owner:
    """A household known by its number in the village.

    Raises:
        HouseholdExists: at the flush, if the village has that number already.
    """
    owner = Owner(
        village_code=village_code,
        household_no=household_no,
        name=name,
        group_no=group_no,
        phone=phone,
        id_number=id_number,
    )
    db.session.add(owner)
    db.session.flush()
    audit.record(actor=actor, action="housing.register_owner", entity="owner", entity_id=owner.id)
    return owner


def edit_owner(*, owner: Owner, name: str, group_no: str, phone: str | None, actor: Actor) -> None:
    """Correct what the village knows of a household; the number stays."""
    changed = [
        field
        for field, value in (("name", name), ("group_no", group_no), ("phone", phone))
        if getattr(owner, field) != value
    ]
    owner.name, owner.group_no, owner.phone = name, group_no, phone
    audit.record(
        actor=actor,
        action="housing.edit_owner",
        entity="owner",
        entity_id=owner.id,
        changes={"fields": changed},
        on_behalf_of=_proxy_id(owner, actor),
    )


def change_account(
    *,
    owner: Owner,
    account_kind: str,
    account_name: str,
    account_bank: str,
    account_number: str,
    actor: Actor,
) -> None:
    """Set the bank account that employers pay to; ``account_number`` as ``core.identifiers`` returns it."""
    owner.account_kind, owner.account_name = account_kind, account_name
    owner.account_bank, owner.account_number = account_bank, account_number
    audit.record(
        actor=actor,
        action="housing.change_account",
        entity="owner",
        entity_id=owner.id,
        changes={"account_kind": account_kind, "last_digits": account_number[-4:]},
        on_behalf_of=_proxy_id(owner, actor),
    )


def record_consent(
    *, owner: Owner, given_on: date, how: str, witness: str, today: date, actor: Actor
) -> ProxyConsent:
    """Write down that the household lets the village act for it; the person recording is named.

    Raises:
        NotAllowed: nobody in particular records it.
        WrongState: the day has not come.
    """
    if actor.user_id is None:
        raise NotAllowed(_("授权要由村管理员本人登记。"))
    if given_on > today:
        raise WrongState(_("授权日期 %(day)s 还没有到，请核对。", day=given_on.isoformat()))
    consent = ProxyConsent(
        owner_id=owner.id, given_on=given_on, how=how, witness=witness, recorded_by=actor.user_id
    )
    db.session.add(consent)
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.record_consent",
        entity="proxy_consent",
        entity_id=consent.id,
        changes={"owner_id": owner.id, "how": how, "given_on": given_on.isoformat()},
        on_behalf_of=owner.id,
    )
    return consent


def withdraw_consent(*, consent: ProxyConsent, today: date, actor: Actor) -> None:
    """The household decides for itself again, from today. Raises WrongState if it already does."""
    if consent.withdrawn_on is not None:
        raise WrongState(_("这份授权已经收回了。"))
    consent.withdrawn_on = today
    audit.record(
        actor=actor,
        action="housing.withdraw_consent",
        entity="proxy_consent",
        entity_id=consent.id,
        changes={"owner_id": consent.owner_id},
    )


def proxy_for(*, owner: Owner, actor: Actor) -> int | None:
    """Whose word an act is: None when the household acts itself, else the household's id.

    Raises:
        NotAllowed: an office acts for a household that has not agreed.
    """
    if not actor.is_office:
        return None
    if live_consent(owner.id) is None:
        raise NotAllowed(
            _("%(name)s家还没有同意村里代办。请先登记授权：书面，或电话加一位见证人。", name=owner.name)
        )
    return owner.id


def _proxy_id(owner: Owner, actor: Actor) -> int | None:
    """For records the village keeps anyway: whose record, without asking for consent."""
    return owner.id if actor.is_office else None


def request_link(*, user_id: int, village: Village, note: str, actor: Actor) -> HouseholdLink:
    """A villager says which household is theirs. Raises WrongState while an earlier request waits."""
    waiting = (
        db.session.query(HouseholdLink.id)
        .where(HouseholdLink.user_id == user_id, HouseholdLink.state == "waiting")
        .first()
    )
    if waiting is not None:
        raise WrongState(_("您已经告诉过村里了，村管理员正在核对，不用再交一次。"))
    link = HouseholdLink(user_id=user_id, village_code=village.code, note=note)
    db.session.add(link)
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.request_link",
        entity="household_link",
        entity_id=link.id,
        changes={"village_code": village.code},
    )
    tell_clerks(
        village_code=village.code,
        kind="housing.link_wanted",
        params={"name": actor.name},
        url="/household-links",
    )
    return link


def link_household(*, link: HouseholdLink, owner: Owner, now: datetime, actor: Actor) -> None:
    """Give a waiting villager the household; a household has one person who decides for it.

    Raises:
        WrongState: already decided, another village, or the household already has another person.
    """
    if link.state != "waiting":
        raise WrongState(_("这一条已经办过了。"))
    if owner.village_code != link.village_code:
        raise WrongState(_("这一户不在他填的村里，请核对。"))
    if owner.user_id not in (None, link.user_id):
        raise WrongState(
            _(
                "%(number)s 已经绑定了另一位家人。要换人，请先和那位家人说好再解绑。",
                number=owner.household_no,
            )
        )
    owner.user_id = link.user_id
    link.state, link.owner_id = "linked", owner.id
    link.decided_by, link.decided_at = actor.user_id, now
    person = db.session.get_one(User, link.user_id)
    if owner.phone is None and person.phone is not None:
        owner.phone = person.phone
    audit.record(
        actor=actor,
        action="housing.link_household",
        entity="household_link",
        entity_id=link.id,
        changes={"owner_id": owner.id, "user_id": link.user_id},
    )
    tell_linked(link, owner)


def refuse_link(*, link: HouseholdLink, reason: str, now: datetime, actor: Actor) -> None:
    """Send a request back with a reason the villager reads. Raises WrongState if already decided."""
    if link.state != "waiting":
        raise WrongState(_("这一条已经办过了。"))
    link.state, link.reason = "refused", reason
    link.decided_by, link.decided_at = actor.user_id, now
    audit.record(
        actor=actor,
        action="housing.refuse_link",
        entity="household_link",
        entity_id=link.id,
        changes={"reason": reason},
    )
    tell_linked(link, None)
