"""GET /api/v1/ping, GET /api/v1/brands"""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from brands.models import Brand
from brands.serializers import BrandList, Pong, brand_json
from praxtalk.api.pagination import Keyset
from praxtalk.api.serializers import Page, Shape
from praxtalk.api.view import ApiView

OLDEST_FIRST = Keyset("brands", ("id",), lambda brand: [str(brand.pk)], lambda key: key)


class Ping(ApiView):
    @extend_schema(operation_id="ping", summary="Check a key", tags=["Health"], responses=Pong)
    def get(self, request: Request) -> Response:
        self.parameters(Shape)
        return Response({"ok": True, "workspaceId": str(self.key.workspace_id)})


class Brands(ApiView):
    @extend_schema(
        operation_id="listBrands", summary="List brands", tags=["Brands"], parameters=[Page], responses=BrandList
    )
    def get(self, request: Request) -> Response:
        query = self.parameters(Page)
        brands = Brand.objects.filter(workspace_id=self.key.workspace_id)
        if self.key.brand_id:
            brands = brands.filter(pk=self.key.brand_id)
        return self.page_of(OLDEST_FIRST, brands, query, name="brands", as_json=brand_json)
