"""The interactive page: one HTML file made of the sources that lie here, with the data that it shows."""

from .page import FILES, page, write_page

__all__ = ["FILES", "page", "write_page"]
