"""The contract both sides sign: its words, and the paper drawn from them once.

Terms follow 住房租赁条例 art. 8 and 10 and the fields of the SAMR model lease (domain rulebook 2.1, 4). It is
Chinese whatever language the pages are in, complete for the parties, and the same rows give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from reportlab.platypus import Flowable
from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from qiantang_nest.core import media, pdf
from qiantang_nest.core.db import db
from qiantang_nest.core.money import format_yuan
from qiantang_nest.core.period import Period, Piece, anchor_periods, calendar_periods
from qiantang_nest.geography.models import Street, Village
from qiantang_nest.housing.models import House, HouseDocument, Room
from qiantang_nest.occupancy.models import LET, Lease, LeaseRoom

_PAPERS = {"title": "不动产权证", "permit": "建房审批", "appraisal": "房屋安全鉴定报告"}
_TOLD_LATER = "（另行书面告知）"
_NOT_GIVEN = "（签约时出示原件核对）"
DEDUCTIONS = (
    "乙方欠付的租金及其违约金",
    "乙方应付未付的水、电、燃气等费用",
    "乙方或其入住员工损坏房屋、设施，应付的修复费用，以维修凭证为准",
)
"""The cases in which the deposit may be reduced; no other is allowed (住房租赁条例 art. 10)."""
LATE_FEE_CAP_PERCENT = 30


@dataclass(frozen=True, slots=True)
class _Subject:
    """Everything the words are made of."""

    lease: Lease
    rooms: Sequence[LeaseRoom]
    village: Village
    street: Street
    papers: Sequence[HouseDocument]

    @property
    def rent_fen(self) -> int:
        return sum(room.rent_fen for room in self.rooms)

    @property
    def period(self) -> Period:
        return Period(self.lease.starts_on, self.lease.ends_on)


def ensure_document(lease: Lease) -> str:
    """Draw the contract if nobody has looked at it yet; returns its SHA-256. Locks the lease's row."""
    db.session.refresh(lease, with_for_update=True)
    if lease.document_sha256 is None:
        paper = draw_contract(lease)
        lease.document_media = media.store_bytes(paper, "pdf")
        lease.document_sha256 = sha256(paper).hexdigest()
        db.session.flush()
    return lease.document_sha256


def draw_contract(lease: Lease) -> bytes:
    """The contract of a lease as PDF."""
    return pdf.build(
        _parts(_load(lease)),
        name=f"房屋租赁合同 {lease.number}",
        number=f"合同编号 {lease.number}",
        note="钱塘巢 · 平台不收付租金和押金",
    )


def _load(lease: Lease) -> _Subject:
    rooms = (
        db.session.execute(
            select(LeaseRoom)
            .join(LeaseRoom.room)
            .join(Room.house)
            .options(contains_eager(LeaseRoom.room).contains_eager(Room.house))
            .where(LeaseRoom.lease_id == lease.id, LET)
            .order_by(House.address, Room.floor, Room.label, LeaseRoom.id)
        )
        .scalars()
        .all()
    )
    papers = (
        db.session.execute(
            select(HouseDocument)
            .where(HouseDocument.house_id.in_({room.room.house_id for room in rooms}))
            .order_by(HouseDocument.house_id, HouseDocument.kind, HouseDocument.id)
        )
        .scalars()
        .all()
    )
    village = db.session.get_one(Village, lease.village_code)
    return _Subject(lease, rooms, village, db.session.get_one(Street, village.street_code), papers)


