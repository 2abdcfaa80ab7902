# The production image: base requirements only, no embedded servers, no compiler, not root.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements/base.txt requirements/base.txt
RUN pip install --require-hashes --no-deps -r requirements/base.txt && python -m compileall -q /usr/local/lib

COPY . .
# Static files need settings, and settings want to know that this is not an embedded installation.
RUN DATABASE_URL=postgresql://omnicrm_app@db/omnicrm SECRET_KEY=only-for-this-step \
    python manage.py collectstatic --noinput --verbosity 0 \
 && useradd --system --uid 10001 --home-dir /app omnicrm \
 && install -d -o omnicrm -g omnicrm /data /data/media
USER omnicrm

ENV OMNICRM_DATA=/data MEDIA_ROOT=/data/media BIND=0.0.0.0
VOLUME /data
EXPOSE 8000
# Any answer below 500 is a sign of life: ALLOWED_HOSTS need not know this machine's own name.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python", "-c", "import http.client as h; \
c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/livez'); exit(c.getresponse().status >= 500)"]
CMD ["gunicorn", "-c", "python:omnicrm.serving"]
