"""Models of brands and of which operators see them. Import them from this package."""

from brands.models.brands import ALPHANUMERIC, MAX_DOMAINS, Brand, OperatorBrand, new_widget_id

__all__ = ["ALPHANUMERIC", "MAX_DOMAINS", "Brand", "OperatorBrand", "new_widget_id"]
