package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * How long connections live and how they are kept alive. Seconds and minutes are read from what is
 * built: a test that waited for them would take as long.
 */
@Timeout(30)
class ConnectionLimitsTest {
  @Test
  void whoPingsWithoutPauseIsSentAway() throws Exception {
    try (Meshes meshes = new Meshes()) {
      MeshServer server = meshes.open("echo-svc").server(new Echo());
      server.start();
      try (RawHttp2 raw = new RawHttp2(server.port())) {
        raw.begin("weft.test.v1.EchoService/Watch");
        raw.awaitMessage();

        // Two that come too early are forgiven.
        assertThat(raw.ping(2)).isEmpty();
        assertThat(raw.ping(6)).contains("too_many_pings");
      }
    }
  }

  @Test
  void aServerAllowsPingsEveryTenSecondsAndEndsOldAndIdleConnections() throws Exception {
    NettyServerBuilder server = MeshServer.limited(NettyServerBuilder.forPort(0));

    assertThat(time(server, "permitKeepAliveTimeInNanos")).isEqualTo(Duration.ofSeconds(10));
    assertThat(time(server, "maxConnectionIdleInNanos")).isEqualTo(Duration.ofMinutes(5));
    assertThat(time(server, "maxConnectionAgeInNanos")).isEqualTo(Duration.ofMinutes(30));
    assertThat(time(server, "maxConnectionAgeGraceInNanos")).isEqualTo(Duration.ofSeconds(30));
  }

  @Test
  void aChannelFindsADeadPeerAndPingsNoMoreOftenThanServersAllow() throws Exception {
    NettyServerBuilder server = MeshServer.limited(NettyServerBuilder.forPort(0));
    try (Timer timer = new Timer()) {
      ManagedChannelBuilder<?> channel = channel(timer, true);

      assertThat(time(channel, "keepAliveTimeNanos"))
          .isEqualTo(Duration.ofSeconds(20))
          .isGreaterThan(time(server, "permitKeepAliveTimeInNanos"));
      assertThat(time(channel, "keepAliveTimeoutNanos")).isEqualTo(Duration.ofSeconds(5));
      assertThat(field(channel, "keepAliveWithoutCalls")).isEqualTo(false);
      assertThat((Map<?, ?>) field(channel, "channelOptions"))
          .anySatisfy(
              (option, value) -> {
                assertThat(option).isEqualTo(ChannelOption.CONNECT_TIMEOUT_MILLIS);
                assertThat(value).isEqualTo(1_000);
              });
    }
  }

  @Test
  void aChannelToAServiceThatIsNotOursPingsNoMoreOftenThanServersAllowByDefault() throws Exception {
    try (Timer timer = new Timer()) {
      assertThat(time(channel(timer, false), "keepAliveTimeNanos"))
          .isGreaterThan(time(NettyServerBuilder.forPort(0), "permitKeepAliveTimeInNanos"));
    }
  }

  private static ManagedChannelBuilder<?> channel(Timer timer, boolean ours) {
    List<ManagedChannelBuilder<?>> builders = new ArrayList<>();
    new OwnLoops()
        .open(
            "dns:///127.0.0.1:1",
            InsecureChannelCredentials.create(),
            builder -> builders.add(OutboundStack.limited(builder, timer, ours)))
        .shutdownNow();
    return builders.getFirst();
  }

  private static Duration time(Object builder, String name) throws ReflectiveOperationException {
    return Duration.ofNanos((long) field(builder, name));
  }

  // The builders tell nobody what they were told.
  private static Object field(Object builder, String name) throws ReflectiveOperationException {
    var field = builder.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field.get(builder);
  }
}
