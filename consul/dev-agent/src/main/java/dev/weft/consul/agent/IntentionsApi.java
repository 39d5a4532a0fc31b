package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import dev.weft.consul.agent.ServiceIntentions.Legacy;
import dev.weft.consul.agent.ServiceIntentions.Source;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * {@code /v1/connect/intentions}: intentions one by one. They are kept in config entries, as Consul
 * keeps them from 1.9 on: what was written by its id here is a part of the entry of its
 * destination, and loses the id once it is written as an entry.
 */
final class IntentionsApi {
  private static final int BODY_MAX = 1024 * 1024;
  private static final List<String> FIELDS =
      List.of(
          "ID",
          "Description",
          "SourceNS",
          "SourceName",
          "DestinationNS",
          "DestinationName",
          "SourceType",
          "Action",
          "Permissions",
          "DefaultAddr",
          "DefaultPort",
          "Meta",
          "Precedence",
          "CreatedAt",
          "UpdatedAt",
          "Hash",
          "CreateIndex",
          "ModifyIndex");

  /** An intention as it is sent. */
  private record Wanted(
      String id,
      String source,
      String destination,
      String action,
      List<? extends @Nullable Object> permissions,
      String description,
      Map<String, String> meta) {
    static Wanted parse(@Nullable Object json) {
      Fields fields = new Fields(json, FIELDS);
      String type = fields.text("SourceType");
      if (!type.isEmpty() && !type.equals("consul")) {
        throw invalid("SourceType must be set to 'consul'");
      }
      requireDefault(fields.text("SourceNS"));
      requireDefault(fields.text("DestinationNS"));
      return new Wanted(
          fields.text("ID"),
          fields.text("SourceName"),
          fields.text("DestinationName"),
          fields.text("Action"),
          fields.list("Permissions"),
          fields.text("Description"),
          fields.textMap("Meta"));
    }

    Wanted between(String newSource, String newDestination) {
      return new Wanted("", newSource, newDestination, action, permissions, description, meta);
    }

    /** What the older API accepts, as a source of its destination's entry. */
    Source legacySource(Legacy legacy) {
      if (source.isEmpty()) {
        throw invalid("SourceName must be set");
      }
      if (destination.isEmpty()) {
        throw invalid("DestinationName must be set");
      }
      requireWhole(source, "SourceName");
      requireWhole(destination, "DestinationName");
      if (description.length() > ServiceIntentions.TEXT_MAX) {
        throw invalid("Description exceeds maximum length " + ServiceIntentions.TEXT_MAX);
      }
      if (!(action.equals("allow") || action.equals("deny"))) {
        throw invalid("Action must be set to 'allow' or 'deny'");
      }
      if (!permissions.isEmpty()) {
        throw invalid("Permissions must not be set when using the legacy APIs");
      }
      return new Source(source, action, List.of(), description, legacy);
    }

    private static void requireWhole(String name, String field) {
      if (!name.equals(ServiceIntentions.ANY) && name.contains(ServiceIntentions.ANY)) {
        throw invalid(field + ": wildcard character '*' cannot be used with partial values");
      }
    }

    private static ApiError invalid(String what) {
      return new ApiError(500, "1 error occurred:\n\t* " + what + "\n\n");
    }
  }

  private final Ledger ledger;
  private final ConfigEntries entries;
  private final Reads reads;
  private final InstantSource clock;
  private final DevAgentConfig.DefaultPolicy defaultPolicy;

  IntentionsApi(State state, Reads reads, DevAgentConfig config) {
    ledger = state.ledger();
    entries = state.configEntries();
    this.reads = reads;
    clock = config.clock();
    defaultPolicy = config.intentions();
  }

  void addTo(HttpFace http) {
    http.serve("GET", "/v1/connect/intentions", this::list);
    http.serve("POST", "/v1/connect/intentions", this::create);
    http.serve("GET", "/v1/connect/intentions/match", this::match);
    http.serve("GET", "/v1/connect/intentions/check", this::check);
    http.serve("GET", "/v1/connect/intentions/exact", this::getExact);
    http.serve("PUT", "/v1/connect/intentions/exact", this::putExact);
    http.serve("DELETE", "/v1/connect/intentions/exact", this::deleteExact);
    http.serve("GET", "/v1/connect/intentions/", this::getById);
    http.serve("PUT", "/v1/connect/intentions/", this::putById);
    http.serve("DELETE", "/v1/connect/intentions/", this::deleteById);
  }

  // ---- Reading

