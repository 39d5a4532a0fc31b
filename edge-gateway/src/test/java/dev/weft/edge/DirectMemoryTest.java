package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What {@code ./weft up} and the images start an edge with bounds the memory of its buffers: which
 * of the flags does so depends on Netty, the JVM and what of it Netty may use.
 */
@Timeout(60)
class DirectMemoryTest {
  private static final int MEGABYTES = 16;

  /** Takes buffers of a megabyte for as long as it gets them, and prints how many. */
  static final class Taker {
    private static final int ENOUGH = 8 * MEGABYTES;

    public static void main(String[] arguments) {
      List<ByteBuf> taken = new ArrayList<>();
      try {
        while (taken.size() < ENOUGH) {
          taken.add(ByteBufAllocator.DEFAULT.directBuffer(1 << 20));
        }
      } catch (OutOfMemoryError _) {
        // Of the buffers, not of the heap.
      }
      System.out.println(taken.size());
    }
  }

  @Test
  void hasABound() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:MaxDirectMemorySize=" + MEGABYTES + "m",
                "-Dio.netty.maxDirectMemory=" + (MEGABYTES << 20),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"),
                Taker.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();

    String said = new String(process.getInputStream().readAllBytes(), UTF_8).strip();

    assertThat(process.waitFor()).isZero();
    assertThat(Integer.parseInt(said.lines().toList().getLast())).isBetween(1, MEGABYTES);
  }
}
