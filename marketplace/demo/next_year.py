"""The demonstration's next year: needs on their way to the list, so that experts, cities and clerks have steps to take.

One need waits for its city, one was returned, one has experts who have not answered, one is being scored. What ends
within days (an expert's answer) begins now, not on a day of the story.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.models import User
from challenges.enums import PanelPurpose
from challenges.models import Challenge, Panel, Programme
from challenges.services import needs, programmes, review
from core.clock import BEIJING, frozen
from core.models import Category

CALLED = datetime(2026, 11, 10, 9, tzinfo=BEIJING)
STATED = datetime(2026, 11, 16, 10, tzinfo=BEIJING)
CHECKED = datetime(2026, 11, 19, 15, tzinfo=BEIJING)
CLOSES = datetime(2026, 12, 20, 17, tzinfo=BEIJING)
NEEDS: tuple[tuple[str, str, str], ...] = (
    (
        "深井矿山岩爆微震前兆识别关键技术",
        "微震台网每天上万个事件，靠人工分拣，岩爆前兆常在事后才看出来。",
        "研究低信噪比微震事件自动分类与岩爆倾向判别，给出分级预警和撤人建议。",
    ),
    (
        "高盐废水膜污染在线预测与清洗优化技术",
        "膜通量凭经验定期清洗，清早了停产，清晚了膜报废，一支膜要两万多元。",
        "研究膜污染机理与数据结合的预测模型，按污染类型给出清洗时机和药剂方案。",
    ),
    (
        "重型柴油机缸套磨损车载监测技术",
        "缸套磨损要拆机测量，车队按里程大修，近三成提前拆，一成拖到拉缸。",
        "研究油液、振动与缸压融合的磨损量反演方法，装车连续监测并给出剩余里程。",
    ),
    (
        "海参苗种活力图像快速评定技术",
        "苗种优劣靠老师傅看，买卖双方常起争执，成活率相差一倍。",
        "研究水下低照度图像与行为特征结合的活力评定方法，十分钟出具一池的评定结果。",
    ),
)
INDICATORS = ({"name": "判别准确率", "baseline": "60", "target": "90", "unit": "%", "method": "第三方测试"},)


def tell(people: Mapping[str, User], clerks: Sequence[User], reviewer_of_city: Mapping[str, User]) -> None:
    """`clerks` are of verified firms that have stated no need yet, as many as there are needs."""
    handler, supervisor = people["keji"], people["jiandu"]
    programme = _call(handler)
    stated = [_state(programme, clerk, *texts) for clerk, texts in zip(clerks, NEEDS, strict=False)]
    _waiting, returned, answering, scoring = stated
    _check(returned, reviewer_of_city, conclusion="returned", defects=["请补充现有基础数据的规模和来源。"])
    for challenge in (answering, scoring):
        _check(challenge, reviewer_of_city, conclusion="passed", comment="需求真实，指标可考核。")
        panel = _draw(challenge, handler, supervisor)
    _declare(panel)
    needs.need_argue(challenge_id=scoring.pk, acting_user=handler)


def _call(handler: User) -> Programme:
    with frozen(CALLED):
        programme = programmes.programme_create(
            acting_user=handler,
            year=2027,
            model="M1",
            values={
                "title": "2027年度关键技术“揭榜挂帅”计划（示例）",
                "basis": "山东省“十四五”数字强省建设规划",
                "call_text": "面向全省企事业单位征集2027年度关键技术需求。每单位限报一项，须有自有资金投入。",
                "needs_open_at": CALLED,
                "needs_close_at": CLOSES,
                "check_due_at": CLOSES.replace(hour=23),
            },
        )
        return programmes.programme_call(programme_id=programme.pk, acting_user=handler)


def _state(programme: Programme, clerk: User, title: str, background: str, content: str) -> Challenge:
    category = Category.objects.current().order_by("position").first()
    values: dict[str, Any] = {
        "title": title,
        "background": background,
        "content": content,
        "expected_result": "可部署的样机或软件一套，测试报告一份。",
        "indicators": INDICATORS,
        "category": category,
        "intellectual_property": "双方共有，需求单位在本企业内免费使用。",
        "acceptance_method": "第三方检测报告与现场验证相结合。",
        "duration_months": 18,
        "own_funding_fen": 150_000_000,
        "public_contact_office": "科技信息部",
        "public_contact_phone": clerk.current_organisation.office_phone if clerk.current_organisation else "",
        "states_no_secret": True,
    }
    with frozen(STATED):
        challenge = needs.need_create(programme_id=programme.pk, acting_user=clerk, values=values)
        return needs.need_submit(challenge_id=challenge.pk, acting_user=clerk)


def _check(challenge: Challenge, reviewer_of_city: Mapping[str, User], **conclusion: Any) -> None:
    region = challenge.demander.region
    assert region is not None, challenge.demander.name
    with frozen(CHECKED):
        reviewer = reviewer_of_city[region.city_code]
        needs.need_check(challenge_id=challenge.pk, acting_user=reviewer, **conclusion)


def _draw(challenge: Challenge, handler: User, supervisor: User) -> Panel:
    panel = review.panel_commit(challenge_id=challenge.pk, acting_user=handler, purpose=PanelPurpose.ARGUMENTATION)
    return review.panel_draw(panel_public_id=panel.public_id, acting_user=supervisor, witness_words="小雪 阴 东北风")


def _declare(panel: Panel) -> None:
    for seat in panel.seats.filter(state="notified").select_related("expert__user"):
        review.seat_declare(
            seat_public_id=seat.public_id,
            acting_user=seat.expert.user,
            declaration="本人与各方没有任职、控股、亲属等利害关系，保守评审秘密。",
        )
