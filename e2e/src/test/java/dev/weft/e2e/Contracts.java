package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import io.grpc.ServiceDescriptor;
import io.grpc.protobuf.ProtoServiceDescriptorSupplier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The contracts as they stand in the sources, and who has to serve them. */
final class Contracts {
  /** Contracts that came first; nobody serves them yet. */
  static final Set<String> AHEAD =
      Set.of("shop.notification.v1.NotificationService", "shop.shipping.v1.ShippingService");

  /** Served beside each service's own, by all of them. */
  private static final Set<String> BY_ALL =
      Set.of(
          "weft.admin.v1.AdminService",
          "weft.admin.v1.EventAdminService",
          "weft.event.v1.EventLogService");

  private static final String BY_THE_ISSUER = "weft.identity.v1.IdentityService";

  private static final Pattern PACKAGE = Pattern.compile("(?m)^package ([\\w.]+);");
  private static final Pattern JAVA = Pattern.compile("(?m)^option java_package = \"([\\w.]+)\";");
  private static final Pattern SERVICE = Pattern.compile("(?m)^service (\\w+) \\{");

  private Contracts() {}

  /** What was generated of each service that the sources have, by its name. */
  static Map<String, ServiceDescriptor> all() {
    Map<String, ServiceDescriptor> contracts = new TreeMap<>();
    for (String module : List.of("proto", "platform")) {
      try (Stream<Path> sources =
          Files.walk(Command.ROOT.resolve(module).resolve("src/main/proto"))) {
        for (Path source : sources.filter(file -> file.toString().endsWith(".proto")).toList()) {
          String text = Files.readString(source);
          for (Matcher service = SERVICE.matcher(text); service.find(); ) {
            ServiceDescriptor generated = generated(only(JAVA, text) + "." + service.group(1));
            assertThat(generated.getName()).isEqualTo(only(PACKAGE, text) + "." + service.group(1));
            contracts.put(generated.getName(), generated);
          }
        }
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
    return contracts;
  }

  /** What a process has to serve. */
  static List<ServiceDescriptor> of(String process) {
    String own = "shop." + process.replace("-svc", "") + ".";
    return all().values().stream()
        .filter(
            contract ->
                contract.getName().startsWith(own)
                    || BY_ALL.contains(contract.getName())
                    || (contract.getName().equals(BY_THE_ISSUER) && process.equals("user-svc")))
        .toList();
  }

  private static List<Descriptors.MethodDescriptor> rpcs(ServiceDescriptor contract) {
    if (contract.getSchemaDescriptor() instanceof ProtoServiceDescriptorSupplier supplier) {
      return supplier.getServiceDescriptor().getMethods();
    }
    throw new AssertionError(contract.getName() + " has no descriptor");
  }

  /** All that a process has to serve. */
  static List<Descriptors.MethodDescriptor> rpcs(String process) {
    return of(process).stream().flatMap(contract -> rpcs(contract).stream()).toList();
  }

  /** All that is served. */
  static List<Descriptors.MethodDescriptor> rpcs() {
    return Weft.SERVICES.stream().flatMap(process -> rpcs(process).stream()).distinct().toList();
  }

  static MethodPolicy policy(Descriptors.MethodDescriptor rpc) {
    return rpc.getOptions().getExtension(OptionsProto.method);
  }

  private static String only(Pattern pattern, String text) {
    Matcher found = pattern.matcher(text);
    assertThat(found.find()).as("%s", pattern).isTrue();
    return found.group(1);
  }

  private static ServiceDescriptor generated(String javaName) {
    try {
      return (ServiceDescriptor)
          Class.forName(javaName + "Grpc").getMethod("getServiceDescriptor").invoke(null);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("no code was generated for " + javaName, e);
    }
  }
}
