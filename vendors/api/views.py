"""`/api/v1/vendors/` and `/api/v1/capabilities/`: interfaces to this app's selectors and services."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.idempotency import idempotent
from core.api.permissions import PublicReadOrAuthenticated
from core.api.serializers import CommentSerializer
from core.errors import ObjectNotFound
from vendors import selectors, services
from vendors.api import serializers
from vendors.models import Capability, VendorProfile

KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="编号（C000123）或 UUID")


@extend_schema_view(list=extend_schema(summary="有上架能力的供给方"), retrieve=extend_schema(summary="一家供给方"))
class VendorViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """供给方。"""

    permission_classes = [PublicReadOrAuthenticated]
    serializer_class = serializers.VendorSerializer
    queryset = VendorProfile.objects.none()
    lookup_field = "public_id"
    lookup_value_converter = "uuid"
    lookup_value_regex = r"[0-9a-f-]{36}"

    def get_queryset(self) -> QuerySet[VendorProfile]:
        return selectors.public_vendors()

    def retrieve(self, request: Request, public_id: str) -> Response:
        return Response(self.get_serializer(selectors.vendor_for(request.user, public_id)).data)


class CapabilityFilter(filters.FilterSet):
    category = filters.CharFilter(method="in_branch", label="领域代码，含下级")

    class Meta:
        model = Capability
        fields = ("state", "serves_whole_province")

    def in_branch(self, queryset: QuerySet, _name: str, value: str) -> QuerySet:
        return queryset.filter(category__code=value) | queryset.filter(category__code__startswith=f"{value}.")


#: Step → the service's action.
STEPS = ("list", "edit", "withdraw", "suspend", "resume", "extend")


@extend_schema_view(list=extend_schema(summary="可见的能力，新的在前"))
class CapabilityViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """场景能力。上架的人人可读；其余按机构与职责可见。"""

    permission_classes = [PublicReadOrAuthenticated]
    serializer_class = serializers.CapabilitySerializer
    filterset_class = CapabilityFilter
    filter_backends = [filters.DjangoFilterBackend]
    lookup_field = "key"
    lookup_value_regex = r"[0-9A-Za-z-]{6,40}"

    def get_queryset(self) -> QuerySet[Capability]:
        rows = selectors.with_relations(selectors.visible_to(self.request.user))
        return rows.prefetch_related("tags", "service_regions", "members", "cases__confirmations").order_by("-pk")

    def _object(self, key: str) -> Capability:
        return selectors.capability_for(self.request.user, key)

    def _answer(self, capability: Capability, code: int = status.HTTP_200_OK) -> Response:
        return Response(self.get_serializer(self._object(str(capability.public_id))).data, status=code)

    @extend_schema(summary="一项能力", parameters=[KEY])
    def retrieve(self, request: Request, key: str) -> Response:
        return self._answer(self._object(key))

    def _values(self, request: Request, *, partial: bool) -> tuple[dict[str, Any], int | None]:
        serializer = serializers.CapabilityWriteSerializer(data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        return values, values.pop("expected_version", None)

    @extend_schema(
        summary="新建草稿",
        request=serializers.CapabilityWriteSerializer,
        responses={201: serializers.CapabilitySerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        values, _version = self._values(request, partial=False)
        capability = services.capability_create(acting_user=request.user, values=values)
        return self._answer(capability, status.HTTP_201_CREATED)

    @extend_schema(
        summary="修改草稿或被退回的能力",
        parameters=[KEY],
        request=serializers.CapabilityWriteSerializer,
        responses=serializers.CapabilitySerializer,
    )
    def partial_update(self, request: Request, key: str) -> Response:
        capability = self._object(key)
        values, version = self._values(request, partial=True)
        services.capability_save(
            capability_id=capability.pk, acting_user=request.user, values=values, expected_version=version
        )
        return self._answer(capability)

    @extend_schema(summary="提交核验", parameters=[KEY], request=None, responses=serializers.CapabilitySerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, key: str) -> Response:
        capability = self._object(key)
        services.capability_submit(capability_id=capability.pk, acting_user=request.user)
        return self._answer(capability)

    @extend_schema(
        summary="核验通过并上架",
        parameters=[KEY],
        request=CommentSerializer,
        responses=serializers.CapabilitySerializer,
    )
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, key: str) -> Response:
        capability = self._object(key)
        serializer = CommentSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        services.capability_verify(
            capability_id=capability.pk, acting_user=request.user, comment=serializer.validated_data["comment"]
        )
        return self._answer(capability)

    @extend_schema(
        summary="退回补充，一次性告知",
        parameters=[KEY],
        request=serializers.CapabilityReturnSerializer,
        responses=serializers.CapabilitySerializer,
    )
    @action(detail=True, methods=["post"], url_path="return")
    def send_back(self, request: Request, key: str) -> Response:
        capability = self._object(key)
        serializer = serializers.CapabilityReturnSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        services.capability_return(capability_id=capability.pk, acting_user=request.user, **serializer.validated_data)
        return self._answer(capability)

    @extend_schema(
        summary="上架、撤下修改、下架、暂停、恢复、续期",
        parameters=[KEY, OpenApiParameter("step", str, OpenApiParameter.PATH, enum=list(STEPS))],
        request=CommentSerializer,
        responses=serializers.CapabilitySerializer,
    )
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<step>[a-z]+)")
    def step(self, request: Request, key: str, step: str) -> Response:
        if step not in STEPS:
            raise ObjectNotFound()
        capability = self._object(key)
        serializer = CommentSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        services.capability_act(
            capability_id=capability.pk,
            action=step,
            acting_user=request.user,
            comment=serializer.validated_data["comment"],
        )
        return self._answer(capability)
