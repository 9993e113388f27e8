# Two images: "app" runs every part of PraxTalk but the front, "front" is Caddy with the static files.
#
#   docker build --target app -t praxtalk . && docker build --target front -t praxtalk-front .
#
# compose.yaml builds and runs both. For amd64 and arm64.
FROM python:3.13-slim-bookworm AS build
WORKDIR /srv/praxtalk
COPY requirements.lock manage.py ./
COPY deploy/install.sh deploy/
ENV PIP_NO_CACHE_DIR=1
RUN deploy/install.sh packages /srv
COPY praxtalk praxtalk
COPY accounts accounts
COPY brands brands
COPY conversations conversations
COPY integrations integrations
COPY leads leads
COPY reports reports
COPY data_requests data_requests
COPY widget widget
COPY templates templates
COPY static static
RUN deploy/install.sh files /srv

FROM python:3.13-slim-bookworm AS app
RUN useradd --system --uid 10001 --home-dir /nonexistent praxtalk && install -d -o praxtalk -m 0700 /data
COPY --from=build /srv /srv
WORKDIR /srv/praxtalk
ENV PATH=/srv/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 PORT=8000 DATA_DIR=/data STATIC_ROOT=/srv/static LOG_FORMAT=json
USER praxtalk
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "--only", "web"]

FROM caddy:2.11 AS front
COPY Caddyfile /etc/caddy/Caddyfile
COPY --from=build /srv/static /srv/static
ENV STATIC_ROOT=/srv/static STORAGE=/data/caddy
