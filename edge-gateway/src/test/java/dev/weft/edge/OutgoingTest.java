package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class OutgoingTest {
  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final Outgoing parts = new Outgoing(channel, bytes -> bytes);

  @Test
  void sendsSmallPartsThatComeTogetherAsOne() {
    parts.part("a".getBytes(UTF_8));
    parts.part("b".getBytes(UTF_8));
    assertThat(sent()).isEmpty();

    channel.runPendingTasks();
    assertThat(sent()).containsExactly("ab");

    parts.part("c".getBytes(UTF_8));
    channel.runPendingTasks();
    assertThat(sent()).containsExactly("c");
  }

  @Test
  void sendsALargePartByItselfBehindTheSmallOnesBeforeIt() {
    String large = "x".repeat(16 * 1024);
    parts.part("a".getBytes(UTF_8));
    parts.part(large.getBytes(UTF_8));
    parts.part("b".getBytes(UTF_8));
    channel.runPendingTasks();

    assertThat(sent()).containsExactly("a", large, "b");
  }

  @Test
  void keepsBackNoMoreThanALargePart() {
    String some = "x".repeat(1024);
    for (int i = 0; i < 40; i++) {
      parts.part(some.getBytes(UTF_8));
    }
    channel.runPendingTasks();

    assertThat(sent()).allMatch(part -> part.length() <= 16 * 1024).hasSizeGreaterThan(2);
  }

  @Test
  void letsGoOfWhatComesWhenTheChannelIsClosed() {
    List<ByteBuf> frames = new ArrayList<>();
    Outgoing late =
        new Outgoing(
            channel,
            bytes -> {
              frames.add(bytes);
              return bytes;
            });
    var _ = channel.close();
    late.part("a".getBytes(UTF_8));
    channel.runPendingTasks();

    assertThat(frames).singleElement().matches(bytes -> bytes.refCnt() == 0);
  }

  private List<String> sent() {
    List<String> sent = new ArrayList<>();
    for (ByteBuf bytes = channel.readOutbound(); bytes != null; bytes = channel.readOutbound()) {
      sent.add(bytes.toString(UTF_8));
      bytes.release();
    }
    return sent;
  }
}
