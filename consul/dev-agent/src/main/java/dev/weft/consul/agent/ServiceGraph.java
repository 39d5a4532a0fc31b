package dev.weft.consul.agent;

import dev.weft.consul.agent.ChainCompiler.Place;
import dev.weft.consul.agent.DiscoveryChain.Overrides;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What must hold of the config entries of all services together. */
final class ServiceGraph {
  private static final List<String> KINDS =
      List.of(ServiceRouter.KIND, ServiceSplitter.KIND, ServiceResolver.KIND);

  /** Where a chain is has no influence on whether it is valid. */
  private static final Place ANYWHERE = new Place("dc1", "dc1", "any.consul");

  private ServiceGraph() {}

  /**
   * Compiles the chains of the services that a change concerns: its own, and those whose entries
   * name it.
   *
   * @param proposed the entry of that kind and name from now on; null if it goes
   * @throws ApiError if one of them would not be valid any more
   */
  static void requireValid(
      ConfigEntries entries, String kind, String name, @Nullable ConfigEntry proposed) {
    ChainCompiler.Entries changed =
        (otherKind, otherName) ->
            otherKind.equals(kind) && otherName.equals(name)
                ? proposed
                : entries.find(otherKind, otherName);
    for (String service : concerned(entries, kind, name)) {
      ChainCompiler.compile(changed, ANYWHERE, service, Overrides.NONE);
    }
  }

  /** The service itself first. */
  private static Set<String> concerned(ConfigEntries entries, String kind, String name) {
    Set<String> concerned = new LinkedHashSet<>();
    if (kind.equals(ServiceIntentions.KIND)) {
      return concerned;
    }
    boolean all = kind.equals(ProxyDefaults.KIND);
    Set<String> others = new TreeSet<>();
    for (String other : KINDS) {
      for (ConfigEntries.Stored stored : entries.list(other)) {
        if (all || stored.entry().services().contains(name)) {
          others.add(stored.entry().name());
        }
      }
    }
    if (!all) {
      concerned.add(name);
    }
    concerned.addAll(others);
    return concerned;
  }
}
