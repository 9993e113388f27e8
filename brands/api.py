"""REST endpoint /api/v1/brands."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from brands.models import Brand
from brands.serializers import BrandList, brand_json
from praxtalk.core.api.pagination import Keyset
from praxtalk.core.api.serializers import PageQuery
from praxtalk.core.api.view import ApiView

OLDEST_FIRST = Keyset("brands", ("id",), lambda brand: [str(brand.pk)])


class Brands(ApiView):
    @extend_schema(
        operation_id="listBrands", summary="List brands", tags=["Brands"], parameters=[PageQuery], responses=BrandList
    )
    def get(self, request: Request) -> Response:
        query = self.parameters(PageQuery)
        rows = self.in_scope(Brand.objects.all(), brand_field="pk")
        return self.paginated_response(OLDEST_FIRST, rows, query, name="brands", as_json=brand_json)


def brand_in_scope(view: ApiView, brand_id: str | None) -> Brand | None:
    """Return the brand with this id, None without an id. Raises NotFound (404) and OtherBrand (403)."""
    return view.get_in_scope(Brand.objects.all(), brand_id, brand_field="pk") if brand_id else None
