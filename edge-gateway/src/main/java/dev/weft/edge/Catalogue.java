package dev.weft.edge;

import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is served: the contracts learned last, in the order their services were first seen, and the
 * table of their routes. A contract stays when its service has left, and over a restart when there
 * is a file to keep it in, so that a known route answers 503 and not 404, and nobody else gets it.
 *
 * <p>Thread-safe.
 */
final class Catalogue implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Catalogue.class);

  private static final int SERVICES_MAX = 2_000;

  private final Optional<ContractWriter> writer;
  private final Optional<OwnersFile> ownersFile;

  /** In the order they were first seen: who has a route keeps it. */
  private final Map<String, ServiceSchema> schemas = new LinkedHashMap<>();

  private RouteOwners owners;
  private Optional<String> ownersKept;
  private Set<String> knownConflicts = Set.of();
  private volatile RouteTable table;

  /**
   * @param builtIn owners, until more are known
   */
  Catalogue(
      RouteOwners builtIn,
      Optional<ContractFile> file,
      Optional<OwnersFile> ownersFile,
      Access foreignDefault) {
    this.writer = file.map(kept -> new ContractWriter(kept, this::contracts, ContractWriter.PAUSE));
    this.ownersFile = ownersFile;
    this.ownersKept = ownersFile.flatMap(OwnersFile::read);
    this.owners = known(builtIn, ownersKept);
    for (ContractFile.Kept kept : file.map(ContractFile::read).orElse(List.of())) {
      try {
        schemas.merge(
            kept.service(),
            ServiceSchema.of(kept.service(), kept.contract(), foreignDefault),
            // Of several contracts nobody knows yet which instance has which.
            (known, more) -> ServiceSchema.together(List.of(known, more), _ -> Optional.empty()));
      } catch (InvalidRule e) {
        log.warn("the contract kept of {} cannot be used: {}", kept.service(), e.getMessage());
      }
    }
    this.table = RouteTable.of(schemas.values(), owners);
    showConflicts();
    if (!schemas.isEmpty()) {
      log.info("{} services are known from before", schemas.size());
    }
  }

  private static RouteOwners known(RouteOwners builtIn, Optional<String> kept) {
    try {
      return builtIn.with(kept);
    } catch (IllegalArgumentException e) {
      log.warn("the owners kept of paths cannot be used: {}", e.getMessage());
      return builtIn;
    }
  }

  /** The routes now. */
  RouteTable routes() {
    return table;
  }

  synchronized Optional<ServiceSchema> find(String service) {
    return Optional.ofNullable(schemas.get(service));
  }

  /** All contracts, in their order. */
  synchronized List<ServiceSchema> all() {
    return List.copyOf(schemas.values());
  }

  /**
   * From now on this is the contract of its service.
   *
   * @param registered whether a service is in the registry; the contract that is known longest of
   *     one that is not makes room when there is none
   */
  synchronized void put(ServiceSchema schema, Predicate<String> registered) {
    ServiceSchema before = schemas.get(schema.service());
    if (before != null
        && before.fingerprint().equals(schema.fingerprint())
        && before.places().equals(schema.places())
        && before.rules().equals(schema.rules())) {
      return;
    }
    if (before == null && schemas.size() >= SERVICES_MAX && !makeRoom(registered)) {
      log.warn("more than {} services; {} is not served", SERVICES_MAX, schema.service());
      return;
    }
    schemas.put(schema.service(), schema);
    table = table.with(schema);
    showConflicts();
    writer.ifPresent(ContractWriter::changed);
    log.info(
        "serving {} with {} routes, contract {}",
        schema.service(),
        schema.routes().size(),
        schema.fingerprint());
    for (ServiceSchema.Skipped skipped : schema.skipped()) {
      log.warn("{} is not served: {}", skipped.rpc(), skipped.why());
    }
    for (ServiceSchema.Skipped ignored : schema.ignored()) {
      log.warn(
          "the rule of {} for {} is not followed: {}", HttpRules.KEY, ignored.rpc(), ignored.why());
    }
  }

  /** From now on these paths belong to these services, also after a restart, if it can be read. */
  synchronized void owners(Optional<String> json) {
    try {
      owners = owners.with(json);
    } catch (IllegalArgumentException e) {
      log.warn(
          "{} is not followed, what it said before stands; {}", RouteOwners.KEY, e.getMessage());
      return;
    }
    table = RouteTable.of(schemas.values(), owners);
    showConflicts();
    if (!json.equals(ownersKept)) {
      ownersKept = json;
      ownersFile.ifPresent(kept -> kept.write(json));
    }
  }

  private boolean makeRoom(Predicate<String> registered) {
    for (Iterator<String> names = schemas.keySet().iterator(); names.hasNext(); ) {
      String name = names.next();
      if (!registered.test(name)) {
        names.remove();
        table = table.without(name);
        return true;
      }
    }
    return false;
  }

  /** What is in the file over a restart. */
  private synchronized List<ContractFile.Kept> contracts() {
    return schemas.values().stream()
        .flatMap(s -> s.contracts().stream().map(c -> new ContractFile.Kept(s.service(), c)))
        .toList();
  }

  /** Says once of each route that it is not served. */
  private void showConflicts() {
    Set<String> conflicts = new HashSet<>();
    for (RouteTable.Conflict conflict : table.conflicts()) {
      String text = conflict.refused().rpc().name() + " for " + conflict.refused().key();
      conflicts.add(text);
      if (!knownConflicts.contains(text)) {
        log.warn(
            "{} of {} is not served: the path is {}'s{}",
            text,
            conflict.refused().rpc().service(),
            conflict.owner(),
            conflict.holder().map(rpc -> ", for " + rpc).orElse(""));
      }
    }
    knownConflicts = conflicts;
  }

  /** Has written what is to be known after a restart. */
  @Override
  public void close() {
    writer.ifPresent(ContractWriter::close);
  }
}
