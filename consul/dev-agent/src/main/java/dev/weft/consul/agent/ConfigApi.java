package dev.weft.consul.agent;

import java.util.Map;

/** {@code /v1/config}. */
final class ConfigApi {
  private static final int BODY_MAX = 1024 * 1024;

  private final Ledger ledger;
  private final ConfigEntries entries;
  private final Reads reads;

  ConfigApi(State state, Reads reads) {
    ledger = state.ledger();
    entries = state.configEntries();
    this.reads = reads;
  }

  void addTo(HttpFace http) {
    http.serve("PUT", "/v1/config", this::put);
    http.serve("GET", "/v1/config/", this::get);
    http.serve("DELETE", "/v1/config/", this::delete);
  }

  private Reply put(Request request) throws InterruptedException {
    ConfigEntry entry =
        request.json("Bad request: Request decoding failed: ", BODY_MAX, ConfigEntry::parse);
    Long cas = request.unsigned("cas");
    return Reply.json(
        ledger.durably(
            () -> {
              if (cas != null) {
                return entries.put(entry, cas);
              }
              entries.put(entry);
              return true;
            }));
  }

  private Reply get(Request request) throws InterruptedException {
    String[] kindAndName = kindAndName(request);
    String kind = kindAndName[0];
    if (!kind.isEmpty()) {
      requireKind(kind, 500);
    }
    if (kindAndName.length == 1) {
      return reads.indexed(
          request,
          entries::index,
          () -> Reply.json(entries.list(kind).stream().map(ConfigEntries.Stored::json).toList()));
    }
    String name = kindAndName[1];
    return reads.indexed(
        request,
        entries::index,
        () -> {
          ConfigEntries.Stored stored = entries.get(kind, name);
          return stored == null
              ? Reply.text(404, "Config entry not found for \"" + kind + "\" / \"" + name + "\"")
              : Reply.json(stored.json());
        });
  }

  private Reply delete(Request request) throws InterruptedException {
    String[] kindAndName = kindAndName(request);
    if (kindAndName.length == 1) {
      throw new ApiError(404, "Must provide both a kind and name to delete");
    }
    requireKind(kindAndName[0], 400);
    Long cas = request.unsigned("cas");
    boolean deleted =
        ledger.durably(
            () -> {
              if (cas != null) {
                return entries.delete(kindAndName[0], kindAndName[1], cas);
              }
              entries.delete(kindAndName[0], kindAndName[1]);
              return true;
            });
    return cas == null ? Reply.json(Map.of()) : Reply.json(deleted);
  }

  private static String[] kindAndName(Request request) {
    return request.tail().split("/", 2);
  }

  private static void requireKind(String kind, int status) {
    if (!ConfigEntry.KINDS.contains(kind)) {
      throw new ApiError(status, "invalid config entry kind: " + kind);
    }
  }
}
