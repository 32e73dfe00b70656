# pixelwise serve: docker build -t pixelwise . && docker run --rm -p 127.0.0.1:8000:8000 pixelwise
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends g++ make && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml CMakeLists.txt README.md LICENSE ./
COPY cpp cpp
COPY src src
RUN python -m venv /opt/pixelwise && /opt/pixelwise/bin/pip install --no-cache-dir ".[serve,openvino]"

FROM python:3.12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends fonts-dejavu-core && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --shell /usr/sbin/nologin pixelwise
COPY --from=build /opt/pixelwise /opt/pixelwise
ENV PATH=/opt/pixelwise/bin:$PATH PYTHONUNBUFFERED=1
USER pixelwise
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["pixelwise", "serve", "--host", "0.0.0.0", "--port", "8000"]