def _parts(subject: _Subject) -> list[Flowable]:
    lease = subject.lease
    parts: list[Flowable] = [
        pdf.title("房屋租赁合同"),
        pdf.text(f"合同编号：{lease.number}", "center"),
        pdf.gap(),
        _parties(subject),
        pdf.gap(),
        pdf.text(
            "甲乙双方根据《中华人民共和国民法典》，参照《住房租赁条例》，自愿就乙方租用甲方农房"
            "供其员工居住一事订立本合同。"
        ),
    ]
    articles: tuple[tuple[str, list[Flowable]], ...] = (
        ("租赁房屋", _premises(subject)),
        ("租期和用途", _term(subject)),
        ("租金", _rent(subject)),
        ("押金", _deposit(subject)),
        ("水电等费用", _utilities(subject)),
        ("交付和退房", _handover(subject)),
        ("双方的义务", _duties()),
        ("提前退租和解除", _ending(subject)),
        ("违约责任", _breach(subject)),
        ("备案、见证和平台", _filing(subject)),
        ("争议", [pdf.text("协商；协商不成的，可以请村民委员会调解，也可以向房屋所在地人民法院起诉。")]),
        ("签署", _signing(subject)),
    )
    for number, (head, article) in enumerate(articles):
        parts.append(pdf.heading(f"第{_ORDINALS[number]}条　{head}"))
        parts.extend(article)
    parts.extend(_schedule(subject))
    parts.extend(_handover_sheet(subject))
    return parts


_ORDINALS = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")


def _parties(subject: _Subject) -> Flowable:
    lease, owner, enterprise = subject.lease, subject.lease.owner, subject.lease.enterprise
    home = f"杭州市钱塘区{subject.street.name}{subject.village.name}"
    group = f"{owner.group_no} 组" if owner.group_no else ""
    return pdf.facts(
        [
            ("出租方（甲方）", owner.name),
            ("身份证号", owner.id_number or _NOT_GIVEN),
            ("电话", owner.phone or f"由{subject.village.official_name}代为联系"),
            ("住址", f"{home}{group}（户号 {owner.household_no}）"),
            ("承租方（乙方）", enterprise.name),
            ("统一社会信用代码", enterprise.uscc),
            ("联系人和电话", f"{enterprise.contact_name}　{enterprise.contact_phone or ''}"),
            ("见证方", subject.village.official_name),
            ("租赁方式", _MODES[lease.mode]),
        ]
    )


_MODES = {"direct": "直租：甲方直接出租给乙方", "sublet": "转租", "mandate": "委托出租"}


def _premises(subject: _Subject) -> list[Flowable]:
    rows = [
        [
            str(at),
            f"{subject.village.name}{room.room.house.address}",
            room.room.label,
            str(room.room.floor),
            f"{room.room.usable_m2}",
            str(room.room.capacity),
            format_yuan(room.rent_fen),
        ]
        for at, room in enumerate(subject.rooms, start=1)
    ]
    papers = "；".join(f"{_PAPERS[paper.kind]} {paper.number}" for paper in subject.papers)
    return [
        pdf.text(f"甲方把下列 {len(subject.rooms)} 间房出租给乙方，每间住的人数不超过表中的限住人数："),
        pdf.table(
            ["序号", "房屋", "房间", "楼层", "使用面积（㎡）", "限住（人）", "月租金（元）"],
            rows,
            [1, 4, 1.6, 1.1, 2, 1.6, 2],
            numbers=[4, 5, 6],
            foot=["", "合计", "", "", "", "", format_yuan(subject.rent_fen)],
        ),
        pdf.gap(4),
        pdf.text(f"房屋证明：{papers or _NOT_GIVEN}。甲方保证有权出租，房屋不是危险房屋，安全检查合格。"),
    ]


def _term(subject: _Subject) -> list[Flowable]:
    lease = subject.lease
    last = lease.ends_on - timedelta(days=1)
    return [
        pdf.text(
            f"租期从 {_day(lease.starts_on)} 起，到 {_day(last)} 止，首尾两天都在内，"
            f"共 {subject.period.days} 天。"
        ),
        pdf.text("房屋只供乙方员工居住，不得住人超过限住人数，不得存放易燃易爆物品，不得改变房屋结构。"),
        pdf.text("要续租的，乙方应在到期前 30 天提出；同等条件下乙方优先承租。租期不超过法律规定的二十年。"),
    ]


