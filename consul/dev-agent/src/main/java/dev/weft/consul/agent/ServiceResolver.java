package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which instances stand for a service: its subsets, another service in its place, and who answers
 * when none of them can.
 *
 * @param defaultSubset the subset of who asks for none; empty for all instances
 * @param redirect what is resolved instead
 * @param failover by subset; {@code *} for every subset that has none of its own
 * @param connectTimeout zero for Consul's default
 */
record ServiceResolver(
    String name,
    String defaultSubset,
    Map<String, Subset> subsets,
    @Nullable Redirect redirect,
    Map<String, Failover> failover,
    Duration connectTimeout,
    Map<String, String> meta)
    implements ConfigEntry {
  /**
   * Some of a service's instances.
   *
   * @param filter an expression over the rows of {@code /v1/health/service}; empty for all
   * @param onlyPassing whether those with a warning are left out
   */
  record Subset(String filter, boolean onlyPassing) {
    static final Subset ALL = new Subset("", false);

    Map<String, @Nullable Object> json() {
      Map<String, @Nullable Object> json = object();
      putText(json, "Filter", filter);
      if (onlyPassing) {
        json.put("OnlyPassing", true);
      }
      return json;
    }
  }

  /** What is resolved instead; what is empty stays as it was. */
  record Redirect(String service, String subset, String namespace, String datacenter) {
    Map<String, @Nullable Object> json() {
      Map<String, @Nullable Object> json = object();
      putText(json, "Service", service);
      putText(json, "ServiceSubset", subset);
      putText(json, "Namespace", namespace);
      putText(json, "Datacenter", datacenter);
      return json;
    }
  }

  /** Who answers when nobody else can; what is empty stays as it was. */
  record Failover(String service, String subset, String namespace, List<String> datacenters) {
    Map<String, @Nullable Object> json() {
      Map<String, @Nullable Object> json = object();
      putText(json, "Service", service);
      putText(json, "ServiceSubset", subset);
      putText(json, "Namespace", namespace);
      HttpMatch.put(json, "Datacenters", datacenters);
      return json;
    }
  }

  static final String KIND = "service-resolver";
  static final String ANY = "*";

  private static final int SUBSET_MAX = 63;
  private static final Pattern SUBSET = Pattern.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?");
  private static final List<String> FIELDS =
      List.of(
          "Kind",
          "Name",
          "DefaultSubset",
          "Subsets",
          "Redirect",
          "Failover",
          "ConnectTimeout",
          "Meta",
          "CreateIndex",
          "ModifyIndex");
  private static final List<String> SUBSET_FIELDS = List.of("Filter", "OnlyPassing");
  private static final List<String> REDIRECT_FIELDS =
      List.of("Service", "ServiceSubset", "Namespace", "Datacenter");
  private static final List<String> FAILOVER_FIELDS =
      List.of("Service", "ServiceSubset", "Namespace", "Datacenters");

  /** That of a service that has none. */
  static ServiceResolver ofNone(String name) {
    return new ServiceResolver(name, "", Map.of(), null, Map.of(), Duration.ZERO, Map.of());
  }

  static ServiceResolver parse(@Nullable Object json) {
    Fields fields = Fields.ofConfigEntry(json, FIELDS);
    Map<String, Subset> subsets = new TreeMap<>();
    fields
        .object("Subsets")
        .forEach((name, value) -> subsets.put(name, subset(value, "Subsets[" + name + "]")));
    Map<String, Failover> failover = new TreeMap<>();
    fields
        .object("Failover")
        .forEach((subset, value) -> failover.put(subset, failover(value, subset)));
    ServiceResolver resolver =
        new ServiceResolver(
            ConfigEntry.requireName(fields),
            fields.text("DefaultSubset"),
            subsets,
            fields.has("Redirect") ? redirect(fields.object("Redirect")) : null,
            failover,
            fields.duration("ConnectTimeout"),
            ConfigEntry.validMeta(fields.textMap("Meta")));
    resolver.validate();
    return resolver;
  }

  private static Subset subset(@Nullable Object json, String at) {
    Fields fields = Fields.ofConfigEntry(json, SUBSET_FIELDS, at);
    return new Subset(fields.text("Filter"), fields.flag("OnlyPassing"));
  }

  private static Redirect redirect(Map<String, @Nullable Object> json) {
    Fields fields = Fields.ofConfigEntry(json, REDIRECT_FIELDS, "Redirect");
    return new Redirect(
        fields.text("Service"),
        fields.text("ServiceSubset"),
        ConfigEntry.requireNamespace(fields),
        fields.text("Datacenter"));
  }

  private static Failover failover(@Nullable Object json, String subset) {
    Fields fields = Fields.ofConfigEntry(json, FAILOVER_FIELDS, "Failover[" + subset + "]");
    return new Failover(
        fields.text("Service"),
        fields.text("ServiceSubset"),
        ConfigEntry.requireNamespace(fields),
        fields.texts("Datacenters"));
  }

  private void validate() {
    subsets.keySet().forEach(ServiceResolver::requireSubsetName);
    if (!hasSubset(defaultSubset)) {
      throw invalid("DefaultSubset \"" + defaultSubset + "\" is not a valid subset");
    }
    if (redirect != null) {
      validate(redirect);
    }
    failover.forEach(this::validate);
    if (connectTimeout.isNegative()) {
      throw invalid("Bad ConnectTimeout '" + GoDuration.format(connectTimeout) + "', must be >= 0");
    }
  }

  private static void requireSubsetName(String name) {
    if (name.isEmpty()) {
      throw invalid("Subset defined with empty name");
    }
    String subset = "Subset \"" + name + "\" is invalid: must be ";
    if (name.length() > SUBSET_MAX) {
      throw invalid(subset + "non-empty and 63 characters or fewer");
    }
    if (!SUBSET.matcher(name).matches()) {
      throw invalid(
          subset
              + "63 characters or fewer, begin or end with lower case alphanumeric characters, and"
              + " contain lower case alphanumeric characters or '-' in between");
    }
  }

  private void validate(Redirect to) {
    if (!failover.isEmpty()) {
      throw invalid("Redirect and Failover cannot both be set");
    }
    if (to.json().isEmpty()) {
      throw invalid("Redirect is empty");
    }
    if (to.service().isEmpty() && !to.subset().isEmpty()) {
      throw invalid("Redirect.ServiceSubset defined without Redirect.Service");
    }
    if (to.service().isEmpty() && !to.namespace().isEmpty()) {
      throw invalid("Redirect.Namespace defined without Redirect.Service");
    }
    if (to.service().equals(name) && !hasSubset(to.subset())) {
      throw invalid(
          "Redirect.ServiceSubset \"%s\" is not a valid subset of \"%s\""
              .formatted(to.subset(), to.service()));
    }
  }

  private void validate(String subset, Failover to) {
    String bad = "Bad Failover[\"" + subset + "\"]";
    if (!subset.equals(ANY) && !subsets.containsKey(subset)) {
      throw invalid(bad + ": not a valid subset");
    }
    if (to.json().isEmpty()) {
      throw invalid(bad + " one of Service, ServiceSubset, Namespace, or Datacenters is required");
    }
    boolean own = to.service().isEmpty() || to.service().equals(name);
    if (own && !hasSubset(to.subset())) {
      throw invalid(
          bad
              + ".ServiceSubset \"%s\" is not a valid subset of \"%s\""
                  .formatted(to.subset(), to.service()));
    }
    if (to.datacenters().contains("")) {
      throw invalid(bad + ".Datacenters: found empty datacenter");
    }
  }

  private static ApiError invalid(String what) {
    return new ApiError(500, what);
  }

  private static void putText(Map<String, @Nullable Object> json, String name, String text) {
    ConfigEntry.putText(json, name, text);
  }

  /** Whether there is such a subset; of none, which is all instances, there always is. */
  boolean hasSubset(String subset) {
    return subset.isEmpty() || subsets.containsKey(subset);
  }

  /** Whether the service is resolved as without this entry. */
  boolean isDefault() {
    return defaultSubset.isEmpty()
        && subsets.isEmpty()
        && redirect == null
        && failover.isEmpty()
        && connectTimeout.isZero();
  }

  /** Who answers for the subset when it cannot; null if nobody. */
  @Nullable Failover failoverOf(String subset) {
    Failover own = failover.get(subset);
    return own == null ? failover.get(ANY) : own;
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Set<String> services() {
    Set<String> services = new TreeSet<>();
    if (redirect != null) {
      services.add(redirect.service());
    }
    failover.values().forEach(to -> services.add(to.service()));
    services.removeAll(Set.of("", name));
    return services;
  }

  @Override
  public Map<String, @Nullable Object> json() {
    Map<String, @Nullable Object> json = object();
    if (!connectTimeout.isZero()) {
      json.put("ConnectTimeout", GoDuration.format(connectTimeout));
    }
    json.put("Kind", KIND);
    json.put("Name", name);
    putText(json, "DefaultSubset", defaultSubset);
    if (!subsets.isEmpty()) {
      Map<String, @Nullable Object> shown = object();
      subsets.forEach((subset, definition) -> shown.put(subset, definition.json()));
      json.put("Subsets", shown);
    }
    if (redirect != null) {
      json.put("Redirect", redirect.json());
    }
    if (!failover.isEmpty()) {
      Map<String, @Nullable Object> shown = object();
      failover.forEach((subset, to) -> shown.put(subset, to.json()));
      json.put("Failover", shown);
    }
    if (!meta.isEmpty()) {
      json.put("Meta", new TreeMap<>(meta));
    }
    return json;
  }
}