  private Reply list(Request request) throws InterruptedException {
    Predicate<Object> filter = Filter.of(request, Filter.INTENTION);
    return reads.indexed(
        request,
        entries::index,
        () -> Reply.json(entries.intentions().map(Intention::json).filter(filter).toList()));
  }

  private Reply match(Request request) throws InterruptedException {
    boolean bySource =
        switch (required(request, "by")) {
          case "source" -> true;
          case "destination" -> false;
          default ->
              throw new ApiError(500, "'by' parameter must be one of 'source' or 'destination'");
        };
    required(request, "name");
    List<String> names = request.queries("name");
    return reads.indexed(
        request,
        entries::index,
        () -> {
          Map<String, @Nullable Object> json = new LinkedHashMap<>();
          for (String given : names) {
            String name = inDefault(given);
            List<Map<String, @Nullable Object>> matches =
                entries
                    .intentions()
                    .filter(one -> bySource ? one.isOf(name) : one.isFor(name))
                    .map(Intention::json)
                    .toList();
            json.put(given, matches.isEmpty() ? null : matches);
          }
          return Reply.json(json);
        });
  }

  private Reply check(Request request) {
    String source = inDefault(required(request, "source"));
    String destination = inDefault(required(request, "destination"));
    return ledger.read(
        () -> {
          Intention deciding = deciding(source, destination);
          boolean allowed = deciding == null ? defaultPolicy.allows() : deciding.allows();
          return Reply.json(object("Allowed", allowed));
        });
  }

  /** The first that says something about such calls; null if the default decides. */
  @Nullable Intention deciding(String source, String destination) {
    return entries
        .intentions()
        .filter(one -> one.isFor(destination) && one.isOf(source))
        .findFirst()
        .orElse(null);
  }

  private Reply getExact(Request request) throws InterruptedException {
    String source = inDefault(required(request, "source"));
    String destination = inDefault(required(request, "destination"));
    return reads.indexed(request, entries::index, () -> shown(exactly(source, destination)));
  }

  private Reply getById(Request request) throws InterruptedException {
    String id = request.tail();
    requireUuid(id);
    return reads.indexed(request, entries::index, () -> shown(byId(id)));
  }

  private static Reply shown(@Nullable Intention intention) {
    return intention == null
        ? Reply.text(404, "Intention not found")
        : Reply.json(intention.json());
  }

  private @Nullable Intention exactly(String source, String destination) {
    return entries
        .intentions()
        .filter(one -> one.source().equals(source) && one.destination().equals(destination))
        .findFirst()
        .orElse(null);
  }

  private @Nullable Intention byId(String id) {
    return entries.intentions().filter(one -> one.id().equals(id)).findFirst().orElse(null);
  }

  // ---- Writing, the older way

  private Reply create(Request request) throws InterruptedException {
    Wanted wanted = request.json(500, "Failed to decode request body: ", BODY_MAX, Wanted::parse);
    if (!wanted.id().isEmpty()) {
      throw new ApiError(500, "ID must be empty when creating a new intention");
    }
    String id = UUID.randomUUID().toString();
    Source source =
        wanted.legacySource(new Legacy(id, validMeta(wanted), clock.instant(), clock.instant()));
    return ledger.durably(
        () -> {
          ServiceIntentions entry = requireLegacy(wanted.destination());
          requireNoOther(id, wanted);
          entries.put(withSource(entry, wanted.destination(), source));
          return Reply.json(object("ID", id));
        });
  }

  private Reply putById(Request request) throws InterruptedException {
    String id = request.tail();
    requireUuid(id);
    Wanted wanted = request.json("Bad request: Request decode failed: ", BODY_MAX, Wanted::parse);
    return ledger.durably(
        () -> {
          Intention known = requireKnown(id, "modify");
          Legacy before = known.from().legacy();
          ServiceIntentions entry = requireLegacy(wanted.destination());
          if (before == null || entry == null || !entry.equals(known.entry())) {
            throw new ApiError(
                500,
                "cannot modify DestinationNS or DestinationName for an intention once it exists.");
          }
          Source source =
              wanted.legacySource(
                  new Legacy(id, validMeta(wanted), before.created(), clock.instant()));
          requireNoOther(id, wanted);
          ServiceIntentions left = entry.without(known.from());
          entries.put(withSource(left, wanted.destination(), source));
          return Reply.json(object("ID", id));
        });
  }

  private Reply deleteById(Request request) throws InterruptedException {
    String id = request.tail();
    requireUuid(id);
    return ledger.durably(
        () -> {
          remove(requireKnown(id, "delete"));
          return Reply.json(true);
        });
  }

  private Intention requireKnown(String id, String verb) {
    Intention known = byId(id);
    if (known == null) {
      throw new ApiError(500, "Cannot " + verb + " non-existent intention: '" + id + "'");
    }
    return known;
  }

