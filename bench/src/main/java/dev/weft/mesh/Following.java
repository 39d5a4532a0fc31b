package dev.weft.mesh;

import dev.weft.bench.Heap;
import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A process that follows services as one does that calls them, but without connections to their
 * instances. It does what the lines say that it reads, answers each with one, and ends with them:
 * {@code follow NAME…} answers how many instances it knows of all that it follows, once it knows
 * some of each, a minute at most; {@code heap} answers with the bytes in use.
 */
public final class Following {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final Duration LOOK_EVERY = Duration.ofMillis(20);

  private Following() {}

  /** Runs it; the argument is where the registry is. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    List<Pool> followed = new ArrayList<>();
    try (Consul consul = Consul.connect(ConsulConfig.of(arguments[0], Optional.empty()));
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        List<String> words = List.of(line.split(" ", -1));
        switch (words.getFirst()) {
          case "follow" -> {
            for (String service : words.subList(1, words.size())) {
              Pool pool = new Pool(consul, service, "", "", Optional.empty());
              pool.use();
              followed.add(pool);
            }
            System.out.println(known(followed));
          }
          case "heap" -> System.out.println(Heap.used());
          default -> throw new IllegalArgumentException(line + " (expected: follow or heap)");
        }
      }
    }
  }

  private static int known(List<Pool> followed) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (followed.stream().anyMatch(pool -> pool.view().all().list().isEmpty())) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException("the registry does not have all of the services");
      }
      Thread.sleep(LOOK_EVERY);
    }
    return followed.stream().mapToInt(pool -> pool.view().all().list().size()).sum();
  }
}
