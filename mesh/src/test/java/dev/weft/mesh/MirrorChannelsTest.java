package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.Consul;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The connections of mirrored calls; what becomes of the calls is in {@link FaultsTest}. */
@Timeout(60)
class MirrorChannelsTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();
  private static final String RULE = "{\"mirror\":{\"percent\":100,\"service\":\"shadow-svc\"}}";

  private final Meshes meshes = new Meshes();
  private final Echo echo = new Echo();
  private final Echo shadow = new Echo();
  private final FaultRules rules = new FaultRules();
  private final Timer timer = new Timer();
  private final Consul consul = Consul.connect(meshes.consul.config());
  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("caller-svc", "1"));
  private final List<ManagedChannel> opened = new CopyOnWriteArrayList<>();
  private final OutboundStack outbound =
      new OutboundStack(
          (target, credentials, settings) -> {
            ManagedChannel channel = new OwnLoops().open(target, credentials, settings);
            opened.add(channel);
            return channel;
          },
          consul,
          telemetry,
          timer,
          ServiceTokens.open(
              "caller-svc",
              new IdentityConfig(
                  "https://weft.example",
                  "weft",
                  "user-svc",
                  Optional.empty(),
                  Optional.empty(),
                  Duration.ZERO,
                  TlsConfig.OFF),
              InstantSource.system()),
          Optional.empty(),
          rules,
          "",
          Upstreams.NONE);

  @AfterEach
  void close() {
    outbound.close();
    consul.close();
    timer.close();
    telemetry.close();
    meshes.close();
  }

  private static void call(Channel channel) {
    assertThat(
            EchoServiceGrpc.newBlockingStub(channel)
                .withDeadlineAfter(Duration.ofSeconds(50))
                .write(REQUEST)
                .getText())
        .isEqualTo("a");
  }

  private void callUntilMirrored() {
    shadow.calls.set(0);
    await()
        .until(
            () -> {
              call(outbound.channel("echo-svc"));
              return shadow.calls.get() > 0;
            });
  }

  @Test
  void theyEndWithTheRuleAndThoseOfOthersWhoCallTheServiceDoNot() {
    meshes.open("echo-svc").server(echo).start();
    meshes.open("shadow-svc").server(shadow).start();
    call(outbound.channel("shadow-svc"));
    assertThat(opened).hasSize(1);
    rules.accept(Map.of(FaultRules.PREFIX + "echo-svc", RULE));
    callUntilMirrored();
    assertThat(opened).extracting(ManagedChannel::isShutdown).containsExactly(false, false, false);

    rules.accept(Map.of());

    assertThat(opened).extracting(ManagedChannel::isShutdown).containsExactly(false, false, true);
    call(outbound.channel("shadow-svc"));
    rules.accept(Map.of(FaultRules.PREFIX + "echo-svc", RULE));
    callUntilMirrored();
    assertThat(opened).hasSize(4);
  }
}
