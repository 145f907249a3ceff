# One image for web, workers and beat; `compose.yaml` says which runs what. Checked by tests/production/test_images.py,
# not by a container build (docs/operations.md).

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt /app/requirements.txt
RUN /venv/bin/pip install -r /app/requirements.txt
COPY . /app
WORKDIR /app
# The browser's half of sealed bids; Node lives in an environment of its own that stays behind.
RUN python -m venv /node \
    && /node/bin/python challenges/frontend/build.py /build/frontend/sealing --required \
    && rm -r challenges/frontend/node_modules
# The static files need no server: they are gathered under the embedded profile, whose storage is the same.
RUN DJANGO_SETTINGS_MODULE=marketplace.settings.dev MARKETPLACE_VAR_DIR=/build \
    /venv/bin/python manage.py collectstatic --noinput \
    && /venv/bin/python -m compileall -q /app

FROM python:3.11-slim-bookworm
# PDF is typeset with Pango and the system's Chinese fonts.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent marketplace \
    && install -d -o marketplace -g marketplace /app/var
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build --chown=marketplace:marketplace /build/static /app/static
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=marketplace.settings.prod \
    DJANGO_STATIC_ROOT=/app/static MARKETPLACE_VAR_DIR=/app/var
USER marketplace
EXPOSE 8000
VOLUME ["/app/var"]
CMD ["python", "-m", "marketplace.web_server", "--interface", "asgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--no-ws", "--log-level", "warning", "--respawn-failed-workers", "--workers-kill-timeout", "30", "--metrics", "--metrics-address", "0.0.0.0", "--metrics-port", "9090", "marketplace.asgi:application"]
