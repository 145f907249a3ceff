"""`/api/v1/scenarios/` and `/api/v1/lists/`: interfaces to this app's selectors and services."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.selectors import within_region
from core.api.idempotency import idempotent
from core.api.permissions import PublicReadOrAuthenticated
from core.api.serializers import CommentSerializer
from core.entered import identifier
from core.errors import ObjectNotFound
from core.models import Region
from core.quarters import Quarter
from scenarios import selectors, services
from scenarios.api import serializers
from scenarios.models import QuarterlyList, Scenario
from scenarios.permissions import sees_review_file

KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="编号（2026Q4-001）或 UUID")
CODE = OpenApiParameter("code", str, OpenApiParameter.PATH, description="清单编号，例如 2026Q4")


class ScenarioFilter(filters.FilterSet):
    category = filters.CharFilter(method="in_branch", label="领域代码，含下级")
    region = filters.CharFilter(method="in_region", label="行政区划代码，含下级")
    quarter = filters.CharFilter(field_name="code", lookup_expr="startswith", label="季度，例如 2026Q4")

    class Meta:
        model = Scenario
        fields = ("state", "scenario_type", "funding_nature", "level")

    def in_branch(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        return queryset.filter(category__code=value) | queryset.filter(category__code__startswith=f"{value}.")

    def in_region(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        region = Region.objects.filter(code=value).first()
        return within_region(queryset, region, "region") if region is not None else queryset.none()


@extend_schema_view(
    list=extend_schema(summary="可见的需求，新的在前"),
    retrieve=extend_schema(summary="一项需求", parameters=[KEY]),
)
class ScenarioViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """场景需求。公开的人人可读；其余按角色与地区可见。"""

    permission_classes = [PublicReadOrAuthenticated]
    serializer_class = serializers.ScenarioSerializer
    filterset_class = ScenarioFilter
    filter_backends = [filters.DjangoFilterBackend]
    lookup_field = "key"
    lookup_value_regex = r"[0-9A-Za-z-]{6,40}"

    def get_queryset(self) -> QuerySet[Scenario]:
        return (
            selectors.with_relations(selectors.visible_to(self.request.user)).prefetch_related("tags").order_by("-pk")
        )

    def _object(self, key: str) -> Scenario:
        return selectors.scenario_for(self.request.user, key)

    def _answer(self, scenario: Scenario, code: int = status.HTTP_200_OK) -> Response:
        scenario = self._object(str(scenario.public_id))
        own = sees_review_file(self.request.user, scenario)
        serializer = serializers.OwnScenarioSerializer if own else serializers.ScenarioSerializer
        return Response(serializer(scenario).data, status=code)

    @extend_schema(
        responses=PolymorphicProxySerializer(
            component_name="ScenarioForViewer",
            serializers=[serializers.OwnScenarioSerializer, serializers.ScenarioSerializer],
            resource_type_field_name=None,
        )
    )
    def retrieve(self, request: Request, key: str) -> Response:
        return self._answer(self._object(key))

    @extend_schema(
        summary="新建草稿",
        request=serializers.ScenarioWriteSerializer,
        responses={201: serializers.OwnScenarioSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        serializer = serializers.ScenarioWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        scenario = services.scenario_create(acting_user=request.user, values=serializers.write_values(serializer))
        return self._answer(scenario, status.HTTP_201_CREATED)

    @extend_schema(
        summary="修改草稿或待补充的需求",
        parameters=[KEY],
        request=serializers.ScenarioWriteSerializer,
        responses=serializers.OwnScenarioSerializer,
    )
    def partial_update(self, request: Request, key: str) -> Response:
        scenario = self._object(key)
        serializer = serializers.ScenarioWriteSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        services.scenario_save(
            scenario_id=scenario.pk,
            acting_user=request.user,
            values=serializers.write_values(serializer),
            expected_version=serializer.validated_data.get("expected_version"),
        )
        return self._answer(scenario)

    @extend_schema(summary="提交初审", parameters=[KEY], request=None, responses=serializers.OwnScenarioSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, key: str) -> Response:
        scenario = self._object(key)
        services.scenario_submit(scenario_id=scenario.pk, acting_user=request.user)
        return self._answer(scenario)

    @extend_schema(
        summary="初审或省级审核：通过、退回补充、不予采纳",
        parameters=[KEY],
        request=serializers.ReviewSerializer,
        responses=serializers.OwnScenarioSerializer,
    )
    @action(detail=True, methods=["post"])
    def review(self, request: Request, key: str) -> Response:
        scenario = self._object(key)
        serializer = serializers.ReviewSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        services.scenario_review(scenario_id=scenario.pk, acting_user=request.user, **serializer.validated_data)
        return self._answer(scenario)

    def _act(self, request: Request, key: str, action_name: str) -> Response:
        scenario = self._object(key)
        serializer = CommentSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        services.scenario_act(
            scenario_id=scenario.pk,
            action=action_name,
            acting_user=request.user,
            comment=serializer.validated_data["comment"],
        )
        return self._answer(scenario)

    @extend_schema(
        summary="撤回", parameters=[KEY], request=CommentSerializer, responses=serializers.OwnScenarioSerializer
    )
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, key: str) -> Response:
        return self._act(request, key, "withdraw")

    @extend_schema(
        summary="重新填报", parameters=[KEY], request=CommentSerializer, responses=serializers.OwnScenarioSerializer
    )
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, key: str) -> Response:
        return self._act(request, key, "reopen")

    @extend_schema(
        summary="暂停", parameters=[KEY], request=CommentSerializer, responses=serializers.OwnScenarioSerializer
    )
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, key: str) -> Response:
        return self._act(request, key, "suspend")

    @extend_schema(
        summary="恢复", parameters=[KEY], request=CommentSerializer, responses=serializers.OwnScenarioSerializer
    )
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, key: str) -> Response:
        return self._act(request, key, "resume")

    @extend_schema(
        summary="结束对接", parameters=[KEY], request=CommentSerializer, responses=serializers.OwnScenarioSerializer
    )
    @action(detail=True, methods=["post"])
    def close(self, request: Request, key: str) -> Response:
        return self._act(request, key, "close")


#: List step → service and the context it takes.
LIST_STEPS = {
    "freeze": (services.list_freeze, ()),
    "unfreeze": (services.list_unfreeze, ()),
    "send-to-approval": (services.list_send_to_approval, ()),
    "return": (services.list_return, ("comment",)),
    "approve": (services.list_approve, ("comment", "secrecy_reviewer_name")),
    "publish": (services.list_publish, ()),
    "archive": (services.list_archive, ()),
}


@extend_schema_view(
    list=extend_schema(summary="已发布的季度清单"),
    retrieve=extend_schema(summary="一份清单", parameters=[CODE]),
)
class QuarterlyListViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """季度需求清单。已发布的人人可读，发布后不再改变；更正见勘误。"""

    permission_classes = [PublicReadOrAuthenticated]
    serializer_class = serializers.QuarterlyListSerializer
    lookup_field = "code"
    lookup_value_regex = r"\d{4}Q[1-4](?:-\d+)?"

    def get_queryset(self) -> QuerySet[QuarterlyList]:
        return selectors.published_lists()

    def _object(self, code: str) -> QuarterlyList:
        return selectors.list_for(self.request.user, code)

    def retrieve(self, request: Request, code: str) -> Response:
        quarterly_list = self._object(code)
        quarterly_list.item_count = quarterly_list.items.count()
        return Response(self.get_serializer(quarterly_list).data)

    @extend_schema(
        summary="新建清单（征集）",
        request=serializers.QuarterlyListCreateSerializer,
        responses={201: serializers.QuarterlyListSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        serializer = serializers.QuarterlyListCreateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        quarterly_list = services.list_create(
            quarter=Quarter.parse(values["quarter"]),
            acting_user=request.user,
            title=values["title"],
            foreword=values["foreword"],
        )
        return Response(self.get_serializer(quarterly_list).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="清单条目：冻结文本、勘误与当前状态",
        parameters=[CODE],
        responses=serializers.ListItemSerializer(many=True),
        methods=["GET"],
    )
    @extend_schema(
        summary="从需求库选入条目",
        parameters=[CODE],
        request=serializers.ListItemsSerializer,
        responses={201: serializers.ListItemSerializer(many=True)},
        methods=["POST"],
    )
    @action(detail=True, methods=["get", "post"], pagination_class=None, filter_backends=[])
    def items(self, request: Request, code: str) -> Response:
        quarterly_list = self._object(code)
        if request.method == "POST":
            serializer = serializers.ListItemsSerializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            scenarios = [selectors.scenario_for(request.user, key) for key in serializer.validated_data["scenarios"]]
            services.list_add_items(
                list_id=quarterly_list.pk,
                scenario_ids=[scenario.pk for scenario in scenarios],
                acting_user=request.user,
            )
        items = selectors.list_items(quarterly_list)
        code_ = status.HTTP_201_CREATED if request.method == "POST" else status.HTTP_200_OK
        return Response(serializers.ListItemSerializer(items, many=True).data, status=code_)

    @extend_schema(
        summary="清单的下一步：冻结、解除冻结、送审、退回、批准、发布、归档",
        parameters=[
            CODE,
            OpenApiParameter("step", str, OpenApiParameter.PATH, enum=sorted(LIST_STEPS)),
        ],
        request=serializers.ListStepSerializer,
        responses=serializers.QuarterlyListSerializer,
    )
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<step>[a-z-]+)")
    def step(self, request: Request, code: str, step: str) -> Response:
        if step not in LIST_STEPS:
            raise ObjectNotFound()
        quarterly_list = self._object(code)
        serializer = serializers.ListStepSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        service, names = LIST_STEPS[step]
        extra: dict[str, Any] = {name: serializer.validated_data[name] for name in names}
        service(list_id=quarterly_list.pk, acting_user=request.user, **extra)
        return self.retrieve(request, code)

    @extend_schema(
        summary="草拟勘误，由另一位审批人批准后发布",
        parameters=[CODE],
        request=serializers.ErratumWriteSerializer,
        responses={201: serializers.ErratumDraftSerializer},
    )
    @action(detail=True, methods=["post"])
    def errata(self, request: Request, code: str) -> Response:
        quarterly_list = self._object(code)
        serializer = serializers.ErratumWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        item_id = None
        if values["item"]:
            item = quarterly_list.items.filter(number=values["item"]).first()
            if item is None:
                raise ObjectNotFound()
            item_id = item.pk
        draft = services.erratum_prepare(
            list_id=quarterly_list.pk,
            acting_user=request.user,
            item_id=item_id,
            field=values["field"],
            corrected_text=values["corrected_text"],
            reason=values["reason"],
        )
        return Response(serializers.ErratumDraftSerializer(draft).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="批准并发布另一人草拟的勘误",
        parameters=[CODE, OpenApiParameter("draft", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        request=CommentSerializer,
        responses={201: serializers.ErratumSerializer},
    )
    @action(detail=True, methods=["post"], url_path=r"errata/(?P<draft>[0-9a-f-]{36})/publish")
    def publish_erratum(self, request: Request, code: str, draft: str) -> Response:
        found = self._object(code).erratum_drafts.filter(public_id=identifier(draft)).first()
        if found is None:
            raise ObjectNotFound()
        serializer = CommentSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        erratum = services.erratum_publish(
            public_id=found.public_id, acting_user=request.user, comment=serializer.validated_data["comment"]
        )
        return Response(serializers.ErratumSerializer(erratum).data, status=status.HTTP_201_CREATED)
