package dev.weft.edge;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.weft.consul.CheckResult;
import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.mesh.Management;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What the edge knows, as JSON for operators: services, their instances, routes. */
final class RegistryPages {
  private static final JsonFactory JSON = new JsonFactory();

  private final SchemaWatch schemas;

  RegistryPages(SchemaWatch schemas) {
    this.schemas = schemas;
  }

  private interface Content {
    void write(JsonGenerator out) throws IOException;
  }

  /** All services. */
  String services() {
    return json(
        out -> {
          out.writeArrayFieldStart("services");
          for (var entry : new TreeMap<>(schemas.views()).entrySet()) {
            SchemaWatch.View view = entry.getValue();
            out.writeStartObject();
            out.writeStringField("name", entry.getKey());
            out.writeNumberField("instances", view.snapshot().instances().size());
            out.writeNumberField("healthy", view.snapshot().passing().size());
            out.writeBooleanField("stale", view.snapshot().stale());
            out.writeNumberField("routes", view.schema().map(s -> s.routes().size()).orElse(0));
            out.writeEndObject();
          }
          out.writeEndArray();
        });
  }

  /**
   * How it stands with all services together: well unless one that has routes here, or is in the
   * registry, has no healthy instance.
   */
  Management.Verdict health() {
    Map<String, ServiceSnapshot> snapshots = new TreeMap<>();
    schemas
        .views()
        .forEach(
            (name, view) -> {
              if (!view.snapshot().instances().isEmpty()
                  || view.schema().map(schema -> !schema.routes().isEmpty()).orElse(false)) {
                snapshots.put(name, view.snapshot());
              }
            });
    boolean well = snapshots.values().stream().noneMatch(one -> one.passing().isEmpty());
    String text =
        json(
            out -> {
              out.writeStringField("status", well ? "passing" : "degraded");
              out.writeArrayFieldStart("services");
              for (var entry : snapshots.entrySet()) {
                int instances = entry.getValue().instances().size();
                int healthy = entry.getValue().passing().size();
                out.writeStartObject();
                out.writeStringField("name", entry.getKey());
                out.writeStringField(
                    "status",
                    healthy == 0 ? "critical" : healthy < instances ? "warning" : "passing");
                out.writeNumberField("instances", instances);
                out.writeNumberField("healthy", healthy);
                out.writeBooleanField("stale", entry.getValue().stale());
                out.writeEndObject();
              }
              out.writeEndArray();
            });
    return new Management.Verdict(well, text);
  }

  /** One service, if there is one of this name. */
  Optional<String> service(String name) {
    Optional<SchemaWatch.View> found = Optional.ofNullable(schemas.views().get(name));
    return found.map(view -> json(out -> service(out, name, view)));
  }

  /** All routes, and those that are not served and why. */
  String routes() {
    RouteTable table = schemas.routes();
    return json(
        out -> {
          out.writeArrayFieldStart("routes");
          for (Route route : table.routes()) {
            route(out, route);
            out.writeEndObject();
          }
          out.writeEndArray();
          out.writeArrayFieldStart("conflicts");
          for (RouteTable.Conflict conflict : table.conflicts()) {
            route(out, conflict.refused());
            out.writeStringField("owner", conflict.owner());
            if (conflict.holder().isPresent()) {
              out.writeStringField("ownerRpc", conflict.holder().get());
            }
            out.writeEndObject();
          }
          out.writeEndArray();
          out.writeArrayFieldStart("mounts");
          for (Mount mount : schemas.mounts().all()) {
            mount(out, mount);
          }
          out.writeEndArray();
          out.writeArrayFieldStart("skipped");
          for (ServiceSchema schema : schemas.schemas()) {
            skipped(out, schema.service(), schema.skipped());
          }
          out.writeEndArray();
          rules(out);
        });
  }

  /** What operators state in the place of contracts, of which services, and what of it is not. */
  private void rules(JsonGenerator out) throws IOException {
    HttpRules rules = schemas.rules();
    out.writeArrayFieldStart("rules");
    for (String selector : rules.bySelector().keySet().stream().sorted().toList()) {
      out.writeStartObject();
      out.writeStringField("selector", selector);
      out.writeArrayFieldStart("services");
      for (ServiceSchema schema : schemas.schemas()) {
        if (schema.rules().rule(selector).isPresent()) {
          out.writeString(schema.service());
        }
      }
      out.writeEndArray();
      out.writeEndObject();
    }
    out.writeEndArray();
    out.writeArrayFieldStart("ignoredRules");
    skipped(out, "", rules.ignored());
    for (ServiceSchema schema : schemas.schemas()) {
      skipped(out, schema.service(), schema.ignored());
    }
    out.writeEndArray();
  }

  private static void mount(JsonGenerator out, Mount mount) throws IOException {
    out.writeStartObject();
    out.writeStringField("path", mount.template());
    out.writeStringField("service", mount.service());
    out.writeStringField("to", mount.to());
    access(out, mount.access());
    out.writeEndObject();
  }

