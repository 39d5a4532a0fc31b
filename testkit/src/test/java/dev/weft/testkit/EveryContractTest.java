package dev.weft.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.shop.user.v1.UserServiceGrpc;
import io.grpc.BindableService;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A server refuses to begin with a validation rule that the mesh would leave unchecked. */
class EveryContractTest {
  private static final String GENERATED = "ServiceGrpc.class";

  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  /** All that the contracts of the shop and of the platform hold, so that a new one is here too. */
  static Stream<ServiceDescriptor> services() {
    return Stream.of(UserServiceGrpc.class, IdentityServiceGrpc.class)
        .flatMap(one -> besides(one).stream());
  }

  @Test
  void findsTheContracts() {
    assertThat(services())
        .extracting(ServiceDescriptor::getName)
        .contains(
            "shop.order.v1.AuditService",
            "shop.payment.v1.PaymentService",
            "weft.identity.v1.IdentityService");
  }

  @ParameterizedTest
  @MethodSource("services")
  void everyRuleOfTheContractsIsChecked(ServiceDescriptor service) {
    assertThatCode(() -> mesh.serve("user-svc", unimplemented(service))).doesNotThrowAnyException();
  }

  private static BindableService unimplemented(ServiceDescriptor service) {
    return () -> {
      ServerServiceDefinition.Builder definition = ServerServiceDefinition.builder(service);
      service.getMethods().forEach(method -> add(definition, method));
      return definition.build();
    };
  }

  private static <Q, P> void add(
      ServerServiceDefinition.Builder definition, MethodDescriptor<Q, P> method) {
    definition.addMethod(method, (_, _) -> new ServerCall.Listener<>() {});
  }

  /** The services generated where this one is: a folder, or a jar once it was packaged. */
  private static List<ServiceDescriptor> besides(Class<?> generated) {
    try {
      Path at = Path.of(generated.getProtectionDomain().getCodeSource().getLocation().toURI());
      if (Files.isDirectory(at)) {
        return in(at);
      }
      try (FileSystem jar = FileSystems.newFileSystem(at)) {
        return in(jar.getPath("/"));
      }
    } catch (IOException | URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<ServiceDescriptor> in(Path root) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      return files
          .map(file -> root.relativize(file).toString())
          .filter(name -> name.endsWith(GENERATED))
          .map(name -> name.replace('/', '.').substring(0, name.length() - ".class".length()))
          .map(EveryContractTest::descriptor)
          .toList();
    }
  }

  private static ServiceDescriptor descriptor(String className) {
    try {
      return (ServiceDescriptor)
          Class.forName(className).getMethod("getServiceDescriptor").invoke(null);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(className, e);
    }
  }
}
