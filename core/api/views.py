"""Answers for addresses below the API's root that no route knows."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import ObjectNotFound


@extend_schema(exclude=True)
class UnknownAddress(APIView):
    """404 in the API's one error shape, instead of a page."""

    permission_classes = [AllowAny]

    def _refuse(self, request: Request, *args: str, **kwargs: str) -> Response:
        raise ObjectNotFound()

    get = post = put = patch = delete = _refuse
