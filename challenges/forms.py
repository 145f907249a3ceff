"""Forms of 揭榜挂帅. They only read what was typed; every rule is the services'."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation, User
from accounts.selectors import verified_called
from challenges.enums import (
    AffiliationKind,
    ChangeKind,
    ExpertKind,
    Grade,
    MilestoneState,
    ObjectionState,
    OpenerCapacity,
    ProgrammeModel,
    SelectionMethod,
    StageOutcome,
)
from challenges.models import Challenge, Programme, Project
from challenges.parameters import BOUNDS, FEN_PER_WAN, Parameters, is_money
from core.clock import BEIJING
from core.forms import (
    DateInput,
    DateTimeInput,
    LinesField,
    OneOf,
    PageForm,
    SomeOf,
    input_attributes,
    name_the_remedy,
    offer_classification,
)
from core.models import Category, Industry, Region
from core.unified_code import normalise
from scenarios.enums import Restriction, ReviewConclusion, ScenarioState, ScenarioType
from scenarios.models import Scenario


class WanField(forms.DecimalField):
    """An amount typed in 万元, kept as whole fen (V07: no floats)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=12, decimal_places=4, min_value=0, **options)

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        return None if amount is None else int(amount * FEN_PER_WAN)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return f"{value // FEN_PER_WAN}.{value % FEN_PER_WAN:06d}".rstrip("0").rstrip(".")
        return value


class BeijingDateTimeField(forms.DateTimeField):
    """Typed and shown in Beijing time, whatever zone the process runs in."""

    widget = DateTimeInput

    def prepare_value(self, value: Any) -> Any:
        return value.astimezone(BEIJING) if hasattr(value, "astimezone") else value

    def to_python(self, value: Any) -> Any:
        moment = super().to_python(value)
        return moment.replace(tzinfo=BEIJING) if moment is not None else None


def text(label: Any, *, required: bool = True, help_text: Any = "", rows: int = 5) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, help_text=help_text, widget=forms.Textarea(attrs={"rows": rows})
    )


class EmptyForm(PageForm):
    """An action that needs nothing but the confirmation."""


class CommentForm(PageForm):
    comment = text(_("理由"), help_text=_("理由会记录在案，有关各方能够看到。"))


class MinutesForm(PageForm):
    minutes_number = forms.CharField(label=_("会议纪要号"), max_length=60)


class MinutesAndCommentForm(MinutesForm):
    comment = text(_("理由"))


class CheckForm(PageForm):
    conclusion = forms.ChoiceField(label=_("审查结论"), choices=ReviewConclusion.choices, widget=forms.RadioSelect)
    comment = text(_("意见"), required=False, help_text=_("不予采纳时必填。"), rows=3)
    defects = LinesField(label=_("需要补正的内容"), required=False, help_text=_("退回时必填，一次写全，每行一条。"))


# --- needs and terms ----------------------------------------------------------------------------------------------


