"""What the API shows of vendors and capabilities, and what it takes."""

from rest_framework import serializers

from core.api.serializers import (
    CategoryField,
    CommentSerializer,
    DefectSerializer,
    IndustryField,
    RegionField,
    TechnologyTagField,
)
from vendors.enums import CaseState
from vendors.models import Capability, CapabilityMember, Credential, DeliveredCase, VendorProfile


class CredentialSerializer(serializers.ModelSerializer):
    class Meta:
        model = Credential
        fields = ("kind", "name", "number", "issuer", "valid_from", "valid_until")
        read_only_fields = fields


class DeliveredCaseSerializer(serializers.ModelSerializer):
    confirmation = serializers.ChoiceField(
        choices=CaseState.choices, read_only=True, help_text="客户确认的情况；只有 confirmed 计入业绩。"
    )
    confirmation_label = serializers.CharField(read_only=True)

    class Meta:
        model = DeliveredCase
        fields = (
            "title",
            "customer",
            "delivered_on",
            "amount_fen",
            "description",
            "confirmation",
            "confirmation_label",
            "confirmed_at",
        )
        read_only_fields = fields


class CapabilityMemberSerializer(serializers.ModelSerializer):
    class Meta:
        model = CapabilityMember
        fields = ("name", "contribution")
        read_only_fields = fields


class VendorSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="organisation.name", read_only=True)
    kind = serializers.CharField(source="organisation.kind", read_only=True)
    region = serializers.CharField(source="organisation.region.code", read_only=True, default="")
    listed_count = serializers.IntegerField(read_only=True, default=0)
    # Not described as addresses: they are empty where none was given.
    website = serializers.CharField(read_only=True)
    contact_email = serializers.CharField(read_only=True)

    class Meta:
        model = VendorProfile
        fields = (
            "public_id",
            "name",
            "kind",
            "region",
            "summary",
            "main_business",
            "website",
            "staff_count",
            "founded_on",
            "contact_office",
            "contact_phone",
            "contact_email",
            "listed_count",
        )
        read_only_fields = fields


class CapabilitySerializer(serializers.ModelSerializer):
    """A capability as everybody reads it."""

    key = serializers.CharField(read_only=True)
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    vendor = serializers.UUIDField(source="vendor.public_id", read_only=True)
    vendor_name = serializers.CharField(source="vendor.organisation.name", read_only=True)
    category = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    category_name = serializers.CharField(source="category.label", read_only=True, default="")
    industry = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    tags = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    service_regions = serializers.SlugRelatedField(slug_field="code", many=True, read_only=True)
    members = CapabilityMemberSerializer(many=True, read_only=True)
    cases = DeliveredCaseSerializer(many=True, read_only=True)

    class Meta:
        model = Capability
        fields = (
            "key",
            "code",
            "public_id",
            "state",
            "state_label",
            "vendor",
            "vendor_name",
            "title",
            "summary",
            "description",
            "scenarios_of_use",
            "technical_features",
            "category",
            "category_name",
            "industry",
            "tags",
            "serves_whole_province",
            "service_regions",
            "price_text",
            "price_min_fen",
            "price_max_fen",
            "members",
            "cases",
            "listed_at",
            "expires_on",
            "document_version",
        )
        read_only_fields = fields


class CapabilityWriteSerializer(serializers.Serializer):
    """What a vendor may write. Submission says what is missing."""

    title = serializers.CharField(max_length=200, required=False)
    summary = serializers.CharField(max_length=300, required=False, allow_blank=True)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    scenarios_of_use = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    technical_features = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    category = CategoryField(required=False, allow_null=True)
    industry = IndustryField(required=False, allow_null=True)
    tags = TechnologyTagField(many=True, required=False)
    serves_whole_province = serializers.BooleanField(required=False)
    service_regions = RegionField(many=True, required=False)
    price_text = serializers.CharField(max_length=200, required=False, allow_blank=True)
    expected_version = serializers.IntegerField(
        required=False, help_text="打开时的 document_version；给出后，若已被他人修改则返回 409，不会覆盖。"
    )


class CapabilityReturnSerializer(CommentSerializer):
    defects = DefectSerializer(many=True)
