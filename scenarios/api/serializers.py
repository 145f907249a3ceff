"""What the API shows of demands and lists, and what it takes."""

from typing import Any

from rest_framework import serializers

from core.api.serializers import (
    CategoryField,
    CommentSerializer,
    DefectSerializer,
    IndustryField,
    MomentField,
    RegionField,
    TechnologyTagField,
)
from core.entered import validate_visible, validate_year
from core.texts import LONGEST_TEXT
from scenarios.enums import Restriction
from scenarios.models import Erratum, ErratumDraft, ListItem, QuarterlyList, Scenario
from scenarios.services import REVIEW_ACTIONS

PUBLIC_FIELDS = (
    "key",
    "code",
    "public_id",
    "state",
    "state_label",
    "title",
    "pain_point",
    "description",
    "target_indicators",
    "available_resources",
    "data_needs",
    "data_class",
    "acceptance_method",
    "intellectual_property",
    "eligibility_conditions",
    "restricts_by",
    "required_credentials",
    "owner",
    "owner_kind",
    "region",
    "region_name",
    "category",
    "category_name",
    "industry",
    "tags",
    "level",
    "scenario_type",
    "funding_nature",
    "budget_text",
    "budget_min_fen",
    "budget_max_fen",
    "timeframe_text",
    "needed_by",
    "deadline_at",
    "public_contact_office",
    "public_contact_phone",
    "public_contact_email",
    "listed_at",
    "valid_until",
)


class ScenarioSerializer(serializers.ModelSerializer):
    """A demand as the public reads it; no private contact and no review file."""

    key = serializers.CharField(read_only=True)
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    owner = serializers.CharField(source="owner.name", read_only=True)
    owner_kind = serializers.CharField(source="owner.kind", read_only=True)
    region = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    region_name = serializers.SerializerMethodField()
    category = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    category_name = serializers.CharField(source="category.label", read_only=True, default="")
    industry = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    tags = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    # Not described as an address: it is empty where none was given.
    public_contact_email = serializers.CharField(read_only=True)
    restricts_by = serializers.ListField(child=serializers.CharField(), read_only=True)
    required_credentials = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Scenario
        fields = PUBLIC_FIELDS
        read_only_fields = PUBLIC_FIELDS

    def get_region_name(self, scenario: Scenario) -> str:
        return scenario.region.full_name if scenario.region else scenario.region_text


class OwnScenarioSerializer(ScenarioSerializer):
    """A demand as its owner's side reads it: with versions for concurrent editing and the private contact."""

    class Meta(ScenarioSerializer.Meta):
        fields = (
            *PUBLIC_FIELDS,
            "document_version",
            "content_version",
            "private_contact_name",
            "private_contact_phone",
            "no_state_secret",
            "review_due_on",
        )
        read_only_fields = fields


class ScenarioWriteSerializer(serializers.Serializer):
    """What an owner may write. Every field may be left out; submission says what is missing."""

    title = serializers.CharField(max_length=200, required=False)
    pain_point = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    target_indicators = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    available_resources = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    data_needs = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    data_class = serializers.ChoiceField(choices=Scenario._meta.get_field("data_class").choices, required=False)
    acceptance_method = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    intellectual_property = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    eligibility_conditions = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    restricts_by = serializers.ListField(
        child=serializers.ChoiceField(choices=Restriction.choices), required=False, max_length=len(Restriction)
    )
    required_credentials = serializers.ListField(
        child=serializers.CharField(max_length=120), required=False, max_length=30
    )
    category = CategoryField(required=False, allow_null=True)
    industry = IndustryField(required=False, allow_null=True)
    region = RegionField(required=False, allow_null=True)
    tags = TechnologyTagField(many=True, required=False)
    level = serializers.ChoiceField(choices=Scenario._meta.get_field("level").choices, required=False)
    scenario_type = serializers.ChoiceField(choices=Scenario._meta.get_field("scenario_type").choices, required=False)
    funding_nature = serializers.ChoiceField(choices=Scenario._meta.get_field("funding_nature").choices, required=False)
    budget_text = serializers.CharField(required=False, allow_blank=True, max_length=200)
    timeframe_text = serializers.CharField(required=False, allow_blank=True, max_length=200)
    needed_by = serializers.DateField(required=False, allow_null=True, validators=[validate_year])
    deadline_at = MomentField(required=False, allow_null=True)
    public_contact_office = serializers.CharField(required=False, allow_blank=True, max_length=100)
    public_contact_phone = serializers.CharField(required=False, allow_blank=True, max_length=40)
    public_contact_email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    private_contact_name = serializers.CharField(required=False, allow_blank=True, max_length=40)
    private_contact_phone = serializers.CharField(required=False, allow_blank=True, max_length=40)
    no_state_secret = serializers.BooleanField(required=False)
    expected_version = serializers.IntegerField(
        required=False, help_text="打开时的 document_version；给出后，若已被他人修改则返回 409，不会覆盖。"
    )


