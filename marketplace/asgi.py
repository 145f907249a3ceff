"""Entry of the web processes: the front, and Django's WSGI application behind it."""

# The WSGI module sets Django up, and must come before everything that imports models.
from marketplace.wsgi import application as pages  # isort: skip

from django.conf import settings

from marketplace.front import Front

application = Front(pages, page_threads=settings.PAGE_THREADS, upload_threads=settings.UPLOAD_THREADS)
