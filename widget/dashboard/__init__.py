"""The dashboard's pages of brands: how their widget looks, what it says, and where it stands."""

from brands.models import Brand
from praxtalk.core.dashboard.site import dashboard
from widget.dashboard.brands import BrandAdmin

dashboard.register(Brand, BrandAdmin)
