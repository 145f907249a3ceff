"""What the API shows of 揭榜挂帅. Only what is published: bids have no place here before or after the opening."""

from rest_framework import serializers

from challenges.enums import ChallengeState
from challenges.models import AnnualList, Challenge, ChallengeVersion, Indicator, Project, Publicity, Question


class IndicatorSerializer(serializers.ModelSerializer):
    class Meta:
        model = Indicator
        fields = ("sequence", "name", "baseline", "target", "unit", "method")
        read_only_fields = fields


class CriterionSerializer(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    weight = serializers.IntegerField()
    minimum = serializers.IntegerField()


class ChallengeSerializer(serializers.ModelSerializer):
    """A published challenge. No count of bids, in no state and for nobody (招标投标法 22)."""

    state = serializers.ChoiceField(source="public_state", choices=ChallengeState.choices, read_only=True)
    demander = serializers.CharField(source="demander.name", read_only=True)
    annual_list = serializers.CharField(source="annual_list.code", read_only=True, default="")
    model = serializers.CharField(source="programme.model", read_only=True)
    category = serializers.CharField(source="category.code", read_only=True, default="")
    region = serializers.CharField(source="region.code", read_only=True, default="")
    scenario = serializers.CharField(source="scenario.code", read_only=True, default="")
    indicators = IndicatorSerializer(many=True, read_only=True)
    criteria = CriterionSerializer(many=True, read_only=True)

    class Meta:
        model = Challenge
        fields = (
            "code",
            "public_id",
            "title",
            "state",
            "annual_list",
            "model",
            "demander",
            "category",
            "region",
            "scenario",
            "background",
            "content",
            "expected_result",
            "intellectual_property",
            "acceptance_method",
            "eligibility_conditions",
            "duration_months",
            "own_funding_fen",
            "grant_cap_fen",
            "budget_source",
            "indicators",
            "criteria",
            "question_deadline_at",
            "deadline_at",
            "published_at",
            "frozen_at",
            "opened_at",
            "awarded_at",
            "content_version",
            "public_contact_office",
            "public_contact_phone",
        )
        read_only_fields = fields


class ChallengeVersionSerializer(serializers.ModelSerializer):
    class Meta:
        model = ChallengeVersion
        fields = ("number", "reason", "material", "deadline_at", "published_at", "content")
        read_only_fields = fields


class QuestionSerializer(serializers.ModelSerializer):
    """An answered question, without its asker."""

    class Meta:
        model = Question
        fields = ("public_id", "text", "answer", "answered_at")
        read_only_fields = fields


class AnnualListSerializer(serializers.ModelSerializer):
    code = serializers.CharField(read_only=True)
    publisher = serializers.CharField(source="programme.owner.name", read_only=True)

    class Meta:
        model = AnnualList
        fields = ("code", "title", "foreword", "year", "issue_number", "publisher", "published_at", "parameters")
        read_only_fields = fields


class PublicitySerializer(serializers.ModelSerializer):
    challenge = serializers.CharField(source="challenge.code", read_only=True, default="")
    annual_list = serializers.CharField(source="annual_list.code", read_only=True, default="")

    class Meta:
        model = Publicity
        fields = (
            "public_id",
            "challenge",
            "annual_list",
            "state",
            "working_days",
            "first_day",
            "last_day",
            "calendar_versions",
            "content",
        )
        read_only_fields = fields


class ResultSerializer(serializers.ModelSerializer):
    challenge = serializers.CharField(source="challenge.code", read_only=True)
    solver = serializers.CharField(source="solver.name", read_only=True)

    class Meta:
        model = Project
        fields = ("public_id", "challenge", "solver", "result_title", "result_text", "grade", "result_published_at")
        read_only_fields = fields