class NeedForm(PageForm):
    """Everything the demander writes. A draft may be saved with gaps; submission names them all."""

    needed_fields = frozenset(
        {
            "title",
            "background",
            "content",
            "expected_result",
            "category",
            "duration_months",
            "own_funding_fen",
            "acceptance_method",
            "intellectual_property",
            "public_contact_office",
            "public_contact_phone",
            "states_no_secret",
        }
    )
    title = forms.CharField(label=_("榜单名称"), max_length=200)
    background = text(_("背景与关键技术问题"), required=False, help_text=_("现状是什么、卡在哪里、已经试过什么。"))
    content = text(_("研究内容"), required=False, help_text=_("要攻克什么，不少于 20 个字。"), rows=7)
    expected_result = text(_("预期成果"), required=False)
    category = OneOf(label=_("领域"), queryset=Category.objects.none(), required=False)
    industry = OneOf(label=_("行业"), queryset=Industry.objects.none(), required=False)
    region = OneOf(label=_("实施地区"), queryset=Region.objects.none(), required=False)
    duration_months = forms.IntegerField(label=_("实施周期（月）"), required=False, min_value=1, max_value=60)
    own_funding_fen = WanField(label=_("自有资金投入（万元）"), required=False)
    acceptance_method = text(_("验收方式"), required=False, rows=3)
    intellectual_property = text(
        _("产权归属"), required=False, help_text=_("不写明时专利申请权依法属于研发方。"), rows=3
    )
    eligibility_conditions = text(_("对揭榜方的条件"), required=False, rows=3)
    restricts_by = forms.MultipleChoiceField(
        label=_("限制性条件"),
        choices=Restriction.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("设有限制时须经公平竞争审查。"),
    )
    public_contact_office = forms.CharField(label=_("联系部门"), max_length=100, required=False)
    public_contact_phone = forms.CharField(
        label=_("办公电话"), max_length=40, required=False, help_text=_("请填写座机，不要填写手机号。")
    )
    public_contact_email = forms.EmailField(label=_("办公邮箱"), required=False)
    states_no_secret = forms.BooleanField(label=_("确认填报内容不涉及国家秘密"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, model in (("category", Category), ("industry", Industry), ("region", Region)):
            self.fields[name].queryset = model.objects.all()
        offer_classification(self)
        input_attributes(self)

    @classmethod
    def initial_of(cls, challenge: Challenge) -> dict[str, Any]:
        return {name: getattr(challenge, name) for name in cls.base_fields}


class IndicatorForm(PageForm):
    name = forms.CharField(label=_("指标"), max_length=100, required=False)
    baseline = forms.CharField(label=_("现状"), max_length=100, required=False)
    target = forms.CharField(label=_("目标值"), max_length=100, required=False)
    unit = forms.CharField(label=_("单位"), max_length=20, required=False)
    method = forms.CharField(label=_("考核方法"), max_length=200, required=False)


IndicatorFormSet = forms.formset_factory(IndicatorForm, extra=3, max_num=40)


class TermsForm(PageForm):
    """The terms of the call, the handler's part."""

    grant_cap_fen = WanField(label=_("财政资助上限（万元）"), required=False)
    budget_source = forms.CharField(label=_("经费来源"), max_length=200, required=False)
    deadline_at = BeijingDateTimeField(label=_("揭榜截止（北京时间）"), required=False)
    question_deadline_at = BeijingDateTimeField(label=_("提问截止（北京时间）"), required=False)
    selection_method = forms.ChoiceField(label=_("遴选方式"), choices=SelectionMethod.choices)
    directed_to = forms.CharField(
        label=_("受托单位"),
        max_length=120,
        required=False,
        help_text=_(
            "选择“定向委托”时必填：单位全称或统一社会信用代码，须已通过平台核验。发榜后只有该单位能看到和申报。"
        ),
    )
    directed_reason = text(_("定向委托理由"), required=False, help_text=_("选择“定向委托”时必填。"), rows=3)
    secrecy_reviewer_name = forms.CharField(label=_("保密审查人"), max_length=40, required=False)
    fair_competition_conclusion = text(_("公平竞争审查结论"), required=False, rows=3)
    fair_competition_reviewer = forms.CharField(label=_("公平竞争审查人"), max_length=40, required=False)
    fair_competition_ends_on = forms.DateField(label=_("限制条件终止日期"), required=False, widget=DateInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        input_attributes(self)

    @classmethod
    def initial_of(cls, challenge: Challenge) -> dict[str, Any]:
        return {name: getattr(challenge, name) for name in cls.base_fields}

    def clean_directed_to(self) -> Organisation | None:
        return organisation_called(self.cleaned_data["directed_to"])


def organisation_called(typed: str) -> Organisation | None:
    """The verified organisation of that full name or unified code, None for nothing typed; ValidationError else."""
    if not typed.strip():
        return None
    found = verified_called(typed)
    if len(found) > 1:
        raise forms.ValidationError(_("有多个单位叫这个名称，请填写统一社会信用代码。"))
    if not found:
        raise forms.ValidationError(_("平台上没有这个已核验的单位，请核对全称或统一社会信用代码。"))
    return found[0]


class CriterionForm(PageForm):
    name = forms.CharField(label=_("评审指标"), max_length=40, required=False)
    weight = forms.IntegerField(label=_("分值"), min_value=1, max_value=100, required=False)
    minimum = forms.IntegerField(label=_("最低分"), min_value=0, max_value=100, required=False)


CriterionFormSet = forms.formset_factory(CriterionForm, extra=2, max_num=20)


# --- programmes and lists -----------------------------------------------------------------------------------------


class ProgrammeForm(PageForm):
    year = forms.IntegerField(label=_("年度"), min_value=2021, max_value=2100)
    model = forms.ChoiceField(label=_("组织模式"), choices=ProgrammeModel.choices)
    title = forms.CharField(label=_("名称"), max_length=200)
    basis = text(_("依据文件"), required=False, rows=3)
    call_text = text(_("征集通知"), required=False, rows=8)
    needs_open_at = BeijingDateTimeField(label=_("征集开始（北京时间）"), required=False)
    needs_close_at = BeijingDateTimeField(label=_("征集截止（北京时间）"), required=False)
    check_due_at = BeijingDateTimeField(label=_("市县初审截止（北京时间）"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        input_attributes(self)


class ParameterForm(PageForm):
    """The parameter sheet (domain.md §2.3); bounds are those of `parameters.BOUNDS`."""

    related_party_ban = forms.BooleanField(label=_("禁止关联方揭榜"), required=False)
    trim_extremes = forms.BooleanField(label=_("去掉最高分和最低分"), required=False)
    list_publicity = forms.BooleanField(label=_("发榜前先公示"), required=False)

    def __init__(self, *args: Any, sheet: Parameters, **options: Any) -> None:
        super().__init__(*args, **options)
        for key, (label, lowest, highest) in BOUNDS.items():
            if is_money(key):
                self.fields[key] = WanField(label=_("%s（万元）") % label, initial=getattr(sheet, key))
                continue
            self.fields[key] = forms.IntegerField(
                label=label, min_value=lowest, max_value=highest, initial=getattr(sheet, key)
            )
        for key in ("related_party_ban", "trim_extremes", "list_publicity"):
            self.fields[key].initial = getattr(sheet, key)
        input_attributes(self)


class AnnualListForm(PageForm):
    title = forms.CharField(label=_("榜单名称"), max_length=200, required=False)
    foreword = text(_("发榜说明"), required=False)


class ListPublishForm(MinutesForm):
    secrecy_reviewer_name = forms.CharField(label=_("保密审查人"), max_length=40)


class OpenerForm(PageForm):
    capacity = forms.ChoiceField(label=_("身份"), choices=OpenerCapacity.choices)
    username = forms.CharField(label=_("用户名"), max_length=150, help_text=_("该人员当前所在机构即为其代表的机构。"))

    def clean_username(self) -> User:
        user = User.objects.filter(username=self.cleaned_data["username"].strip(), is_active=True).first()
        if user is None or user.current_organisation is None:
            raise forms.ValidationError(_("没有这个用户，或者该用户没有加入机构。"))
        return user


class OpenerReplaceForm(OpenerForm):
    reason = text(_("更换理由"), rows=3)
    capacity = None


class ReissueForm(CommentForm):
    programme = OneOf(label=_("列入计划"), queryset=Programme.objects.none())

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["programme"].queryset = Programme.objects.exclude(state="archived")


class ScenarioForm(PageForm):
    scenario = OneOf(
        label=_("在榜的“技术攻关”类需求"),
        queryset=Scenario.objects.none(),
        help_text=_("转入后原需求结束对接，页面上互相链接；最终文本仍由需求单位确认。"),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["scenario"].queryset = Scenario.objects.filter(
            state=ScenarioState.LISTED, scenario_type=ScenarioType.RESEARCH
        ).order_by("code")


# --- clarification ------------------------------------------------------------------------------------------------


class QuestionForm(PageForm):
    text = text(_("问题"), help_text=_("问题和答复会公开，提问人不会公开。"))


class AnswerForm(PageForm):
    answer = text(_("答复"), help_text=_("答复会同时发给所有关注者，发布后不能修改。"))
    declined = forms.BooleanField(label=_("不公开（与榜单无关或不宜公开）"), required=False)


class ClarifyForm(PageForm):
    reason = text(_("修改说明"), help_text=_("所有关注者会同时收到。"), rows=3)
    background = text(_("背景与关键技术问题"), required=False)
    content = text(_("研究内容"), required=False)
    expected_result = text(_("预期成果"), required=False)
    acceptance_method = text(_("验收方式"), required=False)
    eligibility_conditions = text(_("对揭榜方的条件"), required=False)
    material = forms.BooleanField(
        label=_("影响揭榜的实质修改"), required=False, help_text=_("已提交的单位须重新确认；剩余时间不足时自动顺延。")
    )
    deadline_at = BeijingDateTimeField(label=_("推迟揭榜截止到"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        input_attributes(self)


# --- bids and review ----------------------------------------------------------------------------------------------


class FormalCheckForm(PageForm):
    passed = forms.TypedChoiceField(
        label=_("结论"),
        choices=[("1", _("通过")), ("0", _("不通过"))],
        coerce=lambda value: value == "1",
        widget=forms.RadioSelect,
    )
    comment = text(_("审查意见"), help_text=_("申报单位会看到。"))


class SupplementForm(PageForm):
    supplement = LinesField(label=_("需要补正的非实质内容"), help_text=_("每行一条，所有申请的补正期限相同。"))
    comment = text(_("说明"), rows=3)


class StageAssessForm(PageForm):
    """One table of a race: the same indicators for every racer, one line of result each, in the same order."""

    assessed_on = forms.DateField(label=_("评估日期"), widget=DateInput)
    assessor = forms.CharField(label=_("第三方评估机构"), max_length=120)
    minutes_number = forms.CharField(label=_("集体决策会议纪要号"), max_length=60)
    indicators = LinesField(label=_("评估指标"), help_text=_("每行一项。"))

    def __init__(self, *args: Any, racers: Sequence[Project] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.racers = racers
        for racer in racers:
            named = {"name": racer.solver.name}
            self.fields[f"values_{racer.pk}"] = text(
                _("%(name)s：评估结果") % named, help_text=_("按上面指标的顺序，每行一项结果。"), rows=3
            )
            self.fields[f"outcome_{racer.pk}"] = forms.ChoiceField(
                label=_("%(name)s：结论") % named, choices=StageOutcome.choices, widget=forms.RadioSelect
            )
            self.fields[f"comment_{racer.pk}"] = text(_("%(name)s：评估意见") % named, rows=2)
        name_the_remedy(self)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        indicators = data.get("indicators") or []
        results = []
        for racer in self.racers:
            lines = [line.strip() for line in data.pop(f"values_{racer.pk}", "").splitlines() if line.strip()]
            if lines and indicators and len(lines) != len(indicators):
                self.add_error(
                    f"values_{racer.pk}",
                    _("指标有 %(wanted)d 项，这里填了 %(given)d 项，请逐项填写。")
                    % {"wanted": len(indicators), "given": len(lines)},
                )
            results.append(
                {
                    "project": racer.public_id,
                    "values": dict(zip(indicators, lines, strict=False)),
                    "outcome": data.pop(f"outcome_{racer.pk}", ""),
                    "comment": data.pop(f"comment_{racer.pk}", ""),
                }
            )
        return data | {"results": results}


class SupplementAnswerForm(PageForm):
    text = text(_("补正说明"), help_text=_("逐条对应要求。只能补正一次，提交后不能修改。"))
    file = forms.FileField(label=_("补正材料"), required=False, help_text=_("多个文件请合成一个 PDF 或压缩包。"))


class ReasonForm(PageForm):
    reason = text(_("理由"))


class MembershipLookForm(PageForm):
    """A supervisor's conclusion about a membership that began after the publication."""

    counts = forms.ChoiceField(
        label=_("结论"),
        choices=[
            ("", _("请选择")),
            ("yes", _("计入：本人与该单位有利害关系，应当回避")),
            ("no", _("不计入：不影响本人办理或评审本榜单项")),
        ],
    )
    reason = text(_("理由"))


class DrawForm(PageForm):
    witness_words = forms.CharField(
        label=_("见证词"), max_length=100, help_text=_("任意一段文字，与事先承诺的种子一起决定抽取顺序。")
    )


class DeclarationForm(PageForm):
    declaration = text(
        _("声明"),
        help_text=_("三年内与各方没有任职、控股、亲属、诉讼或其他可能影响公正的关系；保守评审秘密。"),
        rows=4,
    )


class DeclineForm(ReasonForm):
    recusal = forms.BooleanField(label=_("因利害关系回避"), required=False)


class SummaryForm(PageForm):
    summary = text(_("综合意见"), rows=8)


class SignForm(PageForm):
    dissent = text(_("不同意见（没有可不填）"), required=False)


class ScoreForm(PageForm):
    """One bid's points, one field per published criterion, and the opinion."""

    comment = text(_("评审意见"), required=False)

    def __init__(self, *args: Any, criteria: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for row in criteria:
            name = f"score_{row['key']}"
            self.fields[name] = forms.IntegerField(
                label=f"{row['name']}（0–{row['weight']}）", min_value=0, max_value=row["weight"], required=False
            )
        scores = [f"score_{row['key']}" for row in criteria]
        # Saved half filled, handed in whole.
        self.needed_fields = frozenset(scores)
        self.order_fields([*scores, "comment"])
        input_attributes(self)

    @property
    def scores(self) -> dict[str, int | None]:
        return {name.removeprefix("score_"): value for name, value in self.cleaned_data.items() if name != "comment"}


class ExpertForm(PageForm):
    name = forms.CharField(label=_("姓名"), max_length=40)
    kind = forms.ChoiceField(label=_("类别"), choices=ExpertKind.choices)
    title = forms.CharField(label=_("职称"), max_length=40)
    years = forms.IntegerField(label=_("从业年限"), min_value=0, max_value=80)
    areas = SomeOf(
        label=_("专业领域"), queryset=Category.objects.none(), widget=forms.CheckboxSelectMultiple, required=False
    )
    username = forms.CharField(label=_("登录用户名"), max_length=150, required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["areas"].queryset = Category.objects.current().filter(parent=None)
        input_attributes(self)


class CreditEntryForm(PageForm):
    organisation = forms.CharField(label=_("单位的统一社会信用代码"), max_length=18)
    document_number = forms.CharField(label=_("文书号"), max_length=100)
    issuer = forms.CharField(label=_("作出机关"), max_length=100)
    basis = forms.CharField(label=_("法律依据"), max_length=200, help_text=_("法律法规名称和条款。"))
    summary = text(_("事由"), required=False, rows=3)
    started_on = forms.DateField(label=_("起始日期"), widget=DateInput)
    ends_on = forms.DateField(label=_("终止日期"), widget=DateInput, help_text=_("最长五年，期满自动不再使用。"))

    def clean_organisation(self) -> Organisation:
        code = normalise(self.cleaned_data["organisation"])
        found = Organisation.objects.filter(unified_code=code).first()
        if found is None:
            raise forms.ValidationError(_("平台上没有信用代码为“%s”的单位，请核对。") % code)
        return found


class AffiliationForm(PageForm):
    parent_name = forms.CharField(label=_("控制方"), max_length=120)
    parent_code = forms.CharField(label=_("控制方统一社会信用代码"), max_length=18)
    child_name = forms.CharField(label=_("被控制方"), max_length=120)
    child_code = forms.CharField(label=_("被控制方统一社会信用代码"), max_length=18)
    kind = forms.ChoiceField(label=_("关系"), choices=AffiliationKind.choices)
    source = forms.CharField(label=_("来源"), max_length=200, help_text=_("例如：市场主体登记、年报、申报材料。"))
    valid_from = forms.DateField(label=_("起始日期"), required=False, widget=DateInput)


class EmploymentForm(PageForm):
    needed_fields = frozenset({"organisation_name", "started_on"})
    organisation_name = forms.CharField(label=_("单位"), max_length=120, required=False)
    unified_code = forms.CharField(label=_("统一社会信用代码"), max_length=18, required=False)
    position = forms.CharField(label=_("职务或关系"), max_length=60, required=False)
    started_on = forms.DateField(label=_("起"), required=False, widget=DateInput)
    ended_on = forms.DateField(label=_("止"), required=False, widget=DateInput)


EmploymentFormSet = forms.formset_factory(EmploymentForm, extra=2, max_num=20)


# --- decision -----------------------------------------------------------------------------------------------------


class DecisionForm(MinutesForm):
    meeting_on = forms.DateField(label=_("会议日期"), widget=DateInput)
    participants = text(_("参会人员"), rows=3)
    deviation_reason = text(_("与评审排序不一致的理由"), required=False, rows=3)


class WinnerForm(PageForm):
    """One bid of the ranking: chosen or not, with what it would get."""

    bid = forms.CharField(widget=forms.HiddenInput)
    chosen = forms.BooleanField(label=_("拟中榜"), required=False)
    grant_fen = WanField(label=_("资助（万元）"), required=False)
    technical_route = forms.CharField(label=_("技术路线"), max_length=200, required=False)


WinnerFormSet = forms.formset_factory(WinnerForm, extra=0)


class RecordForm(PageForm):
    record = text(_("洽谈结果"))


class ObjectionForm(PageForm):
    filer_name = forms.CharField(label=_("异议人姓名或单位名称"), max_length=120)
    filer_phone = forms.CharField(label=_("联系电话"), max_length=40)
    subject = forms.CharField(label=_("异议事项"), max_length=200)
    facts = text(_("事实和理由"), rows=7)
    evidence = text(_("证据或线索"), required=False, rows=3)
    sworn = forms.BooleanField(label=_("承诺所述内容真实，愿意承担相应责任"))


class TestingForm(PageForm):
    working_days = forms.IntegerField(label=_("占用工作日"), min_value=1, max_value=120)
    reason = text(_("检验鉴定事由"), rows=3)


class ConcludeForm(PageForm):
    conclusion = forms.ChoiceField(
        label=_("结论"),
        choices=[
            (state, ObjectionState(state).label)
            for state in (
                ObjectionState.UPHELD,
                ObjectionState.PARTLY,
                ObjectionState.DISMISSED,
                ObjectionState.INADMISSIBLE,
            )
        ],
        widget=forms.RadioSelect,
    )
    findings = text(_("调查情况"))
    reply = text(_("给异议人的答复"))


# --- projects -----------------------------------------------------------------------------------------------------


class ContractForm(PageForm):
    contract_number = forms.CharField(label=_("合同编号"), max_length=60)
    leader = forms.CharField(label=_("项目负责人"), max_length=40)
    task_book = text(_("任务书"), rows=8)
    pledge = text(_("军令状"), rows=4)
    intellectual_property = text(_("知识产权约定"), rows=3)
    grant_fen = WanField(label=_("财政资助（万元）"), help_text=_("不高于公示的金额。"))
    own_fen = WanField(label=_("自筹（万元）"), help_text=_("没有时填 0。财政资助与自筹之和为合同总经费。"))
    first_payment_fen = WanField(label=_("首付款（万元）"), help_text=_("财政资助中首次拨付的金额，没有时填 0。"))
    starts_on = forms.DateField(label=_("开始"), widget=DateInput)
    ends_on = forms.DateField(label=_("结束"), widget=DateInput)


class MilestoneForm(PageForm):
    #: In a row that is used; an unused one stays empty.
    needed_fields = frozenset({"title", "share_fen", "due_on"})
    title = forms.CharField(label=_("里程碑"), max_length=200, required=False)
    target = forms.CharField(label=_("考核内容"), max_length=500, required=False)
    share_fen = WanField(label=_("经费（万元）"), required=False)
    due_on = forms.DateField(label=_("期限"), widget=DateInput, required=False)


MilestoneFormSet = forms.formset_factory(MilestoneForm, extra=3, max_num=20)


class MilestoneReportForm(PageForm):
    sequence = forms.IntegerField(label=_("第几个里程碑"), min_value=1)
    report = text(_("完成情况"))


class MilestoneConfirmForm(PageForm):
    sequence = forms.IntegerField(label=_("第几个里程碑"), min_value=1)
    opinion = text(_("最终用户意见"))


class MilestoneAssessForm(PageForm):
    sequence = forms.IntegerField(label=_("第几个里程碑"), min_value=1)
    conclusion = forms.ChoiceField(
        label=_("考核结论"),
        choices=[
            (state, MilestoneState(state).label)
            for state in (MilestoneState.PASSED, MilestoneState.CONDITIONAL, MilestoneState.FAILED)
        ],
        widget=forms.RadioSelect,
    )
    assessment = text(_("考核意见"))


class ChangeForm(PageForm):
    kind = forms.ChoiceField(label=_("变更类型"), choices=ChangeKind.choices)
    content = text(_("变更内容"))
    reason = text(_("理由"))
    months = forms.IntegerField(
        label=_("延期月数"), required=False, min_value=1, max_value=24, help_text=_("申请延期时必填，其他变更不填。")
    )


class ChangeDecisionForm(PageForm):
    approved = forms.TypedChoiceField(
        label=_("结论"),
        choices=[("1", _("批准")), ("0", _("不批准"))],
        coerce=lambda value: value == "1",
        widget=forms.RadioSelect,
    )
    comment = text(_("理由"))
    minutes_number = forms.CharField(
        label=_("会议纪要号"), max_length=60, required=False, help_text=_("批准调整考核指标时必填。")
    )


class AcceptanceForm(PageForm):
    user_opinion = text(_("最终用户意见"))
    report_number = forms.CharField(label=_("科技报告编号"), max_length=60)


class MeetingForm(PageForm):
    meeting_on = forms.DateField(label=_("验收会日期"), widget=DateInput)


class AcceptanceConclusionForm(PageForm):
    technical_passed = forms.BooleanField(label=_("技术验收通过"), required=False)
    technical_comment = text(_("技术验收意见"))
    financial_passed = forms.BooleanField(label=_("财务验收通过"), required=False)
    financial_comment = text(_("财务验收意见"))
    false_data = forms.BooleanField(label=_("存在弄虚作假"), required=False)


class EndForm(PageForm):
    """An end without fault: the meeting's decision and its reason."""

    comment = text(_("理由"))
    minutes_number = forms.CharField(label=_("会议纪要号"), max_length=60)


class FaultForm(EndForm):
    """An end with fault is decided only after the party was heard."""

    statement_heard = text(_("当事单位的陈述申辩"))
    field_order = ("comment", "statement_heard", "minutes_number")


class EvaluationForm(PageForm):
    grade = forms.ChoiceField(label=_("评价等级"), choices=Grade.choices)
    comment = text(_("评价理由"))
    result_title = forms.CharField(label=_("成果名称"), max_length=200)
    result_text = text(_("成果说明"))


class TransferForm(PageForm):
    year = forms.IntegerField(label=_("年度"), min_value=2021, max_value=2100)
    text = text(_("转化情况"))
    revenue_fen = WanField(label=_("转化收入（万元）"), required=False)
