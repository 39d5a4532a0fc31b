package dev.weft.mesh;

import dev.weft.consul.DiscoveryChain;
import dev.weft.consul.DiscoveryChain.Match;
import dev.weft.consul.DiscoveryChain.Node;
import dev.weft.consul.DiscoveryChain.Resolver;
import dev.weft.consul.DiscoveryChain.Router;
import dev.weft.consul.DiscoveryChain.Split;
import dev.weft.consul.DiscoveryChain.Splitter;
import dev.weft.consul.DiscoveryChain.Target;
import dev.weft.consul.Intention.PathMatch;
import dev.weft.mesh.Choice.Place;
import dev.weft.mesh.Choice.Repeat;
import io.grpc.Metadata;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A service's discovery chain, ready for calls: everything that can be decided beforehand is, and a
 * call costs the comparisons, one draw for each splitter on its way, and nothing to collect.
 *
 * <p>Conditions are read as Envoy does it, since operators write for Envoy: the first route that
 * matches counts; a condition on a parameter of the URL or on another method than POST is true of
 * no call; several headers of one name are one with commas.
 *
 * <p>Immutable and thread-safe.
 */
final class RouteTable {
  /** To all instances of the service itself, as the contract has it. */
  static final RouteTable PLAIN = new RouteTable(null, "");

  /** Ways through the chain; Consul's own interface shows a few dozen at most. */
  private static final int WAYS_MAX = 1_000;

  /** Services and datacenters, or subsets of them, of one chain: each is watched. */
  private static final int TARGETS_MAX = 32;

  private static final Logger log = LoggerFactory.getLogger(RouteTable.class);

  private final @Nullable Step start;
  private final String protocol;

  private RouteTable(@Nullable Step start, String protocol) {
    this.start = start;
    this.protocol = protocol;
  }

  /**
   * The way of a call through the chain.
   *
   * @param steps what was asked, in order
   * @param choice as {@link #choose} has it
   */
  record Way(List<Explanation.Step> steps, Optional<Choice> choice) {
    Way {
      steps = List.copyOf(steps);
    }
  }

  private sealed interface Step permits Rules, Shares, End {}

  /**
   * @param rules those that some call can match
   * @param said all that the chain has, for explanations
   */
  private record Rules(List<Rule> rules, List<Said> said) implements Step {
    /** Why each has the call, or has not. */
    Explanation.Routes explain(String path, Metadata headers) {
      List<Explanation.Route> routes = new ArrayList<>();
      boolean found = false;
      for (Said one : said) {
        String whyNot = one.whyNot(path, headers);
        boolean taken = whyNot.isEmpty() && !found;
        if (whyNot.isEmpty() && found) {
          whyNot = "a route before it has the call";
        }
        found |= taken;
        routes.add(new Explanation.Route(MatchText.of(one.match), taken, whyNot));
      }
      return new Explanation.Routes(routes);
    }
  }

  private record Rule(Predicate<String> path, List<Predicate<Metadata>> headers, Step next) {
    boolean matches(String called, Metadata metadata) {
      if (!path.test(called)) {
        return false;
      }
      for (Predicate<Metadata> header : headers) {
        if (!header.test(metadata)) {
          return false;
        }
      }
      return true;
    }
  }

  /**
   * A route as the chain has it.
   *
   * @param rule what became of it; null if no call can match it
   */
  private record Said(Match match, @Nullable Rule rule) {
    /** Empty if it matches. */
    String whyNot(String path, Metadata headers) {
      if (rule == null) {
        return match.byQuery()
            ? "a call of gRPC has no parameters in its URL"
            : "a call of gRPC is a POST";
      }
      if (!rule.path.test(path)) {
        return "the path is " + path;
      }
      for (int i = 0; i < rule.headers.size(); i++) {
        if (!rule.headers.get(i).test(headers)) {
          return "not so: " + MatchText.header(match.headers().get(i));
        }
      }
      return "";
    }
  }

