"""/api/v1/openapi.json, generated from the endpoints once per process, and the page /api/docs."""

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
    """/api/docs: the API reference as a page. It loads no files from other servers."""

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return JsonResponse({"error": "Only GET is allowed."}, status=405)


class OpenApiDocument(ApiView):
    """The OpenAPI document. It needs no key; calls count against the per-IP limit."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def get(self, request: Request) -> Response:
        return Response(document() | {"servers": [{"url": settings.BASE_URL}]})


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document, without `servers`."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return schema
