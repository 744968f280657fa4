"""Households at the clerk's desk: registering, consent, bank account, whole numbers, linking villagers."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import audit, clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import (
    card_warnings,
    check_corporate_account,
    check_personal_card,
)
from qiantang_nest.core.web import actor, ids_from, paginate
from qiantang_nest.geography.queries import village_by_code
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.forms.desk import (
    AccountForm,
    ConsentForm,
    EditOwnerForm,
    OwnerForm,
    RevealForm,
)
from qiantang_nest.housing.forms.offers import ReasonForm
from qiantang_nest.housing.models import House, Owner
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.loading import is_villager, load_link, load_owner
from qiantang_nest.housing.views.steps import OWN_OR_PROXY


@blueprint.route("/owners/new", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def register_owner() -> Response | str | tuple[str, int]:
    """A household of the clerk's village."""
    form = OwnerForm()
    if form.validate_on_submit():
        try:
            with transaction():
                owner = services.register_owner(
                    village_code=actor().scope,
                    household_no=form.household_no.data,
                    name=form.name.data,
                    group_no=form.group_no.data or "",
                    phone=form.phone.data or None,
                    actor=actor(),
                )
            flash(_("%(name)s家登记好了，接着登记房子。", name=owner.name), "done")
            return redirect(url_for("housing.owner", owner_id=owner.id), 303)
        except DomainError as error:
            form.refuse(form.household_no, error)
    page = render_template("housing/register_owner.html", form=form)
    return (page, 422) if form.errors else page


@blueprint.get("/owners/<int:owner_id>")
@requires(Permission.OWNER_READ)
def owner(owner_id: int) -> str:
    """One household: its houses, its word, its account; numbers masked."""
    found = load_owner(owner_id)
    houses = list(
        db.session.execute(
            queries.houses_visible_to(actor()).where(House.owner_id == found.id).order_by(House.id)
        ).scalars()
    )
    consent = queries.live_consent(found.id)
    sums = queries.house_sums([house.id for house in houses])
    return render_template(
        "housing/owner.html",
        owner=found,
        houses=houses,
        sums=sums,
        managed=queries.owner_is_managed(sums.values()),
        consent=consent,
        people=queries.people_by_id([found.user_id, consent.recorded_by if consent else None]),
        village=village_by_code(found.village_code),
        frame="layouts/phone.html" if is_villager() else "layouts/desk.html",
    )


