package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Env;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RabbitConfigTest {
  @Test
  void readsAnAddress() {
    RabbitConfig config =
        RabbitConfig.parse("amqps://we%2Fft:s%40+cret@broker.example:5999/sh%2Fop");
    assertThat(config)
        .isEqualTo(new RabbitConfig(true, "broker.example", 5999, "sh/op", "we/ft", "s@+cret"));
    assertThat(RabbitConfig.parse("amqp://a:b@h"))
        .isEqualTo(new RabbitConfig(false, "h", 5672, "/", "a", "b"));
    assertThat(RabbitConfig.parse("amqps://a:b@h/").port()).isEqualTo(5671);
  }

  @Test
  void neverShowsThePassword() {
    assertThat(RabbitConfig.parse("amqp://weft:s3cret@h/v").toString())
        .isEqualTo("amqp://weft@h:5672/v");
    for (String wrong : new String[] {"http://weft:s3cret@h/", "amqp://weft:s3 cret@h", "s3cret"}) {
      assertThatThrownBy(
              () -> EventTransports.from(Env.of(Map.of("WEFT_EVENTS_URL", wrong)), "order-svc"))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("WEFT_EVENTS_URL")
          .hasMessageNotContaining("s3");
    }
  }

  @Test
  void theAddressDecidesWhichWayEventsTravel() {
    assertThat(EventTransports.from(Env.of(Map.of()), "order-svc")).hasToString("gRPC");
    assertThat(
            EventTransports.from(Env.of(Map.of("WEFT_EVENTS_URL", "amqp://a:b@h/v")), "order-svc"))
        .hasToString("amqp://a@h:5672/v");
  }
}
