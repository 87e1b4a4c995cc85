# facewarden on the CPU; build in the repository: docker build -t facewarden .
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/facewarden
ENV PATH=/opt/facewarden/bin:$PATH
COPY constraints.txt ./
# torch first and alone: whatever asks for torchvision would otherwise bring a CUDA build of several gigabytes
ARG TORCH_INDEX=""
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} -c constraints.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN pip install -c constraints.txt ".[onnx,serve]"

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 facewarden \
    && install --directory --owner=facewarden /data /runs
COPY --from=build /opt/facewarden /opt/facewarden
ENV PATH=/opt/facewarden/bin:$PATH OMP_WAIT_POLICY=PASSIVE FACEWARDEN_HOME=/data/cache
USER 10001
WORKDIR /runs
VOLUME ["/data", "/runs"]
COPY --chmod=755 deploy/health.sh /usr/local/bin/facewarden-health
# a container that serves is asked for its readiness, any other one for its parts
HEALTHCHECK --interval=60s --timeout=50s --start-period=60s --retries=3 CMD ["facewarden-health"]
ENTRYPOINT ["facewarden"]
CMD ["doctor"]
