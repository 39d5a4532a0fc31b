package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The services of this agent, their checks, and the indexes by which queries notice a change.
 *
 * <p>Every method is called with the ledger's lock held.
 */
final class Catalog {
  /** Learns which checks exist, to probe them. */
  interface Prober {
    /** {@code check} is there, anew or again. */
    void start(Check check);

    /** The check called {@code checkId} is gone. */
    void stop(String checkId);
  }

  /** An instance and the checks that decide on its health: the node's and its own. */
  record Instance(Service service, long createIndex, long modifyIndex, List<Check> checks) {
    Status status() {
      Status worst = Status.PASSING;
      for (Check check : checks) {
        worst = worst.worse(check.status());
      }
      return worst;
    }

    boolean inMaintenance() {
      return checks.stream().anyMatch(Check::maintenance);
    }
  }

  private record Entry(Service service, long createIndex, long modifyIndex) {
    Map<String, @Nullable Object> saved() {
      return object(
          "Registration",
          service.registration(),
          "CreateIndex",
          createIndex,
          "ModifyIndex",
          modifyIndex);
    }
  }

  private static final int CHECKS_PER_SERVICE = 4;

  private final Ledger ledger;
  private final InstantSource clock;
  private final Prober prober;
  private final int servicesMax;
  private final int checksMax;
  private final Map<String, Entry> services = new TreeMap<>();
  private final Map<String, Check> checks = new TreeMap<>();

  /** The same by the id of their service, those of the node by the empty one. */
  private final Map<String, Map<String, Check>> checksOf = new HashMap<>();

  private final Map<String, Long> serviceIndexes = new HashMap<>();
  private long servicesIndex;
  private long checksIndex;
  private long extinctionIndex;

  /**
   * An empty catalog whose tables were last touched at the ledger's index.
   *
   * @param instances how many it holds at most, and four times as many checks
   */
  Catalog(Ledger ledger, InstantSource clock, Prober prober, int instances) {
    this.ledger = ledger;
    this.clock = clock;
    this.prober = prober;
    this.servicesMax = instances;
    this.checksMax = CHECKS_PER_SERVICE * instances;
    servicesIndex = ledger.index();
    checksIndex = ledger.index();
    extinctionIndex = ledger.index();
  }

  // ---- What is there

  List<Service> services() {
    return services.values().stream().map(Entry::service).toList();
  }

  Collection<Check> checks() {
    return Collections.unmodifiableCollection(checks.values());
  }

  /** The tags of every service name, all its instances together. */
  Map<String, Set<String>> tagsByName() {
    Map<String, Set<String>> tags = new TreeMap<>();
    for (Entry entry : services.values()) {
      tags.computeIfAbsent(entry.service().name(), _ -> new LinkedHashSet<>())
          .addAll(entry.service().tags());
    }
    return tags;
  }

  @Nullable Service service(String id) {
    Entry entry = services.get(id);
    return entry == null ? null : entry.service();
  }

  @Nullable Instance instance(String id) {
    Entry entry = services.get(id);
    return entry == null ? null : instance(entry);
  }

  List<Instance> instances(String name) {
    List<Instance> instances = new ArrayList<>();
    for (Entry entry : services.values()) {
      if (entry.service().name().equals(name)) {
        instances.add(instance(entry));
      }
    }
    return instances;
  }

  private Instance instance(Entry entry) {
    List<Check> all = new ArrayList<>(nodeChecks());
    all.addAll(checksOf(entry.service().id()));
    return new Instance(
        entry.service(), entry.createIndex(), entry.modifyIndex(), List.copyOf(all));
  }

  List<Check> nodeChecks() {
    return checksOf("");
  }

  /** By their ids. */
  private List<Check> checksOf(String serviceId) {
    return List.copyOf(checksOf.getOrDefault(serviceId, Map.of()).values());
  }

  private void keep(Check check) {
    forget(check.id());
    checks.put(check.id(), check);
    checksOf.computeIfAbsent(check.serviceId(), _ -> new TreeMap<>()).put(check.id(), check);
  }

