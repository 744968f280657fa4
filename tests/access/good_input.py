"""What people type into the forms of the world so that each endpoint does its work.

``GOOD`` holds what is typed beside what the form starts with; ``JOURNEYS`` what has to be done first, where
the form stands on the answer to another. A new endpoint that takes a POST needs a row in one of them, unless
pressing the button of its form is enough.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
from sqlalchemy import select
from werkzeug.test import TestResponse

from qiantang_nest.accounts.models import User
from qiantang_nest.accounts.services import set_password
from qiantang_nest.billing.models import DepositCase
from qiantang_nest.billing.services.deposits import decide_case, reply_to_case
from qiantang_nest.bookings.queries.change_effects import effect_of
from qiantang_nest.bookings.rules.changes import Wanted
from qiantang_nest.bookings.services.change_booking import ask_change, withdraw_change
from qiantang_nest.core.db import db, transaction
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Owner
from qiantang_nest.notifications.models import OutboxItem
from qiantang_nest.occupancy.models import Handover, LeaseChange
from qiantang_nest.spreadsheets.rules.changes import CHANGE_COLUMNS
from qiantang_nest.spreadsheets.rules.demands import LAST, SITE
from tests import factories as make
from tests.access.conftest import UNSAFE, Site, Visit, matrix
from tests.access.pages import Form, forms, forms_in
from tests.access.world import picture
from tests.factories import NOW, TODAY, VILLAGE
from tests.spreadsheets.test_changes import joined
from tests.spreadsheets.test_demands import line
from tests.spreadsheets.test_demands import workbook as demand_book
from tests.spreadsheets.test_roster import PHONE, man, workbook
from tests.spreadsheets.test_village_import import GOOD as VILLAGE_ROW
from tests.spreadsheets.test_village_import import book

PHOTO = (picture(), "照片.jpg")
OFFERED = object()
"""Whichever the page offers first."""
PASSWORD = "钱塘江边 稻子熟了 2026"

GOOD: dict[str, dict[str, Any]] = {
    "accounts.account": {"name": "王大明"},
    "accounts.become_villager": {"no_new_homestead": "y", "of_own_will": "y"},
    "accounts.grant_role": {"role": "village_clerk", "scope": VILLAGE},
    "accounts.members": {"name": "小李", "phone": "13911112222"},
    "accounts.new_phone": {"phone": "13911112222"},
    "accounts.reset_second_factor": {"reason": "手机丢了，当面核对过身份证"},
    "accounts.send_sign_in_code": {"code-phone": "13911112222"},
    "accounts.users": {"name": "新来的", "phone": "13911112222"},
    "billing.decide_deposit_case": {"amount": "20", "decision": "各让一步，扣一半"},
    "billing.open_deposit_case": {"kind": "damage", "amount": "50", "what": "门锁坏了", "evidence": PHOTO},
    "billing.record_payment": {"amount": "600", "serial": "2026112300000009", "slip": PHOTO},
    "billing.reject_payment": {"reason": "账上没有这一笔"},
    "billing.reply_deposit_case": {"agrees": "no", "reply": "住进来就是坏的"},
    "billing.reverse_payment": {"reason": "记到别人家去了"},
    "bookings.answer": {"answer": "accepted"},
    "bookings.delist_dangerous_house": {"reason": "鉴定为 D 级"},
    "bookings.end_lease": {"reason": "订单少了，人走了一半"},
    "bookings.extend_lease": {"reason": "明年还要住"},
    "bookings.fairness": {"basis": "区住建局〔2026〕9 号"},
    "bookings.lengthen_hold": {"reason": "周五带人来看房"},
    "bookings.release_hold": {"all": "1"},
    "bookings.release_rooms": {"rooms": OFFERED},
    "bookings.relocate": {"reason": "离厂近一点"},
    "bookings.swap_room": {"reason": "夜班的人要安静"},
    "bookings.times": {"basis": "区住建局〔2026〕9 号"},
    "bookings.withdraw_booking": {"reason": "厂里改了计划"},
    "bookings.withdraw_demand": {"reason": "厂里改了计划"},
    "bookings.withdraw_lease": {"reason": "厂里改了计划"},
    "bookings.write_demand": {"day_men": "40", "note": "夜班多，要安静"},
    "enterprises.add_stop": {"name": "同一村村口", "lat": "30.31", "lon": "120.5", "ride_minutes": "12"},
    "enterprises.add_worker": {"name": "孙大力", "id_number": make.make_id_number(), "phone": "13911112222"},
    "enterprises.add_worksite": {"name": "三厂", "address": "青六北路 9 号", "lat": "30.31", "lon": "120.5"},
    "enterprises.change_worker": {"name": "孙大力", "id_number": make.make_id_number()},
    "enterprises.move_worksite": {"shifts": "两班倒"},
    "enterprises.register": {
        "uscc": make.make_uscc(),
        "name": "新来的企业有限公司",
        "worksite_name": "江东厂区",
        "worksite_address": "青六北路 1 号",
        "lat": "30.31",
        "lon": "120.5",
    },
    "enterprises.reveal_worker": {"purpose": "给他办居住证"},
    "enterprises.verify": {"decision": "verify"},
    "geography.commute": {"basis": "2026 年 10 月实测 20 条路线"},
    "housing.add_house": {"address": "3组99号"},
    "housing.add_room": {"label": "301", "usable_m2": "12.5", "beds": "2", "features": ["wifi", "balcony"]},
    "housing.capacity": {"basis": "杭政办〔2027〕3 号第五条", "effective_on": TODAY + timedelta(days=30)},
    "housing.change_account": {"account_number": "6228580000123456781"},
    "housing.change_offer": {"rent_fen": "650"},
    "housing.clear_danger": {"reason": "加固好了，重新鉴定为 B 级"},
    "housing.decide_link": {"reason": "村里没有这一户"},
    "housing.edit_house": {"floors": "4"},
    "housing.edit_owner": {"phone": "0571-82171234"},
    "housing.edit_room": {"usable_m2": "13"},
    "housing.list_at_house": {"address": "3组98号"},
    "housing.list_room": {"label": "302", "usable_m2": "12.5"},
    "housing.list_step": {
        "kind": "living_room",
        "beds": "1",
        "features": ["wifi", "balcony"],
        "rent_fen": "650",
        "photos": [PHOTO, PHOTO],
    },
    "housing.note_room": {"words": "钥匙在儿子家"},
    "housing.offer_room": {"knows": "y"},
    "housing.pause_room": {"reason": "亲戚要来住"},
    "housing.place_house": {"latitude": "30.3021"},
    "housing.place_village": {"latitude": "30.3021"},
    "housing.record_consent": {"how": "paper", "witness": "组长老陆"},
    "housing.record_document": {"kind": "appraisal", "number": "鉴-2026-18", "scan": PHOTO},
    "housing.record_hazard": {"severity": "minor", "what": "楼梯灯坏了"},
    "housing.record_inspection": {"result": "passed"},
    "housing.register_owner": {"household_no": "3-999", "name": "陆阿毛"},
    "housing.return_listing": {"reason": "照片看不清"},
    "housing.reveal_owner": {"purpose": "打电话约安全检查"},
    "housing.set_office_phone": {"phone": "0571-82171234"},
    "occupancy.close_room": {"kind": "repair", "note": "换热水器"},
    "occupancy.close_rooms": {"kind": "repair", "note": "换热水器"},
    "occupancy.file_lease": {"number": "备-2026-18"},
    "occupancy.record_registrations": {"registration": OFFERED, "reference": "杭公 2026-1"},
    "occupancy.reveal_worker": {"purpose": "registration"},
    "spreadsheets.export_register": {"purpose": "registration"},
    "spreadsheets.import_changes": {"file": (workbook([joined()], CHANGE_COLUMNS), "人员变动.xlsx")},
    "spreadsheets.import_demands": {"file": (demand_book(line(**{SITE: "ZZS0-厂区"})), "需求.xlsx")},
    "spreadsheets.import_roster": {"file": (workbook([man("孙小力")]), "花名册.xlsx")},
    "spreadsheets.import_village": {"file": (book([VILLAGE_ROW]), "同一村.xlsx")},
}

Filled = tuple[Form, dict[str, Any]]
"""A form and what is typed into it."""
Case = Callable[[Visit], Filled]
"""Brings a visit to where a form stands."""


def send(visit: Visit, filled: Filled) -> TestResponse:
    form, typed = filled
    return visit.open("POST", form.action, form.values(typed))


def _first(visit: Visit, endpoint: str, **typed: Any) -> TestResponse:
    """Do another endpoint's work first, as its row of the table says or with something else typed."""
    filled = _cases_of_pages(visit.site, visit.role, endpoint)[0](visit)
    return send(visit, (filled[0], {**filled[1], **typed}))


