package dev.weft.operator;

import dev.weft.admin.v1.AdminServiceGrpc;
import dev.weft.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import dev.weft.consul.ConsulException;
import dev.weft.consul.Health;
import dev.weft.consul.ServiceInstance;
import dev.weft.mesh.AdminServer;
import dev.weft.mesh.CallPolicy;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.RemoteError;
import dev.weft.operator.Services.Answers;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The processes of one system, each asked by itself: what becomes of a call is decided in its
 * caller, and two instances of a service know different things. Found in the registry, called over
 * the mesh, with the operator's key. Registers nothing.
 */
final class Processes implements AutoCloseable {
  // As the contract has it for explanations, which may wait 5 s for the registry. Every method of
  // it is repeatable.
  private static final CallPolicy PATIENT =
      new CallPolicy(
          Duration.ofSeconds(8),
          true,
          CallPolicy.DEFAULT.streamIdle(),
          CallPolicy.DEFAULT.streamMaxAge());

  private final Supplier<List<Running>> running;
  private final Runnable closing;

  /**
   * A process.
   *
   * @param service what it runs
   * @param address where it is registered
   */
  record Running(String service, String address, Channel channel) {
    String name() {
      return Text.clean(service + "@" + address);
    }
  }

  Processes(Supplier<List<Running>> running, Runnable closing) {
    this.running = running;
    this.closing = closing;
  }

  /**
   * Those of an installation.
   *
   * @param given what the operator says of TLS, if it is not the default
   */
  static Processes of(Installation installation, Map<String, String> given) {
    return of(Services.mesh(installation, given));
  }

  /** Those in the registry of a mesh, which is closed with this. */
  static Processes of(Mesh mesh) {
    List<ManagedChannel> opened = new ArrayList<>();
    return new Processes(
        () -> running(mesh, opened),
        () -> {
          opened.forEach(ManagedChannel::shutdownNow);
          mesh.close();
        });
  }

  private static List<Running> running(Mesh mesh, List<ManagedChannel> opened) {
    List<Running> all = new ArrayList<>();
    for (String service : new TreeSet<>(Services.catalog(mesh).keySet())) {
      if (!mesh.ours(service)) {
        continue;
      }
      for (ServiceInstance instance : mesh.consul().instances(service)) {
        int port = port(instance);
        if (port > 0 && instance.health() != Health.CRITICAL) {
          ManagedChannel transport = mesh.instanceChannel(service, instance.host(), port);
          opened.add(transport);
          all.add(
              new Running(
                  service,
                  instance.host() + ":" + instance.port(),
                  mesh.channel(service, transport)));
        }
      }
    }
    return all;
  }

  /** Where it serves {@code weft.admin.v1}; 0 for nowhere. */
  private static int port(ServiceInstance instance) {
    String own = instance.meta().getOrDefault(AdminServer.META_PORT, "");
    if (own.matches("\\d{1,5}")) {
      return Integer.parseInt(own);
    }
    return instance.tags().contains("http") ? 0 : instance.port();
  }

  /**
   * Asks all at once.
   *
   * @param service those that run this one alone; empty for all
   * @throws Trouble if nobody can be asked, or if the question is wrong, which it is for all
   */
  <T> Answers<T> askAll(String service, Function<AdminServiceBlockingStub, T> question) {
    List<Running> chosen = chosen(service);
    Map<String, T> replies = new LinkedHashMap<>();
    List<Trouble> troubles = new ArrayList<>();
    int denied = 0;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<T>> asked =
          chosen.stream()
              .map(process -> threads.submit(() -> question.apply(admin(process))))
              .toList();
      for (int i = 0; i < asked.size(); i++) {
        try {
          replies.put(chosen.get(i).name(), asked.get(i).get());
        } catch (ExecutionException e) {
          if (!(e.getCause() instanceof StatusRuntimeException status)) {
            throw new IllegalStateException(e.getCause());
          }
          RemoteError error = RemoteError.of(status.getStatus(), status.getTrailers());
          if (error.code() == Status.Code.INVALID_ARGUMENT) {
            throw new Trouble(Trouble.USAGE, Text.clean(error.message()));
          }
          denied += isDenied(error) ? 1 : 0;
          troubles.add(trouble(chosen.get(i).name(), error, status));
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Trouble(Trouble.FAILED, "interrupted");
    }
    if (denied == chosen.size()) {
      throw new Trouble(
          Trouble.FAILED,
          "no process tells the operator what it decides: WEFT_ADMIN_CALLERS of each has to name"
              + " operator, as after WEFT_ADMIN_CALLERS=operator ./weft up");
    }
    return new Answers<>(replies, troubles);
  }

  private List<Running> chosen(String service) {
    List<Running> all;
    try {
      all = running.get();
    } catch (ConsulException e) {
      throw new Trouble(
          e.status() == 0 ? Trouble.NOT_RUNNING : Trouble.FAILED, String.valueOf(e.getMessage()));
    }
    if (all.isEmpty()) {
      throw new Trouble(Trouble.NOT_RUNNING, "no process of ours is in the registry");
    }
    List<Running> chosen =
        all.stream()
            .filter(process -> service.isEmpty() || process.service().equals(service))
            .toList();
    if (chosen.isEmpty()) {
      throw new Trouble(
          Trouble.FAILED,
          "no process of %s can be asked; there are %s"
              .formatted(
                  Text.clean(service),
                  String.join(", ", new TreeSet<>(all.stream().map(Running::service).toList()))));
    }
    return chosen;
  }

  private static AdminServiceBlockingStub admin(Running process) {
    return AdminServiceGrpc.newBlockingStub(process.channel()).withOption(CallPolicy.KEY, PATIENT);
  }

  /** By its configuration, as all of them are by default. */
  private static boolean isDenied(RemoteError error) {
    return error.reason().equals("CALLER_NOT_ALLOWED");
  }

  private static Trouble trouble(String process, RemoteError error, StatusRuntimeException e) {
    return switch (error.code()) {
      case PERMISSION_DENIED ->
          new Trouble(
              Trouble.FAILED,
              "%s tells the operator nothing: %s"
                  .formatted(
                      process,
                      isDenied(error)
                          ? "its WEFT_ADMIN_CALLERS does not name operator"
                          : Text.clean(error.message())));
      case UNIMPLEMENTED ->
          new Trouble(
              Trouble.FAILED,
              process + " does not serve weft.admin.v1.AdminService: it is of an older version");
      default -> Services.trouble(process, e);
    };
  }

  @Override
  public void close() {
    closing.run();
  }
}
