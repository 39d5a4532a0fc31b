package dev.weft.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.weft.consul.ConfigEntry;
import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.ConsulException;
import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceRegistration;
import java.io.IOException;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code ./weft split}. Writes by compare-and-set what Consul needs for shares, and shows it; what
 * others wrote in the same entries stays.
 */
@Command(
    name = "split",
    description = {
      "Gives each version of a service its share of the calls, from the next call on. Writes the"
          + " registry's service-defaults (protocol grpc) and service-resolver (a subset for each"
          + " version, by its Meta) as far as they do not say it yet, and the service-splitter."
    },
    mixinStandardHelpOptions = true)
final class SplitCommand implements Callable<Integer> {
  private static final String DEFAULTS = "service-defaults";
  private static final String RESOLVER = "service-resolver";
  private static final String SPLITTER = "service-splitter";
  private static final Pattern SERVICE = Pattern.compile("[a-z][a-z0-9-]{0,62}");

  /** As Consul has it for subsets. */
  private static final Pattern SUBSET = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");

  private static final Set<String> SPLITTABLE = Set.of("grpc", "http", "http2");
  private static final Pattern SHARE = Pattern.compile("([^=]+)=(\\d{1,3}(?:\\.\\d{1,2})?)");
  private static final BigDecimal WHOLE = BigDecimal.valueOf(100);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Function<Optional<Path>, ConsulConfig> registry;