  /**
   * @param upTo for each, the sum of its weight and those before it
   * @param nodes for each, its name in the chain
   */
  private record Shares(List<Double> upTo, List<Step> steps, List<String> nodes) implements Step {
    /**
     * @param drawn from 0 to less than 1
     */
    int at(double drawn) {
      double place = drawn * upTo.getLast();
      for (int i = 0; i < steps.size() - 1; i++) {
        if (place < upTo.get(i)) {
          return i;
        }
      }
      return steps.size() - 1;
    }

    Explanation.Shares explain(double drawn) {
      List<Explanation.Share> shares = new ArrayList<>();
      double before = 0;
      for (int i = 0; i < steps.size(); i++) {
        double percent = (upTo.get(i) - before) * 100 / upTo.getLast();
        shares.add(new Explanation.Share(percent, nodes.get(i), i == at(drawn)));
        before = upTo.get(i);
      }
      return new Explanation.Shares(shares, drawn * 100);
    }
  }

  private record End(Choice choice) implements Step {}

  /**
   * Reads a chain.
   *
   * @param places finds or makes the way to a target
   * @throws IllegalArgumentException if it leads nowhere, in circles, or to more than can be
   *     watched
   */
  static RouteTable of(DiscoveryChain chain, Function<Target, Place> places) {
    return isPlain(chain)
        ? PLAIN
        : new RouteTable(
            new Compiler(chain, places)
                .step(chain.start(), Optional.empty(), Optional.empty(), new LinkedHashSet<>()),
            chain.protocol());
  }

  private static boolean isPlain(DiscoveryChain chain) {
    if (!(chain.nodes().get(chain.start()) instanceof Resolver resolver)
        || !resolver.failover().isEmpty()) {
      return false;
    }
    Target target = chain.targets().get(resolver.target());
    return target != null
        && target.service().equals(chain.service())
        && target.datacenter().equals(chain.datacenter())
        && target.peer().isEmpty()
        && target.filter().isEmpty()
        && !target.onlyPassing();
  }

  /** Whether there is nothing to decide. */
  boolean isPlain() {
    return start == null;
  }

  /**
   * Decides about a call; empty if there is nothing to decide, or no route for it: then it goes to
   * the service itself.
   *
   * @param path of HTTP, {@code /package.Service/Method}
   */
  Optional<Choice> choose(String path, Metadata headers, RandomGenerator random) {
    Step step = start;
    while (step != null) {
      switch (step) {
        case Rules rules -> step = first(rules, path, headers);
        case Shares shares -> step = shares.steps.get(shares.at(random.nextDouble()));
        case End end -> {
          return Optional.of(end.choice);
        }
      }
    }
    return Optional.empty();
  }

  /** Of the chain; empty if there is nothing to decide. */
  String protocol() {
    return protocol;
  }

  /**
   * What {@link #choose} decides about a call, step by step.
   *
   * @param drawn what every splitter draws, from 0 to less than 1
   */
  Way explain(String path, Metadata headers, double drawn) {
    List<Explanation.Step> steps = new ArrayList<>();
    Step step = start;
    while (step != null) {
      switch (step) {
        case Rules rules -> {
          steps.add(rules.explain(path, headers));
          step = first(rules, path, headers);
        }
        case Shares shares -> {
          steps.add(shares.explain(drawn));
          step = shares.steps.get(shares.at(drawn));
        }
        case End end -> {
          return new Way(steps, Optional.of(end.choice));
        }
      }
    }
    return new Way(steps, Optional.empty());
  }

  private static @Nullable Step first(Rules rules, String path, Metadata headers) {
    for (Rule rule : rules.rules) {
      if (rule.matches(path, headers)) {
        return rule.next;
      }
    }
    return null;
  }

  /** Goes through the chain once for each way to a resolver. */
  private static final class Compiler {
    private final DiscoveryChain chain;
    private final Function<Target, Place> places;
    private int ways;

    Compiler(DiscoveryChain chain, Function<Target, Place> places) {
      this.chain = chain;
      this.places = places;
      if (chain.targets().size() > TARGETS_MAX) {
        throw new IllegalArgumentException(
            "targets: " + chain.targets().size() + " (expected: at most " + TARGETS_MAX + ")");
      }
    }

