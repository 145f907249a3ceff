"""Numbered pages with a total, as the list pages have them."""

from rest_framework.pagination import PageNumberPagination


class NumberedPages(PageNumberPagination):
    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
