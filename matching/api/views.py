"""`/api/v1/…/matches/`: frozen rankings with their reasons, their replay, and a vendor's recommended demands."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.entered import whole_number
from core.errors import ObjectNotFound
from matching import selectors, services
from scenarios.selectors import scenario_for
from vendors.selectors import capability_for

LONGEST_LIST = 50


class SentenceSerializer(serializers.Serializer):
    """A reason, or something missing: a stable code, its words, its values, its share of the score in points."""

    code = serializers.CharField()
    label = serializers.CharField()
    text = serializers.CharField()
    share = serializers.FloatField(allow_null=True)
    values = serializers.DictField()


class PlaceSerializer(serializers.Serializer):
    rank = serializers.IntegerField()
    score = serializers.FloatField()
    level = serializers.CharField()
    level_label = serializers.CharField()
    capability = serializers.SerializerMethodField()
    scenario = serializers.SerializerMethodField()
    title = serializers.SerializerMethodField()
    organisation = serializers.SerializerMethodField()
    reasons = SentenceSerializer(many=True)
    gaps = SentenceSerializer(many=True)

    def get_capability(self, place: selectors.CandidateView) -> str | None:
        return place.capability.key if place.capability else None

    def get_scenario(self, place: selectors.CandidateView) -> str | None:
        return place.scenario.key if place.scenario else None

    def get_title(self, place: selectors.CandidateView) -> str:
        return (place.capability or place.scenario).title if place.capability or place.scenario else ""

    def get_organisation(self, place: selectors.CandidateView) -> str:
        if place.capability:
            return place.capability.vendor.organisation.name
        return place.scenario.owner.name if place.scenario else ""


class ExcludedSerializer(serializers.Serializer):
    capability = serializers.SerializerMethodField()
    scenario = serializers.SerializerMethodField()
    reason = SentenceSerializer()

    def get_capability(self, excluded: selectors.ExcludedView) -> str | None:
        return excluded.capability.key if excluded.capability else None

    def get_scenario(self, excluded: selectors.ExcludedView) -> str | None:
        return excluded.scenario.key if excluded.scenario else None


class RunSerializer(serializers.Serializer):
    """A frozen run: what it was made from, who was ranked, who was removed and why."""

    id = serializers.UUIDField(source="run.public_id")
    direction = serializers.CharField(source="run.direction")
    trigger = serializers.CharField(source="run.trigger")
    created_at = serializers.DateTimeField(source="run.created_at")
    profile_version = serializers.IntegerField(source="run.profile.version")
    engine = serializers.CharField(source="run.engine")
    generation = serializers.CharField(source="run.generation")
    encoder = serializers.CharField(source="run.encoder")
    compared = serializers.IntegerField(source="run.compared")
    nothing_fits = serializers.BooleanField()
    is_outdated = serializers.BooleanField()
    ranked = PlaceSerializer(many=True)
    excluded = ExcludedSerializer(many=True)


class DifferenceSerializer(serializers.Serializer):
    code = serializers.CharField()
    text = serializers.CharField()
    identity = serializers.CharField()


class ReplaySerializer(serializers.Serializer):
    reproduced = serializers.BooleanField(help_text="用冻结的证据重算，次序与当时一致")
    differences = DifferenceSerializer(many=True)


class RecommendationSerializer(serializers.Serializer):
    scenario = serializers.CharField(source="scenario.key")
    title = serializers.CharField(source="scenario.title")
    owner = serializers.CharField(source="scenario.owner.name")
    capability = serializers.CharField(source="capability.key")
    score = serializers.FloatField()
    level = serializers.CharField()
    level_label = serializers.CharField()
    reasons = SentenceSerializer(many=True)
    gaps = SentenceSerializer(many=True)


TOP = OpenApiParameter("top", int, description="最多返回几位，1 至 50，默认 20")
KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="编号或 UUID")


def _top(request: Request) -> int:
    wanted = whole_number(request.query_params.get("top", "20"), most_digits=3)
    return 20 if wanted is None else min(LONGEST_LIST, max(1, wanted))


def _answer(view: selectors.RunView | None, code: int = status.HTTP_200_OK) -> Response:
    """404 both for those not entitled and for what was never matched: neither tells the other."""
    if view is None:
        raise ObjectNotFound()
    return Response(RunSerializer(view).data, status=code)


class ScenarioMatchesView(APIView):
    """一项需求的候选能力及理由。"""

    throttle_scope = "match"

    @extend_schema(summary="最近一次匹配结果", parameters=[KEY, TOP], responses=RunSerializer)
    def get(self, request: Request, key: str) -> Response:
        scenario = scenario_for(request.user, key)
        return _answer(selectors.candidates_of(request.user, scenario, limit=_top(request)))

    @extend_schema(summary="重新匹配", parameters=[KEY, TOP], request=None, responses={201: RunSerializer})
    def post(self, request: Request, key: str) -> Response:
        scenario = scenario_for(request.user, key)
        services.match_scenario(scenario_id=scenario.pk, acting_user=request.user)
        view = selectors.candidates_of(request.user, scenario, limit=_top(request))
        return _answer(view, status.HTTP_201_CREATED)


class CapabilityMatchesView(APIView):
    """一项能力适合的需求及理由，供其供给方查看。"""

    throttle_scope = "match"

    @extend_schema(summary="最近一次匹配结果", parameters=[KEY, TOP], responses=RunSerializer)
    def get(self, request: Request, key: str) -> Response:
        capability = capability_for(request.user, key)
        return _answer(selectors.demands_for(request.user, capability, limit=_top(request)))

    @extend_schema(summary="重新匹配", parameters=[KEY, TOP], request=None, responses={201: RunSerializer})
    def post(self, request: Request, key: str) -> Response:
        capability = capability_for(request.user, key)
        services.match_capability(capability_id=capability.pk, acting_user=request.user)
        view = selectors.demands_for(request.user, capability, limit=_top(request))
        return _answer(view, status.HTTP_201_CREATED)


class ReplayView(APIView):
    """重放一次匹配：用冻结的证据重算，并说明今天重新匹配为何不同。"""

    throttle_scope = "match"

    @extend_schema(summary="重放", request=None, responses=ReplaySerializer)
    def post(self, request: Request, public_id: UUID) -> Response:
        run = selectors.run_for(request.user, public_id)
        return Response(ReplaySerializer(services.replay(run)).data)


class RecommendationsView(APIView):
    """推荐给本供给方的需求。"""

    throttle_scope = "match"

    @extend_schema(summary="推荐的需求", parameters=[TOP], responses=RecommendationSerializer(many=True))
    def get(self, request: Request) -> Response:
        rows: list[Any] = selectors.recommended_demands(request.user, limit=_top(request))
        return Response(RecommendationSerializer(rows, many=True).data)