  private static void service(JsonGenerator out, String name, SchemaWatch.View view)
      throws IOException {
    out.writeStringField("name", name);
    out.writeBooleanField("stale", view.snapshot().stale());
    out.writeArrayFieldStart("instances");
    for (ServiceInstance instance : view.snapshot().instances()) {
      instance(out, instance, view.contracts());
    }
    out.writeEndArray();
    out.writeArrayFieldStart("breaking");
    for (Compatibility.Report report : view.breaking()) {
      breaking(out, report);
    }
    out.writeEndArray();
    if (view.schema().isPresent()) {
      ServiceSchema schema = view.schema().get();
      out.writeStringField("contract", schema.fingerprint());
      out.writeArrayFieldStart("grpcServices");
      for (String service : schema.grpcServices()) {
        out.writeString(service);
      }
      out.writeEndArray();
      out.writeArrayFieldStart("versions");
      for (ContractVersion version : ContractVersion.of(schema, view.snapshot())) {
        version(out, version);
      }
      out.writeEndArray();
      out.writeArrayFieldStart("routes");
      for (Route route : schema.routes()) {
        route(out, route);
        out.writeEndObject();
      }
      out.writeEndArray();
      out.writeArrayFieldStart("skipped");
      skipped(out, name, schema.skipped());
      out.writeEndArray();
      out.writeArrayFieldStart("ignoredRules");
      skipped(out, name, schema.ignored());
      out.writeEndArray();
    }
  }

  private static void breaking(JsonGenerator out, Compatibility.Report report) throws IOException {
    BreakingChange change = report.change();
    out.writeStartObject();
    out.writeStringField("from", change.from());
    out.writeStringField("to", change.to());
    out.writeBooleanField("held", report.held());
    out.writeArrayFieldStart("changes");
    for (String text : change.changes()) {
      out.writeString(text);
    }
    out.writeEndArray();
    out.writeNumberField("more", change.more());
    out.writeEndObject();
  }

  private static void version(JsonGenerator out, ContractVersion version) throws IOException {
    out.writeStartObject();
    out.writeStringField("package", version.name());
    out.writeNumberField("rpcs", version.rpcs());
    out.writeNumberField("deprecated", version.deprecated());
    out.writeArrayFieldStart("instances");
    for (String id : version.instances()) {
      out.writeString(id);
    }
    out.writeEndArray();
    out.writeEndObject();
  }

  private static void instance(
      JsonGenerator out,
      ServiceInstance instance,
      Map<String, SchemaWatch.InstanceSchema> contracts)
      throws IOException {
    out.writeStartObject();
    out.writeStringField("id", instance.id());
    out.writeStringField("host", instance.host());
    out.writeNumberField("port", instance.port());
    out.writeStringField("health", instance.health().name().toLowerCase(Locale.ROOT));
    out.writeObjectFieldStart("meta");
    for (var entry : new TreeMap<>(instance.meta()).entrySet()) {
      out.writeStringField(entry.getKey(), entry.getValue());
    }
    out.writeEndObject();
    out.writeArrayFieldStart("checks");
    for (CheckResult check : instance.checks()) {
      out.writeStartObject();
      out.writeStringField("name", check.name());
      out.writeStringField("status", check.status().name().toLowerCase(Locale.ROOT));
      out.writeStringField("output", check.output());
      out.writeEndObject();
    }
    out.writeEndArray();
    SchemaWatch.InstanceSchema contract = contracts.get(instance.key());
    if (contract != null) {
      out.writeStringField("contract", contract.fingerprint());
      if (!contract.problem().isEmpty()) {
        out.writeStringField("problem", contract.problem());
      }
    }
    out.writeEndObject();
  }

  /** Leaves the object open. */
  private static void route(JsonGenerator out, Route route) throws IOException {
    out.writeStartObject();
    out.writeStringField("method", route.httpMethod());
    out.writeStringField("path", route.template().text());
    out.writeStringField("service", route.rpc().service());
    out.writeStringField("rpc", route.rpc().name());
    if (!route.rpc().endOfLife().isEmpty()) {
      out.writeObjectFieldStart("endOfLife");
      for (var header : new TreeMap<>(route.rpc().endOfLife()).entrySet()) {
        out.writeStringField(header.getKey(), header.getValue());
      }
      out.writeEndObject();
    }
    access(out, route.rpc().access());
  }

  private static void access(JsonGenerator out, Access access) throws IOException {
    switch (access) {
      case Access.Public() -> out.writeStringField("access", "public");
      case Access.Authenticated(var roles) -> {
        out.writeStringField("access", "authenticated");
        out.writeArrayFieldStart("roles");
        for (String role : roles.stream().sorted().toList()) {
          out.writeString(role);
        }
        out.writeEndArray();
      }
    }
  }

  private static void skipped(JsonGenerator out, String service, List<ServiceSchema.Skipped> those)
      throws IOException {
    for (ServiceSchema.Skipped skipped : those) {
      out.writeStartObject();
      out.writeStringField("service", service);
      out.writeStringField("rpc", skipped.rpc());
      out.writeStringField("why", skipped.why());
      out.writeEndObject();
    }
  }

  private static String json(Content content) {
    StringWriter text = new StringWriter();
    try (JsonGenerator out = JSON.createGenerator(text)) {
      out.writeStartObject();
      content.write(out);
      out.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }
}
