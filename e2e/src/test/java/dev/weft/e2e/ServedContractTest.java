package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MethodDescriptorProto;
import com.google.protobuf.DescriptorProtos.ServiceDescriptorProto;
import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.MethodDescriptor;
import io.grpc.ServiceDescriptor;
import io.grpc.StatusException;
import io.grpc.protobuf.ProtoFileDescriptorSupplier;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.BlockingClientCall;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the contracts promise is what runs: each process serves every service of its contracts, with
 * exactly their RPCs, and tells the registry so.
 */
@ExtendWith(SharedWeft.class)
final class ServedContractTest {
  private static final int SECONDS = 10;

  /** Served beside each service's own, by all of them. */
  private static final Set<String> BY_ALL =
      Set.of("weft.admin.v1.EventAdminService", "weft.event.v1.EventLogService");

  private static final String BY_THE_ISSUER = "weft.identity.v1.IdentityService";

  /** Contracts that came first; nobody serves them yet. */
  private static final Set<String> AHEAD =
      Set.of("shop.notification.v1.NotificationService", "shop.shipping.v1.ShippingService");

  private static final Pattern PACKAGE = Pattern.compile("(?m)^package ([\\w.]+);");
  private static final Pattern JAVA = Pattern.compile("(?m)^option java_package = \"([\\w.]+)\";");
  private static final Pattern SERVICE = Pattern.compile("(?m)^service (\\w+) \\{");

  private final Weft weft;

  /** The generated descriptor of each service that the sources of the contracts have, by name. */
  private final Map<String, ServiceDescriptor> contracts = contracts();

  ServedContractTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void everyContractIsServedBySomebodyOrKnownToBeAhead() {
    List<String> served = new ArrayList<>();
    Weft.SERVICES.forEach(process -> served.addAll(owed(process)));

    assertThat(contracts.keySet()).hasSizeGreaterThan(10);
    assertThat(contracts.keySet())
        .allMatch(name -> served.contains(name) ^ AHEAD.contains(name), "served or ahead");
  }

  @ParameterizedTest
  @ValueSource(strings = {"user-svc", "order-svc", "payment-svc", "inventory-svc"})
  void aProcessServesItsWholeContractAndNothingElse(String process) {
    Map<String, FileDescriptorProto> files = new TreeMap<>();
    List<String> names = reflected(process, files);

    assertThat(names).containsExactlyInAnyOrderElementsOf(owed(process));
    for (String name : names) {
      assertThat(rpcs(name, files.values()))
          .as(name)
          .containsExactlyInAnyOrderElementsOf(
              contract(name).getMethods().stream()
                  .map(MethodDescriptor::getBareMethodName)
                  .toList());
      FileDescriptorProto compiled = file(contract(name));
      assertThat(files.get(compiled.getName())).as(compiled.getName()).isEqualTo(compiled);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"user-svc", "order-svc", "payment-svc", "inventory-svc"})
  void theRegistryKnowsWhichContractAProcessServes(String process) {
    Map<String, FileDescriptorProto> files = new TreeMap<>();
    reflected(process, files);

    JsonNode instances =
        Visitor.fetch(weft.url("registry") + "/v1/health/service/" + process).json();

    assertThat(instances).hasSize(1);
    assertThat(instances.at("/0/Service/Meta/schema").asText()).isEqualTo(hash(files));
  }

  private ServiceDescriptor contract(String name) {
    return Objects.requireNonNull(contracts.get(name), name);
  }

  /** What a process has to serve. */
  private List<String> owed(String process) {
    String own = "shop." + process.replace("-svc", "") + ".";
    return contracts.keySet().stream()
        .filter(
            name ->
                name.startsWith(own)
                    || BY_ALL.contains(name)
                    || (name.equals(BY_THE_ISSUER) && process.equals("user-svc")))
        .toList();
  }

  /**
   * Asks a running process what it serves.
   *
   * @param files gets the files that describe it and all they import, by name
   * @return the names of its services, but for those of gRPC itself
   */
  private List<String> reflected(String process, Map<String, FileDescriptorProto> files) {
    try (ServicePort port = ServicePort.open(weft, process)) {
      var asking =
          ServerReflectionGrpc.newBlockingV2Stub(port.asNobody())
              .withDeadlineAfter(SECONDS, TimeUnit.SECONDS)
              .serverReflectionInfo();
      List<String> names =
          ask(asking, ServerReflectionRequest.newBuilder().setListServices("*"))
              .getListServicesResponse()
              .getServiceList()
              .stream()
              .map(ServiceResponse::getName)
              .filter(name -> !name.startsWith("grpc."))
              .toList();
      Deque<String> missing = new ArrayDeque<>();
      for (String name : names) {
        add(
            ask(asking, ServerReflectionRequest.newBuilder().setFileContainingSymbol(name)),
            files,
            missing);
      }
      while (!missing.isEmpty()) {
        String file = missing.remove();
        if (!files.containsKey(file)) {
          add(
              ask(asking, ServerReflectionRequest.newBuilder().setFileByFilename(file)),
              files,
              missing);
        }
      }
      asking.cancel("all is said", null);
      return names;
    } catch (StatusException | InvalidProtocolBufferException e) {
      throw new AssertionError(process, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static ServerReflectionResponse ask(
      BlockingClientCall<ServerReflectionRequest, ServerReflectionResponse> asking,
      ServerReflectionRequest.Builder question)
      throws StatusException, InterruptedException {
    asking.write(question.build());
    ServerReflectionResponse answer = asking.read();
    if (answer == null || answer.hasErrorResponse()) {
      throw new AssertionError(question + " was answered " + answer);
    }
    return answer;
  }

  private static void add(
      ServerReflectionResponse answer,
      Map<String, FileDescriptorProto> files,
      Deque<String> missing)
      throws InvalidProtocolBufferException {
    for (ByteString bytes : answer.getFileDescriptorResponse().getFileDescriptorProtoList()) {
      FileDescriptorProto file = FileDescriptorProto.parseFrom(bytes);
      files.put(file.getName(), file);
      missing.addAll(file.getDependencyList());
    }
  }

  private static List<String> rpcs(String service, Iterable<FileDescriptorProto> files) {
    for (FileDescriptorProto file : files) {
      for (ServiceDescriptorProto one : file.getServiceList()) {
        if (service.equals(file.getPackage() + "." + one.getName())) {
          return one.getMethodList().stream().map(MethodDescriptorProto::getName).toList();
        }
      }
    }
    throw new AssertionError("no file has " + service);
  }

  /** As a service in any language would: over the files in the order of their names. */
  private static String hash(Map<String, FileDescriptorProto> files) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      files.values().forEach(file -> digest.update(file.toByteArray()));
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  private static FileDescriptorProto file(ServiceDescriptor service) {
    if (service.getSchemaDescriptor() instanceof ProtoFileDescriptorSupplier supplier) {
      try {
        // As it arrives: options of ours are bytes to whoever does not know them.
        return FileDescriptorProto.parseFrom(supplier.getFileDescriptor().toProto().toByteString());
      } catch (InvalidProtocolBufferException e) {
        throw new AssertionError(e);
      }
    }
    throw new AssertionError(service.getName() + " has no file");
  }

  private static Map<String, ServiceDescriptor> contracts() {
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
