# syntax=docker/dockerfile:1.7
# One image of all Java modules; the argument says which one runs: java @/app/user-svc.args

FROM maven:3.9.11-eclipse-temurin-25 AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/m2 MAVEN_OPTS=-Dmaven.repo.local=/m2 ./weft stage /app

FROM eclipse-temurin:25.0.3_9-jre-noble
# The folders are volumes: a new volume takes over whom its folder belongs to.
RUN groupadd --gid 10001 weft \
    && useradd --uid 10001 --gid weft --no-create-home --shell /usr/sbin/nologin weft \
    && install --directory --owner weft --group weft /data /secrets
COPY --from=build /app /app
COPY --chmod=755 docker/healthy /usr/local/bin/healthy
USER 10001:10001
WORKDIR /data
# Half of the container's memory for the heap, 64 MiB for buffers beside it (of the JVM, and of either Netty, which the
# JVM does not count); the rest is for code, classes and threads. Where a container has more than compose.yaml gives it, a
# command may say more before its arguments. Two processors, whatever the machine has: pools are sized by them.
ENTRYPOINT ["java", "-XX:MaxRAMPercentage=50", "-XX:MaxDirectMemorySize=64m", "-Dio.netty.maxDirectMemory=67108864", \
  "-Dio.grpc.netty.shaded.io.netty.maxDirectMemory=67108864", "-XX:ActiveProcessorCount=2", "-XX:+UseSerialGC", "-XX:-UsePerfData", \
  "-XX:+ExitOnOutOfMemoryError", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]
CMD ["@/app/cli.args", "--help"]
