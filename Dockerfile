# One image with all programs; which one runs is the command's to say. No shell, no package manager, not root; the
# root file system may be read-only.
#
#   docker build -t websub .
#   docker run --rm websub websub-hub --help

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY deploy/install-dependencies deploy/
RUN deploy/install-dependencies ca-certificates python3-minimal && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt CMakePresets.json README.md CHANGELOG.md SECURITY.md ./
COPY cmake cmake
COPY common common
COPY hub hub
COPY consolidator consolidator
COPY dispatcher dispatcher
COPY client client
COPY docs docs
COPY deploy deploy
ARG SOURCE_DATE_EPOCH=0
RUN cmake --preset release -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX=/opt/websub \
    -DCMAKE_C_FLAGS=-ffile-prefix-map=/src=. && \
    cmake --build build/release && cmake --install build/release && \
    deploy/image/collect /opt/websub /image

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="websub" \
      org.opencontainers.image.description="A WebSub hub that loses no message, on Apache Kafka" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.base.name="debian:bookworm-slim"
COPY --from=build /image /
USER 65532:65532
ENV WEBSUB_HUB_LISTEN_ADDRESS=0.0.0.0 \
    WEBSUB_CONSOLIDATOR_LISTEN_ADDRESS=0.0.0.0 \
    WEBSUB_DISPATCHER_LISTEN_ADDRESS=0.0.0.0
EXPOSE 9191 9192 9193
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["/usr/bin/websub", "health", "http://127.0.0.1:9191/readyz"]
CMD ["/usr/bin/websub-hub"]
