package dev.weft.consul;

import dev.weft.consul.LastKnown.Page;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;

/**
 * Where the calls of each service go, as Consul compiled it.
 *
 * <p>The newest answer of the agent counts whole; while it cannot be reached, the last one stands.
 * An agent without Connect, or older than the chain, has none and that is no error. Thread-safe.
 */
public final class DiscoveryChains {
  /** What an agent says to this and everything else of Connect where that is off. */
  private static final String OFF = "Connect must be enabled";

  private final ConsulHttp http;
  private final SharedWatches<DiscoveryChain, Optional<DiscoveryChain>> watches;

  DiscoveryChains(ConsulHttp http, Semaphore slots) {
    this.http = http;
    watches =
        new SharedWatches<>(
            service ->
                new Watch<>(
                    "the discovery chain of " + service,
                    (index, wait) -> poll(service, index, wait),
                    LastKnown.whole(Page::none),
                    view -> view.answered() ? Optional.ofNullable(view.entries().get("")) : null,
                    slots));
  }

  /**
   * The chain of the service right now; empty if the agent has no chains. A service that nobody
   * says anything about has one that leads to all of its instances.
   */
  public Optional<DiscoveryChain> get(String service) {
    Answer answer = http.get(path(service));
    return absent(answer)
        ? Optional.empty()
        : Optional.of(answer.require(200).read(DiscoveryChainWire::chain));
  }

  /**
   * Calls the listener with the chain from the agent's first answer on, and after each change of
   * it. Threads as for {@link Consul#watchService}.
   */
  public Subscription watch(String service, Consumer<Optional<DiscoveryChain>> listener) {
    return watches.subscribe(service, listener);
  }

  private Page<DiscoveryChain> poll(String service, long index, Duration wait) {
    Answer answer = http.poll(path(service), index, wait);
    if (absent(answer)) {
      // It answers at once, however often it is asked. What a chain is made of blocks.
      Answer entries = http.poll("/v1/config/service-resolver", index, wait).require(200);
      return new Page<>(Map.of(), entries.requireIndex(), entries.doubtful());
    }
    DiscoveryChain chain = answer.require(200).read(DiscoveryChainWire::chain);
    return new Page<>(Map.of("", chain), answer.requireIndex(), answer.doubtful());
  }

  private static boolean absent(Answer answer) {
    return answer.status() == 404 || (answer.status() != 200 && answer.body().contains(OFF));
  }

  private static String path(String service) {
    return "/v1/discovery-chain/" + ConsulHttp.segment(service);
  }

  void close() {
    watches.close();
  }
}
