"""`/api/v1/challenges/`, `annual-lists/`, `publicities/`, `results/`: what is public, for machines.

Sealing and opening are not offered here: they need the browser's modules or the command-line sealer, whose endpoints
belong to the pages (`challenges/views/sealing.py`).
"""

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from challenges import selectors
from challenges.api import serializers
from challenges.enums import ChallengeState, QuestionState
from challenges.models import AnnualList, Challenge, Project, Publicity
from challenges.services.bids import freeze_if_due
from core.api.permissions import PublicReadOrAuthenticated
from core.entered import whole_number

CODE = OpenApiParameter("code", str, OpenApiParameter.PATH, description="编号，例如 JB2026-001")


class ChallengeFilter(filters.FilterSet):
    category = filters.CharFilter(method="in_branch", label="领域代码，含下级")
    annual_list = filters.CharFilter(method="on_list", label="榜单编号，例如 2026-1")

    state = filters.ChoiceFilter(choices=ChallengeState.choices, method="in_state", label="状态")

    class Meta:
        model = Challenge
        fields = ("state",)

    def in_state(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        """By what everybody may know: a decision that was not publicised yet is looked for in vain."""
        if value == ChallengeState.DECIDED:
            return queryset.none()
        if value == ChallengeState.REVIEWED:
            return queryset.filter(state__in=(ChallengeState.REVIEWED, ChallengeState.DECIDED))
        return queryset.filter(state=value)

    def in_branch(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        return queryset.filter(category__code=value) | queryset.filter(category__code__startswith=f"{value}.")

    def on_list(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        year, _dash, issue = value.partition("-")
        numbers = whole_number(year, most_digits=4), whole_number(issue, most_digits=4)
        if None in numbers:
            return queryset.none()
        return queryset.filter(annual_list__year=numbers[0], annual_list__issue_number=numbers[1])


@extend_schema_view(list=extend_schema(summary="公开的榜单项，新榜单在前"))
class ChallengeViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """榜单项。不含任何揭榜申请的信息。"""

    permission_classes = [PublicReadOrAuthenticated]
    serializer_class = serializers.ChallengeSerializer
    filterset_class = ChallengeFilter
    filter_backends = [filters.DjangoFilterBackend]
    queryset = Challenge.objects.none()
    lookup_field = "code"
    lookup_value_regex = r"JB\d{4}-\d{3,}"

    def get_queryset(self) -> QuerySet[Challenge]:
        return selectors.public_challenges().select_related("scenario").prefetch_related("indicators")

    def _object(self, code: str) -> Challenge:
        return freeze_if_due(selectors.challenge_for(self.request.user, code))

    @extend_schema(summary="一项榜单", parameters=[CODE])
    def retrieve(self, request: Request, code: str) -> Response:
        return Response(self.get_serializer(self._object(code)).data)

    @extend_schema(
        summary="发布过的各版文本",
        parameters=[CODE],
        responses=serializers.ChallengeVersionSerializer(many=True),
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def versions(self, request: Request, code: str) -> Response:
        rows = self._object(code).versions.all()
        return Response(serializers.ChallengeVersionSerializer(rows, many=True).data)

    @extend_schema(
        summary="已公开的答疑（不含提问人）",
        parameters=[CODE],
        responses=serializers.QuestionSerializer(many=True),
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def questions(self, request: Request, code: str) -> Response:
        rows = self._object(code).questions.filter(state=QuestionState.ANSWERED)
        return Response(serializers.QuestionSerializer(rows, many=True).data)


@extend_schema_view(
    list=extend_schema(summary="已发布的年度榜单"),
    retrieve=extend_schema(
        summary="一份年度榜单",
        parameters=[OpenApiParameter("code", str, OpenApiParameter.PATH, description="编号，例如 2026-1")],
    ),
)
class AnnualListViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """年度榜单及发布时固定的参数。"""

    permission_classes = [PublicReadOrAuthenticated]
    serializer_class = serializers.AnnualListSerializer
    queryset = AnnualList.objects.none()
    lookup_field = "code"
    lookup_value_regex = r"\d{4}-\d{1,4}"

    def get_queryset(self) -> QuerySet[AnnualList]:
        return selectors.public_lists()

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(self.get_serializer(selectors.annual_list_for(request.user, code)).data)


@extend_schema_view(list=extend_schema(summary="公示，新的在前"))
class PublicityViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """公示的内容、起止日期和计算依据。"""

    permission_classes = [PublicReadOrAuthenticated]
    serializer_class = serializers.PublicitySerializer
    queryset = Publicity.objects.none()

    def get_queryset(self) -> QuerySet[Publicity]:
        return selectors.public_publicities()


@extend_schema_view(list=extend_schema(summary="揭榜成果清单"))
class ResultViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """通过验收并完成绩效评价的成果。"""

    permission_classes = [PublicReadOrAuthenticated]
    serializer_class = serializers.ResultSerializer
    queryset = Project.objects.none()

    def get_queryset(self) -> QuerySet[Project]:
        return selectors.published_results()
