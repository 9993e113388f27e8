"""Brands, and which operators see them. They are imported from here."""

from brands.models.brands import ALPHANUMERIC, Brand, OperatorBrand, new_widget_id

__all__ = ["ALPHANUMERIC", "Brand", "OperatorBrand", "new_widget_id"]