def _rent(subject: _Subject) -> list[Flowable]:
    lease, owner = subject.lease, subject.lease.owner
    months = (
        f"每月从起租日的对应日（每月 {lease.starts_on.day} 日，没有这天的取月末）起算"
        if lease.convention == "anchor"
        else "按自然月起算，每月 1 日到月末为一期"
    )
    part = "按当月实际天数折算" if lease.proration == "actual" else "按每月 30 天折算，不超过一个月的租金"
    return [
        pdf.text(f"月租金共 {pdf.sum_in_full(subject.rent_fen)}，各间月租金见第一条。"),
        pdf.text(
            f"租金按月支付，{months}；不满一个月的，{part}，每间四舍五入到分。入住日计租，退房日不计租。"
        ),
        pdf.text(
            f"乙方在每期第一天后的 {lease.grace_days} 天内付清当期租金；最后一天是法定休息日的，"
            "顺延到下一个工作日。各期起止和付款日见附件一。"
        ),
        pdf.text(
            f"收款户名：{owner.account_name or owner.name}；开户行：{owner.account_bank or _TOLD_LATER}；"
            f"账号：{owner.account_number or _TOLD_LATER}。"
            "改账号要由甲方本人确认，乙方只付到确认过的账号。"
        ),
    ]


def _deposit(subject: _Subject) -> list[Flowable]:
    lease = subject.lease
    if not lease.deposit_fen:
        return [pdf.text("甲方不收押金。")]
    cases = "；".join(f"（{number}）{case}" for number, case in zip("123", DEDUCTIONS, strict=True))
    return [
        pdf.text(
            f"押金共 {pdf.sum_in_full(lease.deposit_fen)}，乙方在本合同签好后或起租日（以较晚的为准）起"
            f" {lease.grace_days} 天内付到上述账号，甲方出具收据。"
        ),
        pdf.text(f"退房交接后 {lease.deposit_return_days} 天内，甲方把押金原路退回乙方，不计利息。"),
        pdf.text(
            f"只有下列情形可以从押金里扣：{cases}。除此以外不得扣减；扣减要写明项目和金额，并给乙方凭证。"
        ),
    ]


def _utilities(subject: _Subject) -> list[Flowable]:
    who = "乙方" if subject.lease.utilities_by == "lessee" else "甲方"
    return [
        pdf.text(
            f"水、电、燃气费由{who}按表承担，价格按供应单位的标准，不得加价；"
            "起租和退房时双方抄表，记在房屋交割单上。房屋的税费由甲方承担。"
        )
    ]


def _handover(subject: _Subject) -> list[Flowable]:
    return [
        pdf.text(
            f"甲方在 {_day(subject.lease.starts_on)} 前把房屋交给乙方。交房和退房时双方一起清点，"
            "填写并签署房屋交割单（附件二），作为本合同的一部分。"
        ),
        pdf.text(
            "退房时房屋应当能正常使用，合理的磨损除外。乙方员工的搬离应当给足合理的时间，不得强行驱赶。"
        ),
    ]


def _duties() -> list[Flowable]:
    return [
        pdf.text(
            "甲方：保证房屋和设施安全、能正常使用，配齐灭火器和烟感，报修后及时修理；不经同意不进入房间，"
            "不得断水断电；按规定申报出租房屋和居住人员信息。"
        ),
        pdf.text(
            "乙方：如实提供入住员工的身份信息，员工入住和离开后三个工作日内办理登记；定宿舍管理员，"
            "教育员工遵守消防、治安和村规民约；电动自行车不进楼道和房间，不在室内充电。"
        ),
        pdf.text("更换入住员工不用改合同，登记即可；未经甲方书面同意，乙方不得转租。"),
    ]


def _ending(subject: _Subject) -> list[Flowable]:
    days = subject.lease.notice_days
    return [
        pdf.text(
            f"任何一方要提前退租或收回，应提前 {days} 天书面通知对方，租金结算到实际退房日；"
            f"没有提前通知的，按不足 {days} 天的天数支付租金作为违约金。"
        ),
        pdf.text(
            "有下列情形之一的，对方可以解除合同：（1）房屋被鉴定为危险房屋或不能安全居住；"
            "（2）乙方拖欠租金超过 30 天，经催告仍不支付；（3）超过限住人数或擅自转租，经要求仍不改正；"
            "（4）甲方断水断电、强行进入或驱赶入住人员。"
        ),
    ]