@blueprint.route("/owners/<int:owner_id>/edit", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def edit_owner(owner_id: int) -> Response | str | tuple[str, int]:
    """Correct name, group and phone."""
    found = load_owner(owner_id)
    form = EditOwnerForm(obj=found)
    if form.validate_on_submit():
        with transaction():
            services.edit_owner(
                owner=found,
                name=form.name.data,
                group_no=form.group_no.data or "",
                phone=form.phone.data or None,
                actor=actor(),
            )
        flash(_("改好了。"), "done")
        return redirect(url_for("housing.owner", owner_id=owner_id), 303)
    page = render_template("housing/edit_owner.html", form=form, owner=found)
    return (page, 422) if form.errors else page


@blueprint.route("/owners/<int:owner_id>/account", methods=["GET", "POST"])
@requires(*OWN_OR_PROXY)
def change_account(owner_id: int) -> Response | str | tuple[str, int]:
    """The account employers pay to; the old number is never shown whole."""
    found = load_owner(owner_id)
    form = AccountForm(
        data={
            "account_kind": found.account_kind,
            "account_name": found.account_name or found.name,
            "account_bank": found.account_bank,
        }
    )
    if form.validate_on_submit():
        check = check_personal_card if form.account_kind.data == "personal" else check_corporate_account
        try:
            number = check(form.account_number.data)
            with transaction():
                services.change_account(
                    owner=found,
                    account_kind=form.account_kind.data,
                    account_name=form.account_name.data,
                    account_bank=form.account_bank.data,
                    account_number=number,
                    actor=actor(),
                )
            flash(_("收款账户改好了，以后的租金付到尾号 %(tail)s。", tail=number[-4:]), "done")
            if form.account_kind.data == "personal":
                for warning in card_warnings(number):
                    flash(warning, "todo")
            return redirect(url_for("housing.owner", owner_id=owner_id), 303)
        except DomainError as error:
            found = load_owner(owner_id)
            form.refuse(form.account_number, error)
    page = render_template(
        "housing/change_account.html",
        form=form,
        owner=found,
        frame="layouts/phone.html" if is_villager() else "layouts/desk.html",
    )
    return (page, 422) if form.errors else page


@blueprint.route("/owners/<int:owner_id>/consent", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def record_consent(owner_id: int) -> Response | str | tuple[str, int]:
    """The household lets the village act for it."""
    found = load_owner(owner_id)
    form = ConsentForm(data={"given_on": clock.today()})
    if form.validate_on_submit():
        try:
            with transaction():
                services.record_consent(
                    owner=found,
                    given_on=form.given_on.data,
                    how=form.how.data,
                    witness=form.witness.data,
                    today=clock.today(),
                    actor=actor(),
                )
            flash(_("授权登记好了，现在可以代%(name)s家办理。", name=found.name), "done")
            return redirect(url_for("housing.owner", owner_id=owner_id), 303)
        except DomainError as error:
            found = load_owner(owner_id)
            form.refuse(form.given_on, error)
    page = render_template("housing/record_consent.html", form=form, owner=found)
    return (page, 422) if form.errors else page


@blueprint.post("/owners/<int:owner_id>/consent/withdraw")
@requires(*OWN_OR_PROXY)
def withdraw_consent(owner_id: int) -> Response:
    """The household decides for itself again."""
    found = load_owner(owner_id)
    consent = queries.live_consent(found.id)
    if consent is None:
        raise NotFound(_("这一户现在没有授权村里代办。"))
    with transaction():
        services.withdraw_consent(consent=consent, today=clock.today(), actor=actor())
    flash(_("授权收回了，以后由%(name)s家自己办。", name=found.name), "done")
    return redirect(url_for("housing.owner", owner_id=owner_id), 303)


@blueprint.route("/owners/<int:owner_id>/reveal", methods=["GET", "POST"])
@requires(Permission.OWNER_REVEAL)
def reveal_owner(owner_id: int) -> str | tuple[str, int]:
    """Whole phone and account after a purpose, which the audit keeps; shown once, kept nowhere."""
    found = load_owner(owner_id)
    form = RevealForm()
    shown = None
    if form.validate_on_submit():
        with transaction():
            audit.record(
                actor=actor(),
                action="housing.reveal_owner",
                entity="owner",
                entity_id=found.id,
                changes={"purpose": form.purpose.data},
            )
        found = load_owner(owner_id)
        shown = {"phone": found.phone, "account": found.account_number}
    page = render_template("housing/reveal_owner.html", form=form, owner=found, shown=shown)
    return (page, 422) if form.errors else page


@blueprint.get("/household-links")
@requires(Permission.HOUSE_MANAGE)
def links() -> str:
    """Villagers who wait to be recognised."""
    page = paginate(queries.waiting_links(actor()))
    return render_template(
        "housing/links.html",
        page=page,
        people=queries.people_by_id([link.user_id for link in page.items]),
    )


@blueprint.route("/household-links/<int:link_id>", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def decide_link(link_id: int) -> Response | str | tuple[str, int]:
    """Find the household of a villager and link it, or say why not."""
    link = load_link(link_id)
    person = queries.people_by_id([link.user_id])[link.user_id]
    form = ReasonForm()
    text = request.args.get("q", "").strip()[:40] or person.name
    chosen = ids_from(request.form.getlist("owner_id"))
    if chosen:
        with transaction():
            services.link_household(link=link, owner=load_owner(chosen[0]), now=clock.now(), actor=actor())
        flash(_("绑定好了，已经告诉%(name)s。", name=person.name), "done")
        return redirect(url_for("housing.links"), 303)
    if form.validate_on_submit():
        with transaction():
            services.refuse_link(link=link, reason=form.reason.data, now=clock.now(), actor=actor())
        flash(_("退回了，原因已经告诉%(name)s。", name=person.name), "done")
        return redirect(url_for("housing.links"), 303)
    found = (
        db.session.execute(
            queries.search_owners(actor(), text)
            .where(Owner.village_code == link.village_code)
            .order_by(Owner.household_no)
            .limit(20)
        )
        .scalars()
        .all()
    )
    page = render_template(
        "housing/decide_link.html", link=link, person=person, form=form, owners=found, text=text
    )
    return (page, 422) if form.errors else page
