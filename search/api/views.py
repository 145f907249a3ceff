"""`/api/v1/search/`: the results page's answer as data."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.permissions import PublicReadOrAuthenticated
from search import services
from search.enums import SearchKind


class SegmentSerializer(serializers.Serializer):
    text = serializers.CharField()
    marked = serializers.BooleanField()


class OptionSerializer(serializers.Serializer):
    value = serializers.CharField()
    label = serializers.CharField()
    count = serializers.IntegerField(allow_null=True)
    selected = serializers.BooleanField()


class FacetSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()
    options = OptionSerializer(many=True)


class FoundSerializer(serializers.Serializer):
    """One result: its key, and its title and excerpt cut into segments (marked = what was searched for)."""

    key = serializers.SerializerMethodField()
    title = SegmentSerializer(many=True)
    excerpt = SegmentSerializer(many=True)

    def get_key(self, item: services.Item) -> str:
        return getattr(item.obj, "key", None) or item.obj.code


class SearchPageSerializer(serializers.Serializer):
    kind = serializers.CharField()
    text = serializers.CharField()
    sort = serializers.CharField()
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    page_size = serializers.IntegerField()
    degraded = serializers.BooleanField(help_text="检索引擎不可用，由数据库简化检索")
    relaxed = serializers.BooleanField(help_text="没有同时含有全部词的结果，已放宽")
    facets = FacetSerializer(many=True)
    items = FoundSerializer(many=True)


class SearchView(APIView):
    """检索需求、能力、揭榜任务与清单；可见范围由登录身份决定。"""

    permission_classes = [PublicReadOrAuthenticated]
    throttle_scope = "search"

    @extend_schema(
        summary="检索",
        parameters=[
            OpenApiParameter("q", str, description="检索词，最多 300 字"),
            OpenApiParameter("kind", str, enum=SearchKind.values),
            OpenApiParameter("sort", str, enum=sorted(services.SORTS)),
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int, enum=services.PAGE_SIZES),
            *[OpenApiParameter(name, str, many=True) for name in services.FACET_LABELS],
        ],
        responses=SearchPageSerializer,
    )
    def get(self, request: Request) -> Response:
        given = request.query_params
        page = services.search(
            kind=given.get("kind", SearchKind.SCENARIO),
            viewer=request.user,
            text=given.get("q", ""),
            filters={name: given.getlist(name) for name in services.FACET_LABELS if name in given},
            sort=given.get("sort", ""),
            page=given.get("page", 1),
            page_size=given.get("page_size", 20),
        )
        return Response(SearchPageSerializer(page).data)


class SuggestionSerializer(serializers.Serializer):
    text = serializers.CharField()


class SuggestView(APIView):
    """输入提示：汉字前缀、拼音或首字母。"""

    permission_classes = [PublicReadOrAuthenticated]
    throttle_scope = "search"

    @extend_schema(
        summary="输入提示",
        parameters=[
            OpenApiParameter("q", str, required=True),
            OpenApiParameter("kind", str, enum=SearchKind.values),
        ],
        responses=SuggestionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        texts: list[Any] = services.suggest(
            kind=request.query_params.get("kind", SearchKind.SCENARIO),
            viewer=request.user,
            text=request.query_params.get("q", ""),
        )
        return Response([{"text": str(text)} for text in texts])