  /** One source and one destination have one intention. */
  private void requireNoOther(String id, Wanted wanted) {
    Intention other = exactly(wanted.source(), wanted.destination());
    if (other != null && !other.id().equals(id)) {
      throw new ApiError(500, "duplicate intention found: " + other);
    }
  }

  /** The destination's entry, which nobody has written as a whole since. */
  private @Nullable ServiceIntentions requireLegacy(String destination) {
    ServiceIntentions entry = entry(destination);
    if (entry != null && entry.sources().stream().anyMatch(source -> source.legacy() == null)) {
      throw new ApiError(
          500,
          "cannot use legacy intention API to edit intentions with a destination of \""
              + destination
              + "\" after editing them via a service-intentions config entry");
    }
    return entry;
  }

  private @Nullable ServiceIntentions entry(String destination) {
    ConfigEntries.Stored stored = entries.get(ServiceIntentions.KIND, destination);
    return stored != null && stored.entry() instanceof ServiceIntentions entry ? entry : null;
  }

  private static ServiceIntentions withSource(
      @Nullable ServiceIntentions entry, String destination, Source source) {
    return entry == null
        ? new ServiceIntentions(destination, List.of(source), Map.of())
        : entry.with(source);
  }

  private void remove(Intention intention) {
    ServiceIntentions left = intention.entry().without(intention.from());
    if (left == null) {
      entries.delete(ServiceIntentions.KIND, intention.destination());
    } else {
      entries.put(left);
    }
  }

  private static Map<String, String> validMeta(Wanted wanted) {
    return ConfigEntry.validMeta(wanted.meta());
  }

  // ---- Writing by source and destination

  private Reply putExact(Request request) throws InterruptedException {
    String source = inDefault(required(request, "source"));
    String destination = inDefault(required(request, "destination"));
    Wanted wanted =
        request
            .json("Bad request: Request decode failed: ", BODY_MAX, Wanted::parse)
            .between(source, destination);
    ServiceIntentions one =
        checked(
            object(
                "Kind",
                ServiceIntentions.KIND,
                "Name",
                destination,
                "Sources",
                List.of(
                    object(
                        "Name",
                        source,
                        "Action",
                        wanted.action(),
                        "Permissions",
                        wanted.permissions(),
                        "Description",
                        wanted.description()))));
    return ledger.durably(
        () -> {
          ServiceIntentions entry = entry(destination);
          entries.put(
              entry == null
                  ? one
                  : entry.each(IntentionsApi::asEntry).with(one.sources().getFirst()));
          return Reply.json(true);
        });
  }

  /** Whatever is written by source and destination is checked as an entry is. */
  private static ServiceIntentions checked(Map<String, @Nullable Object> entry) {
    try {
      return ServiceIntentions.parse(entry);
    } catch (IllegalArgumentException e) {
      throw new ApiError(400, "Bad request: Request decode failed: " + e.getMessage());
    }
  }

  private static Source asEntry(Source source) {
    Legacy legacy = source.legacy();
    if (legacy != null && !legacy.meta().isEmpty()) {
      throw new ApiError(500, "LegacyMeta must be omitted");
    }
    return new Source(
        source.name(), source.action(), source.permissions(), source.description(), null);
  }

  private Reply deleteExact(Request request) throws InterruptedException {
    String source = inDefault(required(request, "source"));
    String destination = inDefault(required(request, "destination"));
    return ledger.durably(
        () -> {
          Intention known = exactly(source, destination);
          if (known != null) {
            remove(known);
          }
          return Reply.json(true);
        });
  }

  // ---- What is asked for

  private static String required(Request request, String name) {
    if (request.query(name).isEmpty()) {
      throw new ApiError(500, "required query parameter '" + name + "' not set");
    }
    return request.query(name);
  }

  /** A name, possibly with the one namespace there is before it. */
  private static String inDefault(String name) {
    int slash = name.lastIndexOf('/');
    if (slash >= 0) {
      requireDefault(name.substring(0, slash));
    }
    return name.substring(slash + 1);
  }

  private static void requireDefault(String namespace) {
    if (!namespace.isEmpty() && !namespace.equals("default")) {
      throw new ApiError(
          400,
          "Bad request: Invalid namespace \""
              + namespace
              + "\": Namespaces are a Consul Enterprise feature");
    }
  }

  private static void requireUuid(String id) {
    if (id.length() != 36) {
      throw new ApiError(
          400, "Bad request: failed intention lookup: index error: UUID must be 36 characters");
    }
  }
}
