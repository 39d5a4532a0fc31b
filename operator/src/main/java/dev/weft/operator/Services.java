package dev.weft.operator;

import dev.weft.admin.v1.EventAdminServiceGrpc;
import dev.weft.admin.v1.EventAdminServiceGrpc.EventAdminServiceBlockingStub;
import dev.weft.consul.ConsulException;
import dev.weft.mesh.CallPolicy;
import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.RemoteError;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The services of one system, as the operator asks them: found in the registry, called over the
 * mesh, with the operator's key. Registers nothing.
 */
final class Services implements AutoCloseable {
  /** The name that the contracts of {@code weft.admin.v1} allow. */
  static final String OPERATOR = "operator";

  // A person waits for the answer, and would wait a little longer for a machine that is busy.
  // Every method of the contract is repeatable.
  private static final CallPolicy PATIENT =
      new CallPolicy(
          Duration.ofSeconds(5),
          true,
          CallPolicy.DEFAULT.streamIdle(),
          CallPolicy.DEFAULT.streamMaxAge());

  private static final String TLS = "WEFT_TLS";
  private static final List<String> MORE_OF_TLS =
      List.of("WEFT_TLS_WAIT", "WEFT_PLAINTEXT_UPSTREAMS");

  private final Supplier<Set<String>> registered;
  private final Function<String, Channel> channels;
  private final Runnable closing;

  /** What several services said, and why others said nothing. */
  record Answers<T>(Map<String, T> replies, List<Trouble> troubles) {}

  Services(Supplier<Set<String>> registered, Function<String, Channel> channels, Runnable closing) {
    this.registered = registered;
    this.channels = channels;
    this.closing = closing;
  }

  /**
   * Those of an installation.
   *
   * @param given what the operator says of TLS, if it is not what the installation does
   */
  static Services of(Installation installation, Map<String, String> given) {
    return of(mesh(installation, given));
  }

  /** Those in the registry of a mesh, which is closed with this. */
  static Services of(Mesh mesh) {
    return new Services(() -> grpcServices(mesh), mesh::channel, mesh::close);
  }

  /**
   * The operator's own place on the mesh of an installation.
   *
   * @param given as for {@link #of}
   */
  static Mesh mesh(Installation installation, Map<String, String> given) {
    Map<String, String> environment = new HashMap<>();
    String said = given.getOrDefault(TLS, "");
    environment.put(TLS, said.isEmpty() && installation.plaintext() ? "off" : said);
    for (String variable : MORE_OF_TLS) {
      environment.put(variable, given.getOrDefault(variable, ""));
    }
    environment.put("CONSUL_HTTP_ADDR", installation.registry());
    installation.token().ifPresent(token -> environment.put("CONSUL_HTTP_TOKEN", token));
    installation
        .tokenFile()
        .ifPresent(file -> environment.put("CONSUL_HTTP_TOKEN_FILE", file.toString()));
    environment.put("WEFT_SERVICE_KEY_FILE", installation.key().toString());
    environment.put("WEFT_SERVICE_KEYS_FILE", installation.keys().toString());
    // Nobody collects from a command.
    environment.put("OTEL_SDK_DISABLED", "true");
    try {
      return Mesh.open(MeshConfig.from(Env.of(environment), OPERATOR));
    } catch (ConfigException e) {
      throw new Trouble(Trouble.USAGE, String.valueOf(e.getMessage()));
    }
  }

  private static Set<String> grpcServices(Mesh mesh) {
    Set<String> names = new TreeSet<>();
    catalog(mesh)
        .forEach(
            (name, tags) -> {
              if (mesh.ours(name) && !tags.contains("http")) {
                names.add(name);
              }
            });
    return names;
  }

  /**
   * All services of the registry and their tags.
   *
   * @throws Trouble if there are none: each registry has itself, so it hides them from us
   */
  static Map<String, List<String>> catalog(Mesh mesh) {
    Map<String, List<String>> all = mesh.consul().services();
    if (all.isEmpty()) {
      throw new Trouble(
          Trouble.FAILED,
          "the registry shows nothing, not even itself: it needs a token that may read nodes and"
              + " services, such as the operator's, by CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE or"
              + " as the file operator in WEFT_CONSUL_TOKENS_DIR");
    }
    return all;
  }