  @Parameters(index = "0", paramLabel = "SERVICE", description = "Whose calls.")
  private String service = "";

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "VERSION=PERCENT",
      description =
          "The share of the instances whose WEFT_VERSION it is; together 100, to the hundredth.")
  private List<String> said = List.of();

  @Option(
      names = "--off",
      description = "Remove the splitter: calls go to all instances again, whatever their version.")
  private boolean off;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  /**
   * An entry to write.
   *
   * @param index of the one that was read; 0 for none
   * @param changed whether it says something new
   */
  private record Draft(String kind, long index, ObjectNode entry, boolean changed) {}

  SplitCommand(Function<Optional<Path>, ConsulConfig> registry) {
    this.registry = registry;
  }

  @Override
  public Integer call() {
    Map<String, BigDecimal> shares = checked();
    try (Consul consul = Consul.connect(registry.apply(system.state()))) {
      if (off) {
        remove(consul);
      } else {
        write(consul, shares);
      }
    } catch (ConsulException e) {
      throw new Trouble(
          e.status() == 0 ? Trouble.NOT_RUNNING : Trouble.FAILED, String.valueOf(e.getMessage()));
    }
    return 0;
  }

  private Map<String, BigDecimal> checked() {
    if (!SERVICE.matcher(service).matches()) {
      throw wrong(service + " is no name of a service: lower-case letters, digits and hyphens");
    }
    if (off != said.isEmpty()) {
      throw wrong(off ? "--off takes no shares" : "which shares? such as v1=90 v2=10, or --off");
    }
    Map<String, BigDecimal> shares = new LinkedHashMap<>();
    BigDecimal sum = BigDecimal.ZERO;
    for (String share : said) {
      Matcher parts = SHARE.matcher(share);
      if (!parts.matches()) {
        throw wrong(share + " is no share (expected: VERSION=PERCENT, 0 to 100, such as v2=12.5)");
      }
      String version = parts.group(1);
      if (!SUBSET.matcher(version).matches()) {
        throw wrong(
            version
                + " is no version that Consul takes for a subset: lower-case letters, digits and"
                + " hyphens");
      }
      BigDecimal percent = new BigDecimal(parts.group(2));
      if (shares.put(version, percent) != null) {
        throw wrong(version + " has two shares");
      }
      sum = sum.add(percent);
    }
    if (!off && sum.compareTo(WHOLE) != 0) {
      throw wrong("the shares make " + sum.toPlainString() + " together (expected: 100)");
    }
    return shares;
  }

  private ParameterException wrong(String why) {
    return new ParameterException(Output.required(spec).commandLine(), why);
  }

  private void write(Consul consul, Map<String, BigDecimal> shares) {
    List<Draft> drafts = new ArrayList<>();
    drafts.add(defaults(consul));
    Draft resolver = resolver(consul, shares.keySet());
    drafts.add(resolver);
    insistOnInstances(consul, resolver, shares);
    drafts.add(splitter(consul, shares));
    PrintWriter out = Output.out(spec);
    for (Draft draft : drafts) {
      if (!draft.changed) {
        out.println("as it is:  " + draft.entry);
      } else if (consul.configEntries().cas(draft.entry.toString(), draft.index)) {
        out.println("written:   " + draft.entry);
      } else {
        throw changed(draft.kind);
      }
    }
  }

  private void remove(Consul consul) {
    Optional<ConfigEntry> splitter = consul.configEntries().get(SPLITTER, service);
    if (splitter.isEmpty()) {
      Output.out(spec).println("there is no service-splitter of " + service);
      return;
    }
    if (!consul.configEntries().deleteCas(SPLITTER, service, splitter.get().modifyIndex())) {
      throw changed(SPLITTER);
    }
    Output.out(spec)
        .println(
            "removed:   service-splitter of %s; its subsets stay, and take no calls by themselves"
                .formatted(service));
  }

  private Trouble changed(String kind) {
    return new Trouble(
        Trouble.FAILED,
        "somebody else has just changed the %s of %s, so it was not written: look at it, and try"
                .formatted(kind, service)
            + " again");
  }

  /** Without a protocol of HTTP, Consul splits nothing. */
  private Draft defaults(Consul consul) {
    Draft draft = draft(consul, DEFAULTS);
    String protocol = draft.entry.path("Protocol").asText();
    if (!protocol.isEmpty() && !SPLITTABLE.contains(protocol)) {
      throw new Trouble(
          Trouble.FAILED,
          "the service-defaults of %s say protocol %s, whose calls cannot be split: write grpc"
                  .formatted(service, Text.clean(protocol))
              + " there first");
    }
    if (!protocol.isEmpty()) {
      return draft;
    }
    draft.entry.put("Protocol", "grpc");
    return new Draft(DEFAULTS, draft.index, draft.entry, true);
  }

  private Draft resolver(Consul consul, Set<String> versions) {
    Draft draft = draft(consul, RESOLVER);
    if (draft.entry.path("Redirect").isObject()) {
      throw new Trouble(
          Trouble.FAILED,
          "the service-resolver of %s redirects to another service, so its versions have no calls"
              .formatted(service));
    }
    ObjectNode subsets =
        draft.entry.get("Subsets") instanceof ObjectNode there
            ? there
            : draft.entry.putObject("Subsets");
    boolean changed = false;
    for (String version : versions) {
      if (!subsets.has(version)) {
        subsets.putObject(version).put("Filter", filter(version));
        changed = true;
      }
    }
    return new Draft(RESOLVER, draft.index, draft.entry, changed);
  }

  private Draft splitter(Consul consul, Map<String, BigDecimal> shares) {
    Draft draft = draft(consul, SPLITTER);
    ArrayNode splits = draft.entry.putArray("Splits");
    shares.forEach(
        (version, percent) ->
            splits.addObject().put("Weight", percent).put("ServiceSubset", version));
    return new Draft(SPLITTER, draft.index, draft.entry, true);
  }

  /** The entry as it is, or one that says nothing yet. */
  private Draft draft(Consul consul, String kind) {
    Optional<ConfigEntry> there = consul.configEntries().get(kind, service);
    ObjectNode entry = there.map(SplitCommand::read).orElseGet(JSON::createObjectNode);
    entry.put("Kind", kind).put("Name", service);
    entry.remove(List.of("CreateIndex", "ModifyIndex"));
    return new Draft(kind, there.map(ConfigEntry::modifyIndex).orElse(0L), entry, false);
  }

  private static ObjectNode read(ConfigEntry entry) {
    try {
      JsonNode json = JSON.readTree(entry.json());
      if (json instanceof ObjectNode object) {
        return object;
      }
    } catch (IOException e) {
      throw new IllegalStateException(entry.kind() + " of " + entry.name(), e);
    }
    throw new IllegalStateException(entry.kind() + " of " + entry.name() + " is no object");
  }

  private static String filter(String version) {
    return "Service.Meta.%s == \"%s\"".formatted(ServiceRegistration.META_VERSION, version);
  }

  /** A share of nobody is a share of the calls that fails. */
  private void insistOnInstances(Consul consul, Draft resolver, Map<String, BigDecimal> shares) {
    Set<String> there =
        consul.instances(service).stream()
            .filter(instance -> instance.weight() > 0)
            .map(SplitCommand::version)
            .collect(Collectors.toCollection(TreeSet::new));
    if (there.isEmpty()) {
      throw new Trouble(
          Trouble.FAILED, "the registry has no instance of " + service + " that can be called");
    }
    shares.forEach(
        (version, percent) -> {
          String filter = resolver.entry.path("Subsets").path(version).path("Filter").asText();
          if (percent.signum() > 0 && filter.equals(filter(version)) && !there.contains(version)) {
            throw new Trouble(
                Trouble.FAILED,
                "no instance of %s that can be called is %s, so this share of its calls would fail;"
                        .formatted(service, version)
                    + " there are "
                    + Text.clean(String.join(", ", there)));
          }
        });
  }

  private static String version(ServiceInstance instance) {
    return instance.meta().getOrDefault(ServiceRegistration.META_VERSION, "");
  }
}