  /** Returns the check that was there under this id. */
  private @Nullable Check forget(String checkId) {
    Check gone = checks.remove(checkId);
    if (gone != null) {
      checksOf.computeIfPresent(
          gone.serviceId(),
          (_, left) -> {
            left.remove(checkId);
            return left.isEmpty() ? null : left;
          });
    }
    return gone;
  }

  /** Moves when an instance of {@code name} or its health changes; an unknown name has one too. */
  long serviceIndex(String name) {
    return serviceIndexes.getOrDefault(name, extinctionIndex);
  }

  /** Moves when any service is registered, changed or removed. */
  long servicesIndex() {
    return servicesIndex;
  }

  /** Moves when any check changes its status, comes or goes. */
  long checksIndex() {
    return checksIndex;
  }

  // ---- Registration

  /**
   * Adds the service, or replaces the one with its id. Checks that are registered again keep their
   * status; checks that are not named stay unless {@code replaceChecks}.
   */
  void register(Service.Registration registration, boolean replaceChecks) {
    Service service = registration.service();
    Entry old = services.get(service.id());
    if (old == null && services.size() >= servicesMax) {
      throw new ApiError(429, "this agent holds at most " + servicesMax + " service instances");
    }
    if (old != null && !old.service().name().equals(service.name())) {
      remove(service.id());
      old = null;
    }
    if (old == null || !old.service().equals(service)) {
      long index = ledger.advance();
      services.put(
          service.id(), new Entry(service, old == null ? index : old.createIndex(), index));
      servicesIndex = index;
      serviceIndexes.put(service.name(), index);
    }
    Set<String> named = new HashSet<>();
    for (CheckSpec spec : registration.checks()) {
      put(spec, service);
      named.add(spec.id());
    }
    for (Check check : checksOf(service.id())) {
      if (!named.contains(check.id())) {
        if (replaceChecks && !check.maintenance()) {
          removeCheck(check.id());
        } else if (!check.serviceTags().equals(service.tags())) {
          put(check.spec(), service);
        }
      }
    }
  }

  /** Adds a check alone, to {@code serviceId} or to the node when that is empty. */
  void register(CheckSpec spec, String serviceId) {
    Service service = service(serviceId);
    if (service == null && !serviceId.isEmpty()) {
      throw new ApiError(500, "ServiceID \"" + serviceId + "\" does not exist");
    }
    put(spec.named(spec.id().isEmpty() ? spec.name() : spec.id(), spec.name()), service);
  }

  private void put(CheckSpec spec, @Nullable Service service) {
    Check old = checks.get(spec.id());
    if (old == null && checks.size() >= checksMax) {
      throw new ApiError(429, "this agent holds at most " + checksMax + " checks");
    }
    Instant now = clock.instant();
    Check fresh =
        new Check(
            spec,
            service == null ? "" : service.id(),
            service == null ? "" : service.name(),
            service == null ? List.of() : service.tags(),
            spec.initial() == null ? Status.CRITICAL : spec.initial(),
            "",
            now,
            0,
            0);
    if (old != null) {
      fresh =
          new Check(
              spec,
              fresh.serviceId(),
              fresh.serviceName(),
              fresh.serviceTags(),
              old.status(),
              old.output(),
              old.since(),
              old.createIndex(),
              old.modifyIndex());
    }
    store(old, fresh);
    prober.start(fresh);
  }

  private void store(@Nullable Check old, Check fresh) {
    if (old != null && old.sameInCatalog(fresh)) {
      keep(fresh.at(old.createIndex(), old.modifyIndex()));
      ledger.touch();
      return;
    }
    long index = ledger.advance();
    keep(fresh.at(old == null ? index : old.createIndex(), index));
    changed(fresh, index);
  }

  private void changed(Check check, long index) {
    checksIndex = index;
    if (check.serviceId().isEmpty()) {
      serviceIndexes.replaceAll((_, _) -> index);
    } else {
      serviceIndexes.put(check.serviceName(), index);
    }
  }

  /** Removes the service and its checks; an unknown id is no error. */
  void deregister(String serviceId) {
    if (services.containsKey(serviceId)) {
      remove(serviceId);
    }
  }