  /**
   * The services that are meant: those that are named, all of which have to be in the registry, or
   * all of ours.
   */
  List<String> chosen(List<String> named) {
    Set<String> all;
    try {
      all = registered.get();
    } catch (ConsulException e) {
      throw new Trouble(
          e.status() == 0 ? Trouble.NOT_RUNNING : Trouble.FAILED, String.valueOf(e.getMessage()));
    }
    for (String name : named) {
      if (!all.contains(name)) {
        throw new Trouble(
            Trouble.FAILED,
            "no service %s of ours in the registry; there are %s"
                .formatted(Text.clean(name), all.isEmpty() ? "none" : String.join(", ", all)));
      }
    }
    if (all.isEmpty()) {
      throw new Trouble(Trouble.NOT_RUNNING, "no service of ours is in the registry");
    }
    return List.copyOf(named.isEmpty() ? all : new TreeSet<>(named));
  }

  /** One service that has to be in the registry. */
  <T> T ask(String service, Function<EventAdminServiceBlockingStub, T> question) {
    chosen(List.of(service));
    try {
      return question.apply(admin(service));
    } catch (StatusRuntimeException e) {
      throw trouble(service, e);
    }
  }

  /** All that are meant, at once; without those that have no events, unless they are named. */
  <T> Answers<T> askAll(List<String> named, Function<EventAdminServiceBlockingStub, T> question) {
    List<String> chosen = chosen(named);
    Map<String, T> replies = new LinkedHashMap<>();
    List<Trouble> troubles = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<T>> asked =
          chosen.stream()
              .map(service -> threads.submit(() -> question.apply(admin(service))))
              .toList();
      for (int i = 0; i < asked.size(); i++) {
        String service = chosen.get(i);
        try {
          replies.put(service, asked.get(i).get());
        } catch (ExecutionException e) {
          if (!(e.getCause() instanceof StatusRuntimeException status)) {
            throw new IllegalStateException(e.getCause());
          }
          if (!named.isEmpty() || !hasNoEvents(status)) {
            troubles.add(trouble(service, status));
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Trouble(Trouble.FAILED, "interrupted");
    }
    if (replies.isEmpty() && troubles.isEmpty()) {
      throw noneHasEvents();
    }
    return new Answers<>(replies, troubles);
  }

  EventAdminServiceBlockingStub admin(String service) {
    return EventAdminServiceGrpc.newBlockingStub(channels.apply(service))
        .withOption(CallPolicy.KEY, PATIENT);
  }

  static boolean hasNoEvents(StatusRuntimeException e) {
    return e.getStatus().getCode() == Status.Code.UNIMPLEMENTED;
  }

  static Trouble noneHasEvents() {
    return new Trouble(Trouble.FAILED, "no service in the registry serves weft.admin.v1");
  }

  /** Whether it may go better later. */
  static boolean passes(StatusRuntimeException e) {
    return switch (e.getStatus().getCode()) {
      case UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN, RESOURCE_EXHAUSTED, ABORTED -> true;
      default -> false;
    };
  }

  static Trouble trouble(String service, StatusRuntimeException e) {
    RemoteError error = RemoteError.of(e.getStatus(), e.getTrailers());
    String said = Text.clean(error.message());
    String line =
        switch (error.code()) {
          case UNIMPLEMENTED -> service + " has no events to show: it does not serve weft.admin.v1";
          case PERMISSION_DENIED, UNAUTHENTICATED ->
              error.reason().equals("INTENTION_DENIED")
                  ? "the registry does not let the operator call %s (%s): that takes an intention"
                      .formatted(service, said)
                  : "%s does not take this for the operator's key (%s: %s): use the one of its own system"
                      .formatted(service, error.code(), said);
          case UNAVAILABLE, DEADLINE_EXCEEDED ->
              "%s does not answer (%s: %s): see ./weft status"
                  .formatted(service, error.code(), said);
          case INVALID_ARGUMENT ->
              error.violations().isEmpty()
                  ? service + ": " + said
                  : service + ": " + violations(error);
          case NOT_FOUND -> service + ": " + said;
          default -> "%s: %s: %s".formatted(service, error.code(), said);
        };
    return new Trouble(Trouble.FAILED, line);
  }

  private static String violations(RemoteError error) {
    return Text.clean(
        String.join(
            ", ",
            error.violations().stream().map(v -> v.field() + " " + v.description()).toList()));
  }

  @Override
  public void close() {
    closing.run();
  }
}