    Step step(
        String name, Optional<Duration> timeout, Optional<Repeat> repeat, Set<String> before) {
      if (++ways > WAYS_MAX) {
        throw new IllegalArgumentException("it has more than " + WAYS_MAX + " steps");
      }
      if (!before.add(name)) {
        throw new IllegalArgumentException("it leads in circles through " + name);
      }
      Step step =
          switch (node(name)) {
            case Router router -> rules(router, before);
            case Splitter splitter -> shares(splitter, timeout, repeat, before);
            case Resolver resolver -> new End(new Choice(places(resolver), timeout, repeat));
          };
      before.remove(name);
      return step;
    }

    private Node node(String name) {
      Node node = chain.nodes().get(name);
      if (node == null) {
        throw new IllegalArgumentException("there is no node " + name);
      }
      return node;
    }

    private Rules rules(Router router, Set<String> before) {
      List<Rule> rules = new ArrayList<>();
      List<Said> said = new ArrayList<>();
      for (DiscoveryChain.Route route : router.routes()) {
        if (!route.prefixRewrite().isEmpty()) {
          log.warn(
              "a route of {} is to rewrite paths to {}: calls of gRPC keep theirs",
              chain.service(),
              route.prefixRewrite());
        }
        Rule rule = null;
        if (isPossible(route.match())) {
          rule =
              new Rule(
                  path(route.match()),
                  route.match().headers().stream().map(IntentionRules::header).toList(),
                  step(route.next(), route.timeout(), Repeat.of(route.retries()), before));
          rules.add(rule);
        }
        said.add(new Said(route.match(), rule));
      }
      if (rules.isEmpty()) {
        throw new IllegalArgumentException("it has no route for any call");
      }
      return new Rules(List.copyOf(rules), List.copyOf(said));
    }

    private static boolean isPossible(Match match) {
      return !match.byQuery()
          && (match.methods().isEmpty() || match.methods().contains(IntentionRules.METHOD));
    }

    private static Predicate<String> path(Match match) {
      PathMatch wanted = match.path();
      if (!match.ignoreCase()) {
        return IntentionRules.path(wanted);
      }
      if (wanted.kind() == PathMatch.Kind.REGEX) {
        return IntentionRules.path(new PathMatch(wanted.kind(), "(?i)" + wanted.value()));
      }
      Predicate<String> lower =
          IntentionRules.path(
              new PathMatch(wanted.kind(), wanted.value().toLowerCase(Locale.ROOT)));
      return path -> lower.test(path.toLowerCase(Locale.ROOT));
    }

    private Shares shares(
        Splitter splitter,
        Optional<Duration> timeout,
        Optional<Repeat> repeat,
        Set<String> before) {
      List<Double> upTo = new ArrayList<>();
      List<Step> steps = new ArrayList<>();
      List<String> nodes = new ArrayList<>();
      double sum = 0;
      for (Split split : splitter.splits()) {
        if (split.weight() > 0) {
          sum += split.weight();
          upTo.add(sum);
          steps.add(step(split.next(), timeout, repeat, before));
          nodes.add(split.next());
        }
      }
      if (steps.isEmpty()) {
        throw new IllegalArgumentException("a splitter has no shares");
      }
      return new Shares(List.copyOf(upTo), List.copyOf(steps), List.copyOf(nodes));
    }

    private List<Place> places(Resolver resolver) {
      List<Place> found = new ArrayList<>();
      found.add(place(resolver.target()));
      for (String id : resolver.failover()) {
        if (target(id).peer().isEmpty()) {
          found.add(place(id));
        } else {
          log.warn(
              "{} is to fail over to the cluster {}, which cannot be called from here",
              chain.service(),
              target(id).peer());
        }
      }
      return found;
    }

    private Place place(String id) {
      Target target = target(id);
      if (!target.peer().isEmpty()) {
        throw new IllegalArgumentException("it leads to the other cluster " + target.peer());
      }
      return places.apply(target);
    }

    private Target target(String id) {
      Target target = chain.targets().get(id);
      if (target == null) {
        throw new IllegalArgumentException("there is no target " + id);
      }
      return target;
    }
  }
}
