"""The shop's pictures, drawn by code: one still life for each product, and wide scenes for heroes and banners."""

from .scenes import SCENES, scene
from .still import DRAWINGS, product_picture

__all__ = ["DRAWINGS", "SCENES", "product_picture", "scene"]