def _on(visit: Visit, answer: TestResponse, endpoint: str, /, **typed: Any) -> Filled:
    """The form that stands on an answer, filled."""
    found = forms_in(visit.site, visit.role, answer.request.full_path, answer.text)
    return next(form for form in found if form.endpoint == endpoint), typed


def _codes(visit: Visit) -> list[str]:
    """The codes sent by SMS, the newest first."""
    newest_first = select(OutboxItem).where(OutboxItem.key.startswith("code:")).order_by(OutboxItem.id.desc())
    with visit.site.app.app_context():
        return [re.findall(r"[0-9]{6}", item.body or "")[0] for item in db.session.scalars(newest_first)]


def _set_password(visit: Visit) -> Filled:
    _first(visit, "accounts.send_password_code")
    answer = visit.open("GET", visit.site.url(visit.role, "accounts.set_password"))
    (code,) = _codes(visit)
    return _on(visit, answer, "accounts.set_password", code=code, password=PASSWORD, again=PASSWORD)


def _change_phone(visit: Visit) -> Filled:
    answer = _first(visit, "accounts.new_phone")
    new_code, old_code = _codes(visit)
    return _on(visit, answer, "accounts.change_phone", old_code=old_code, new_code=new_code)


def _second_factor(visit: Visit) -> Filled:
    answer = visit.open("GET", visit.site.url(visit.role, "accounts.second_factor"))
    (secret,) = re.findall(r'class="code">([A-Z2-7 ]+)<', answer.text)
    code = pyotp.TOTP(secret.replace(" ", "")).at(NOW)
    return _on(visit, answer, "accounts.second_factor", code=code)