def _breach(subject: _Subject) -> list[Flowable]:
    rate = subject.lease.late_fee_permyriad
    late = (
        f"乙方逾期付款的，从逾期第一天起每天按未付租金的万分之{_permyriad(rate)}支付违约金，"
        f"累计不超过欠款的 {LATE_FEE_CAP_PERCENT}%。"
        if rate
        else "乙方逾期付款的，不另计违约金，甲方可以催告。"
    )
    return [
        pdf.text(late),
        pdf.text(
            "甲方逾期退还押金的，从逾期第一天起按同样的标准支付违约金。其他违约造成损失的，按实际损失赔偿。"
        ),
    ]


def _filing(subject: _Subject) -> list[Flowable]:
    return [
        pdf.text(
            "本合同签好后由甲方（可以委托村里）向房屋租赁管理部门备案，不收费；甲方没有办的，乙方可以办。"
        ),
        pdf.text(
            f"{subject.village.official_name}见证双方签约，协助登记、备案和调解，不收租金和押金。"
            "钱塘巢平台只提供信息、记账和签约服务，不收取、不转付、不存放租金和押金，"
            "租金和押金由乙方直接付给甲方。"
        ),
    ]


def _signing(subject: _Subject) -> list[Flowable]:
    last = subject.lease.sign_by
    in_time = (
        [
            pdf.text(
                f"双方最晚在 {_day(last)} 签好。过了这天没有都签好，或者一方在双方都签好以前撤回的，"
                "本合同不成立，房间可以另租。"
            )
        ]
        if last is not None
        else []
    )
    return [
        *in_time,
        pdf.text(
            "本合同由双方在钱塘巢上用短信验证码签署。验证码发到签字人自己的手机，只对本文件的"
            "指纹（SHA-256）有效；签署的人、时间和文件指纹随合同保存。双方都签好后生效，"
            "电子文本和纸质文本有同等效力。甲方委托村里代签的，以登记的授权为准，代签人写明姓名。"
        ),
        pdf.gap(6),
        pdf.together(
            [
                pdf.columns(
                    [pdf.text(f"甲方：{subject.lease.owner.name}"), pdf.text("签署记录见平台签署页")],
                    [pdf.text(f"乙方：{subject.lease.enterprise.name}"), pdf.text("签署记录见平台签署页")],
                )
            ]
        ),
    ]


def _schedule(subject: _Subject) -> list[Flowable]:
    lease = subject.lease
    cut = anchor_periods if lease.convention == "anchor" else calendar_periods
    pieces: list[Piece] = list(cut(subject.period))
    rows = []
    for number, piece in enumerate(pieces, start=1):
        last = piece.period.inclusive_end or piece.period.starts_on
        due = piece.period.starts_on + timedelta(days=lease.grace_days)
        rows.append(
            [
                str(number),
                f"{piece.period.starts_on} 至 {last}",
                f"{piece.period.days} 天",
                format_yuan(subject.rent_fen) if piece.whole else "按第三条折算",
                str(due),
            ]
        )
    return [
        pdf.heading("附件一　租金付款时间表"),
        pdf.table(
            ["期次", "起止（首尾都含）", "天数", "应付租金（元）", "最迟付款日"],
            rows,
            [1, 3.4, 1.2, 2, 1.8],
            numbers=[3],
        ),
        pdf.text(
            "最迟付款日是法定休息日的，顺延到下一个工作日。房间提前退租的，以后各期按剩余房间计算。", "small"
        ),
    ]


def _handover_sheet(subject: _Subject) -> list[Flowable]:
    rows = [[room.room.label, "", "", "", "", ""] for room in subject.rooms]
    return [
        pdf.heading("附件二　房屋交割单"),
        pdf.table(
            ["房间", "水表", "电表", "钥匙（把）", "家具设施和状况", "退房时"], rows, [1.3, 1, 1, 1, 3, 2]
        ),
        pdf.gap(),
        pdf.columns(
            [pdf.text("交房日期：　　　　　　　"), pdf.text("甲方签字：　　　　　　　")],
            [pdf.text("退房日期：　　　　　　　"), pdf.text("乙方签字：　　　　　　　")],
        ),
    ]


def _day(value: object) -> str:
    return f"{value:%Y 年 %m 月 %d 日}"


def _permyriad(rate: int) -> str:
    words = "零一二三四五六七八九十"
    return words[rate] if rate < len(words) else str(rate)
