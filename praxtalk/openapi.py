"""/api/v1/openapi.json: made once in a process, from the endpoints themselves."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import JsonResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from praxtalk.core.api.view import ApiView


class ApiDocs(SpectacularSwaggerSplitView):
    """/api/docs: the reference as a page, from this server alone."""

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return JsonResponse({"error": "This page is read with GET."}, status=405)


class OpenApiDocument(ApiView):
    """Public; counted per IP like every call."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def get(self, request: Request) -> Response:
        return Response(document() | {"servers": [{"url": settings.BASE_URL}]})


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document, without servers."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made