def _sign_in_by_code(visit: Visit) -> Filled:
    answer = _first(visit, "accounts.send_sign_in_code")
    return _on(visit, answer, "accounts.sign_in_by_code", code=_codes(visit)[0])


def _sign_up(visit: Visit) -> Filled:
    send(visit, _sign_in_by_code(visit))
    answer = visit.open("GET", visit.site.url(visit.role, "accounts.sign_up"))
    return _on(visit, answer, "accounts.sign_up", name="陆阿毛", kind="villager", consent="y")


def _sign_in_by_password(visit: Visit) -> Filled:
    site, person = visit.site, visit.site.world.actors["person"]
    with site.app.app_context(), transaction():
        user = db.session.get_one(User, person.user_id)
        set_password(user=user, password=PASSWORD, keep_session_id=None, actor=person)
        phone = user.phone
    answer = visit.open("GET", site.url(visit.role, "accounts.sign_in"))
    return _on(visit, answer, "accounts.sign_in_by_password", phone=phone, password=PASSWORD)


def _sign_lease(visit: Visit) -> Filled:
    _first(visit, "bookings.sign_lease")
    answer = visit.open("GET", visit.site.url(visit.role, "bookings.sign_lease", sent=1))
    return _on(visit, answer, "bookings.sign_lease", code=_codes(visit)[0])


def _ask_link(visit: Visit) -> Filled:
    """A villager who is not linked to a household yet."""
    with visit.site.app.app_context(), transaction():
        db.session.get_one(Owner, visit.site.world.sides[0].ids["owner_id"]).user_id = None
    answer = visit.open("GET", visit.site.url(visit.role, "housing.ask_link"))
    return _on(visit, answer, "housing.ask_link", village_code=VILLAGE, note="3组18号 沈桂珍家")


def _capacity(visit: Visit) -> Filled:
    return _on(visit, _first(visit, "housing.capacity"), "housing.capacity", confirmed="1")