class ReviewSerializer(CommentSerializer):
    """A review at either stage. All defects are told at once."""

    action = serializers.ChoiceField(choices=sorted(REVIEW_ACTIONS))
    defects = DefectSerializer(many=True, required=False, default=list)
    secrecy_reviewed = serializers.BooleanField(required=False, default=False)
    expected_version = serializers.IntegerField(required=False)


class ErratumDraftSerializer(serializers.ModelSerializer):
    state_label = serializers.CharField(source="get_state_display", read_only=True)

    class Meta:
        model = ErratumDraft
        fields = ("public_id", "state", "state_label", "field", "original_text", "corrected_text", "reason")
        read_only_fields = fields
        extra_kwargs = {"original_text": {"help_text": "清单中的原文"}}


class ErratumSerializer(serializers.ModelSerializer):
    class Meta:
        model = Erratum
        fields = ("number", "field", "original_text", "corrected_text", "reason", "published_at")
        read_only_fields = fields


class ListItemSerializer(serializers.ModelSerializer):
    """The frozen text, the errata beside it, and the demand's present state apart from it."""

    scenario = serializers.UUIDField(source="scenario.public_id", read_only=True)
    present_state = serializers.CharField(source="scenario.state", read_only=True)
    present_state_label = serializers.CharField(source="scenario.get_state_display", read_only=True)
    content = serializers.DictField(read_only=True)
    errata = ErratumSerializer(many=True, read_only=True)

    class Meta:
        model = ListItem
        fields = ("id", "number", "sequence", "scenario", "present_state", "present_state_label", "content", "errata")
        read_only_fields = fields


class QuarterlyListSerializer(serializers.ModelSerializer):
    code = serializers.CharField(read_only=True)
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    publisher = serializers.CharField(source="publisher.name", read_only=True, default="")
    item_count = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = QuarterlyList
        fields = (
            "code",
            "title",
            "foreword",
            "year",
            "quarter_number",
            "issue_number",
            "state",
            "state_label",
            "publisher",
            "item_count",
            "published_at",
        )
        read_only_fields = fields


class QuarterlyListCreateSerializer(serializers.Serializer):
    quarter = serializers.RegexField(r"^[0-9]{4}Q[1-4]\Z", max_length=6, help_text="例如 2026Q4")
    title = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", validators=[validate_visible]
    )
    foreword = serializers.CharField(required=False, allow_blank=True, default="", max_length=LONGEST_TEXT)


class ListItemsSerializer(serializers.Serializer):
    scenarios = serializers.ListField(child=serializers.CharField(max_length=40), min_length=1, max_length=1000)


class ListStepSerializer(CommentSerializer):
    secrecy_reviewer_name = serializers.CharField(required=False, allow_blank=True, default="", max_length=40)


class ErratumWriteSerializer(serializers.Serializer):
    item = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=40, help_text="条目编号，例如 2026Q4-001"
    )
    field = serializers.CharField(required=False, allow_blank=True, default="", max_length=60)
    corrected_text = serializers.CharField(max_length=LONGEST_TEXT)
    reason = serializers.CharField(max_length=LONGEST_TEXT)


def write_values(serializer: serializers.Serializer) -> dict[str, Any]:
    """The validated values without the version a client read."""
    return {name: value for name, value in serializer.validated_data.items() if name != "expected_version"}
