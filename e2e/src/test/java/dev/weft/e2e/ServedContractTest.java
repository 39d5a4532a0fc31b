package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MethodDescriptorProto;
import com.google.protobuf.DescriptorProtos.ServiceDescriptorProto;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.admin.v1.AdminServiceGrpc;
import io.grpc.MethodDescriptor;
import io.grpc.ServiceDescriptor;
import io.grpc.StatusException;
import io.grpc.protobuf.ProtoFileDescriptorSupplier;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.BlockingClientCall;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
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

  private final Weft weft;

  private final Map<String, ServiceDescriptor> contracts = Contracts.all();

  ServedContractTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void everyContractIsServedBySomebodyOrKnownToBeAhead() {
    List<String> served = new ArrayList<>();
    Weft.SERVICES.forEach(process -> served.addAll(names(process)));

    assertThat(contracts.keySet()).hasSizeGreaterThan(10);
    assertThat(contracts.keySet())
        .allMatch(
            name -> served.contains(name) ^ Contracts.AHEAD.contains(name), "served or ahead");
  }

  @ParameterizedTest
  @ValueSource(strings = {"user-svc", "order-svc", "payment-svc", "inventory-svc"})
  void aProcessServesItsWholeContractAndNothingElse(String process) {
    Map<String, FileDescriptorProto> files = new TreeMap<>();
    List<String> names = reflected(process, _ -> true, files);

    assertThat(names).containsExactlyInAnyOrderElementsOf(names(process));
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
    // The mesh's own is on every process, and says nothing of what this one is for.
    reflected(process, name -> !name.equals(AdminServiceGrpc.SERVICE_NAME), files);

    JsonNode instances =
        Visitor.fetch(weft.url("registry") + "/v1/health/service/" + process).json();

    assertThat(instances).hasSize(1);
    assertThat(instances.at("/0/Service/Meta/schema").asText()).isEqualTo(hash(files));
  }

  private ServiceDescriptor contract(String name) {
    return Objects.requireNonNull(contracts.get(name), name);
  }

  /** What a process has to serve. */
  private static List<String> names(String process) {
    return Contracts.of(process).stream().map(ServiceDescriptor::getName).toList();
  }

  /**
   * Asks a running process what it serves.
   *
   * @param described of these services {@code files} gets the files
   * @param files gets the files that describe them and all they import, by name
   * @return the names of its services, but for those of gRPC itself
   */
  private List<String> reflected(
      String process, Predicate<String> described, Map<String, FileDescriptorProto> files) {
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
      for (String name : names.stream().filter(described).toList()) {
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
}