def _commute(visit: Visit) -> Filled:
    return _on(visit, _first(visit, "geography.commute"), "geography.commute", confirmed="1")


def _return_deposit(visit: Visit) -> Filled:
    """Nothing goes back before all is settled that the household wants to keep."""
    ids, people = visit.site.world.sides[0].ids, visit.site.world.actors
    with visit.site.app.app_context(), transaction():
        asked, disputed = (
            db.session.get_one(DepositCase, ids[name])
            for name in ("case_id", "billing.decide_deposit_case.case_id")
        )
        reply_to_case(case=asked, agrees=True, reply="", actor=people["manager"], today=TODAY, now=NOW)
        decide_case(case=disputed, decided_fen=0, decision="不扣", actor=people["clerk"], now=NOW)
    answer = visit.open("GET", visit.site.url(visit.role, "billing.return_deposit"))
    return _on(visit, answer, "billing.return_deposit", serial="2026112300000010")


def _transfer_lease(visit: Visit) -> Filled:
    """First what it would do is shown, to the firm next door."""
    with visit.site.app.app_context():
        taker = db.session.get_one(Enterprise, int(visit.site.world.sides[1].manager.scope)).uscc
    answer = _first(visit, "bookings.transfer_lease", uscc=taker, show="1")
    return _on(visit, answer, "bookings.transfer_lease", reason="那边的人归他们管了")


def _release_rooms(visit: Visit) -> Filled:
    """First what it would do is shown."""
    answer = _first(visit, "bookings.release_rooms", show="1")
    return _on(visit, answer, "bookings.release_rooms", reason="招不到这么多人")


def _change_asked(visit: Visit, by_oneself: bool) -> TestResponse:
    """The page of a change that one's own side asked for, or the other did."""
    people, change_id = visit.site.world.actors, visit.site.world.sides[0].ids["change_id"]
    if (visit.role == "manager") != by_oneself:  # the world's was asked by the employer
        with visit.site.app.app_context(), transaction():
            first, villager = db.session.get_one(LeaseChange, change_id), people["villager"]
            withdraw_change(change=first, actor=people["manager"], now=NOW)
            wanted = Wanted.from_terms(first.kind, first.terms)
            effect = effect_of(first.lease, wanted, actor=villager, today=TODAY, now=NOW)
            change_id = ask_change(
                lease=first.lease,
                wanted=wanted,
                reason="儿子要结婚",
                shown_digest=effect.digest(),
                actor=villager,
                today=TODAY,
                now=NOW,
            ).id
    return visit.open("GET", visit.site.url(visit.role, "bookings.lease_change", change_id=change_id))


def _answer_change(visit: Visit) -> Filled:
    return _on(visit, _change_asked(visit, by_oneself=False), "bookings.answer_change", answer="yes")


def _withdraw_change(visit: Visit) -> Filled:
    return _on(visit, _change_asked(visit, by_oneself=True), "bookings.withdraw_change")


def _confirm_handover(visit: Visit) -> Filled:
    """The other side wrote the sheet."""
    lessee = visit.role in ("manager", "staff")
    people, ids = visit.site.world.actors, visit.site.world.sides[0].ids
    with visit.site.app.app_context(), transaction():
        sheet = db.session.get_one(Handover, ids["handover_id"])
        sheet.lessor_by, sheet.lessor_at = (people["villager"].user_id, NOW) if lessee else (None, None)
        sheet.lessee_by, sheet.lessee_at = (None, None) if lessee else (people["manager"].user_id, NOW)
    answer = visit.open("GET", visit.site.url(visit.role, "occupancy.handover"))
    return _on(visit, answer, "occupancy.confirm_handover")


def _assign_beds(visit: Visit) -> Filled:
    return _on(visit, _first(visit, "occupancy.assign_beds"), "occupancy.assign_beds", step="save")


def _carry_out_changes(visit: Visit) -> Filled:
    answer = _first(visit, "spreadsheets.import_changes")
    return _on(visit, answer, "spreadsheets.carry_out_changes_file")


