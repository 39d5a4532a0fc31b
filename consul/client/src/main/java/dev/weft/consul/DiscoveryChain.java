package dev.weft.consul;

import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where the calls of a service go, as Consul compiled it out of all entries that have a say: from
 * the {@code start} node on to resolvers, and from these to targets. The names of nodes and targets
 * are Consul's own affair and mean nothing else.
 *
 * @param service whose calls
 * @param datacenter where it was compiled
 * @param protocol as {@code grpc}; {@code tcp} where nobody said it
 */
public record DiscoveryChain(
    String service,
    String datacenter,
    String protocol,
    String start,
    Map<String, Node> nodes,
    Map<String, Target> targets) {

  public DiscoveryChain {
    nodes = Map.copyOf(nodes);
    targets = Map.copyOf(targets);
  }

  /** One step of the way. */
  public sealed interface Node permits Router, Splitter, Resolver {}

  /**
   * By what the call is.
   *
   * @param routes the first that matches counts; the last one matches everything
   */
  public record Router(List<Route> routes) implements Node {
    public Router {
      routes = List.copyOf(routes);
    }
  }

  /**
   * By shares.
   *
   * @param splits their weights make 100 together
   */
  public record Splitter(List<Split> splits) implements Node {
    public Splitter {
      splits = List.copyOf(splits);
    }
  }

  /**
   * The end of the way.
   *
   * @param failover targets to take instead, in this order, while the first has no instance to call
   */
  public record Resolver(String target, List<String> failover) implements Node {
    public Resolver {
      failover = List.copyOf(failover);
    }
  }

  /**
   * A share.
   *
   * @param weight percent, to the hundredth
   * @param next a node
   */
  public record Split(double weight, String next) {}

  /**
   * What becomes of some calls.
   *
   * @param timeout of the whole call, with its retries
   * @param prefixRewrite what is to be written for the prefix of the path; without meaning for gRPC
   * @param next a node
   */
  public record Route(
      Match match,
      Optional<Duration> timeout,
      Retries retries,
      String prefixRewrite,
      String next) {}

  /**
   * Which calls: those with the path, all of the headers, and one of the methods.
   *
   * @param ignoreCase of the path
   * @param methods of HTTP, in capitals; empty for any
   * @param byQuery it asks for parameters of the URL, which a call of gRPC does not have
   */
  public record Match(
      PathMatch path,
      boolean ignoreCase,
      List<HeaderMatch> headers,
      List<String> methods,
      boolean byQuery) {
    /** Every call. */
    public static final Match ALL =
        new Match(new PathMatch(PathMatch.Kind.ANY, ""), false, List.of(), List.of(), false);

    public Match {
      headers = List.copyOf(headers);
      methods = List.copyOf(methods);
    }
  }

  /**
   * What is repeated, as far as it may be.
   *
   * @param times at most; 0 where nobody said
   * @param onConnectFailure when no connection could be made
   * @param onStatus of HTTP
   * @param on words of Envoy
   */
  public record Retries(
      int times, boolean onConnectFailure, List<Integer> onStatus, List<String> on) {
    /** Nobody said anything. */
    public static final Retries UNSAID = new Retries(0, false, List.of(), List.of());

    public Retries {
      onStatus = List.copyOf(onStatus);
      on = List.copyOf(on);
    }
  }

  /**
   * Some instances of a service.
   *
   * @param subset its name; empty for all
   * @param peer of another cluster, if it is not of this one
   * @param filter which instances, in Consul's language; empty for all
   * @param onlyPassing without those whose checks warn
   */
  public record Target(
      String service,
      String subset,
      String datacenter,
      String peer,
      String filter,
      boolean onlyPassing) {}
}
