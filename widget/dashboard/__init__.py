"""Dashboard pages for brands: the appearance and texts of their widget, and the sites that embed it."""

from brands.models import Brand
from praxtalk.core.dashboard.site import dashboard
from widget.dashboard.brands import BrandAdmin

dashboard.register(Brand, BrandAdmin)