def _changes_errors(visit: Visit) -> Filled:
    file = (workbook([joined(**{PHONE: "12"})], CHANGE_COLUMNS), "人员变动.xlsx")
    answer = _first(visit, "spreadsheets.import_changes", file=file)
    return _on(visit, answer, "spreadsheets.changes_errors")


def _save_demands(visit: Visit) -> Filled:
    return _on(visit, _first(visit, "spreadsheets.import_demands"), "spreadsheets.save_demands")


def _demand_errors(visit: Visit) -> Filled:
    file = (demand_book(line(**{SITE: "ZZS0-厂区", LAST: "哪天"})), "需求.xlsx")
    answer = _first(visit, "spreadsheets.import_demands", file=file)
    return _on(visit, answer, "spreadsheets.demand_errors")


def _confirm_village_import(visit: Visit) -> Filled:
    answer = _first(visit, "spreadsheets.import_village")
    return _on(visit, answer, "spreadsheets.confirm_village_import")


def _save_roster(visit: Visit) -> Filled:
    return _on(visit, _first(visit, "spreadsheets.import_roster"), "spreadsheets.save_roster")


def _roster_errors(visit: Visit) -> Filled:
    file = (workbook([man("孙小力", **{PHONE: "12"})]), "花名册.xlsx")
    answer = _first(visit, "spreadsheets.import_roster", file=file)
    return _on(visit, answer, "spreadsheets.roster_errors")


JOURNEYS: dict[str, Case] = {
    "accounts.change_phone": _change_phone,
    "accounts.second_factor": _second_factor,
    "accounts.set_password": _set_password,
    "accounts.sign_in_by_code": _sign_in_by_code,
    "accounts.sign_in_by_password": _sign_in_by_password,
    "accounts.sign_up": _sign_up,
    "billing.return_deposit": _return_deposit,
    "bookings.answer_change": _answer_change,
    "bookings.release_rooms": _release_rooms,
    "bookings.sign_lease": _sign_lease,
    "bookings.transfer_lease": _transfer_lease,
    "bookings.withdraw_change": _withdraw_change,
    "geography.commute": _commute,
    "housing.ask_link": _ask_link,
    "housing.capacity": _capacity,
    "occupancy.assign_beds": _assign_beds,
    "occupancy.confirm_handover": _confirm_handover,
    "spreadsheets.carry_out_changes_file": _carry_out_changes,
    "spreadsheets.changes_errors": _changes_errors,
    "spreadsheets.confirm_village_import": _confirm_village_import,
    "spreadsheets.demand_errors": _demand_errors,
    "spreadsheets.roster_errors": _roster_errors,
    "spreadsheets.save_demands": _save_demands,
    "spreadsheets.save_roster": _save_roster,
}


def cases(site: Site, role: str, endpoint: str) -> list[Case]:
    """Every way a role gets to a form of an endpoint, with what is typed into it."""
    if endpoint in JOURNEYS:
        return [JOURNEYS[endpoint]]
    return _cases_of_pages(site, role, endpoint)


def _cases_of_pages(site: Site, role: str, endpoint: str) -> list[Case]:
    return [_case(form) for form in forms(site, role) if form.method == "POST" and form.endpoint == endpoint]


def _case(form: Form) -> Case:
    offered = {one.name: one.value for one in reversed(form.fields)}
    typed = {
        name: offered[name] if value is OFFERED else value
        for name, value in GOOD.get(form.endpoint, {}).items()
        if name in offered
    }
    return lambda _visit: (form, typed)


NEEDS_A_ROLE = {"accounts.end_one_session", "accounts.end_other_sessions", "accounts.switch_role"}
"""Everybody may, but the person without a role has nothing to do it with."""


def posts_of(role: str) -> list[str]:
    """The endpoints a role may post to; what everybody may is left to the least of them."""
    found = []
    for row in matrix():
        if row["method"] in UNSAFE:
            least = "visitor" if row["visitor"] == "public" else "person" if row["person"] == "yes" else None
            if least and row["endpoint"] in NEEDS_A_ROLE:
                least = "villager"
            if role == least or (least is None and row[role] == "yes"):
                found.append(row["endpoint"])
    return found