  private void remove(String serviceId) {
    for (Check check : checksOf(serviceId)) {
      removeCheck(check.id());
    }
    Entry removed = services.remove(serviceId);
    if (removed != null) {
      String name = removed.service().name();
      long index = ledger.advance();
      servicesIndex = index;
      if (services.values().stream().anyMatch(left -> left.service().name().equals(name))) {
        serviceIndexes.put(name, index);
      } else {
        serviceIndexes.remove(name);
        extinctionIndex = index;
      }
    }
  }

  /** Removes the check; an unknown id is no error. */
  void removeCheck(String checkId) {
    Check removed = forget(checkId);
    if (removed != null) {
      prober.stop(checkId);
      changed(removed, ledger.advance());
    }
  }

  // ---- Health

  /**
   * A probe of {@code spec} came to a result. Ignored if that check has been replaced or removed
   * meanwhile.
   */
  @SuppressWarnings("ReferenceEquality") // an equal check registered later is another check
  void report(CheckSpec spec, Status status, String output) {
    Check check = checks.get(spec.id());
    if (check != null && check.spec() == spec) {
      store(check, check.saying(status, output, clock.instant()));
    }
  }

  /** Takes the service out of use, saying why. */
  void enterMaintenance(String serviceId, String reason) {
    Service service = requireService(serviceId);
    String id = Check.SERVICE_MAINTENANCE + serviceId;
    if (!checks.containsKey(id)) {
      String why =
          reason.isEmpty()
              ? "Maintenance mode is enabled for this service, but no reason was provided. This is"
                  + " a default message."
              : reason;
      put(CheckSpec.maintenance(id, "Service Maintenance Mode", why), service);
    }
  }

  void leaveMaintenance(String serviceId) {
    requireService(serviceId);
    removeCheck(Check.SERVICE_MAINTENANCE + serviceId);
  }

  private Service requireService(String serviceId) {
    Service service = service(serviceId);
    if (service == null) {
      throw new ApiError(404, "No service registered with ID \"" + serviceId + "\"");
    }
    return service;
  }

  /**
   * Removes the services that have been critical for longer than they allow, and returns their ids.
   */
  List<String> reap() {
    Instant now = clock.instant();
    Set<String> overdue = new TreeSet<>();
    for (Check check : checks.values()) {
      Duration allowed = check.spec().deregisterAfter();
      if (allowed.isPositive()
          && check.status() == Status.CRITICAL
          && !check.serviceId().isEmpty()
          && Duration.between(check.since(), now).compareTo(allowed) > 0) {
        overdue.add(check.serviceId());
      }
    }
    overdue.forEach(this::remove);
    return List.copyOf(overdue);
  }

  // ---- Over a restart

  /** The services as they are now, as {@link #restore} takes them back. */
  Iterable<@Nullable Object> savedServices() {
    return Json.lazily(List.copyOf(services.values()), Entry::saved);
  }

  /** The checks as they are now, as {@link #restore} takes them back. */
  Iterable<@Nullable Object> savedChecks() {
    return Json.lazily(List.copyOf(checks.values()), Check::saved);
  }

  /**
   * Takes back what {@link #savedServices} and {@link #savedChecks} returned. Everything counts as
   * changed now, so that whoever watched before the restart looks again; who was critical has its
   * time anew.
   *
   * @throws RuntimeException if it makes no sense
   */
  void restore(
      List<? extends @Nullable Object> savedServices,
      List<? extends @Nullable Object> savedChecks) {
    for (Object saved : savedServices) {
      Fields fields = new Fields(saved, List.of("Registration", "CreateIndex", "ModifyIndex"));
      Service service = Service.parse(fields.object("Registration")).service();
      services.put(
          service.id(),
          new Entry(service, fields.unsigned("CreateIndex"), fields.unsigned("ModifyIndex")));
      serviceIndexes.put(service.name(), ledger.index());
    }
    for (Object saved : savedChecks) {
      Check check = Check.restore(saved, this::service, clock.instant());
      keep(check);
    }
    checks.values().forEach(prober::start);
  }
}
