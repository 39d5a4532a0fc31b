package dev.weft.edge;

import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.mesh.Mesh;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.ClientCalls;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Asks one instance what it serves, by server reflection v1 or, if it does not know that, v1alpha.
 * What it may answer is bounded in time, bytes and number.
 *
 * <p>Blocks; meant for virtual threads.
 */
final class Reflection {
  private static final Duration WITHIN = Duration.ofSeconds(5);
  private static final int SERVICES_MAX = 500;
  private static final int FILES_MAX = 2_000;
  private static final long BYTES_MAX = 16L * 1024 * 1024;

  /** Of the platform, not of the service. */
  private static final List<String> NOT_ASKED = List.of("grpc.reflection.", "grpc.health.");

  private Reflection() {}

  /** The instance could not be asked, or its answer makes no sense. */
  static final class Failed extends Exception {
    private static final long serialVersionUID = 1L;

    private final boolean unknown;

    Failed(String message) {
      this(message, false);
    }

    private Failed(String message, boolean unknown) {
      super(message, null, false, false);
      this.unknown = unknown;
    }

    /** Whether it does not know reflection at all. */
    boolean unknown() {
      return unknown;
    }
  }

  /**
   * Asks the instance at the other end of this channel, which must have one end only.
   *
   * @param name of its service in the registry
   */
  static Reflected ask(Channel instance, String name) throws Failed, InterruptedException {
    try {
      return askBy(instance, "grpc.reflection.v1.ServerReflection");
    } catch (StatusException e) {
      if (e.getStatus().getCode() != Status.Code.UNIMPLEMENTED) {
        throw failed(e, name);
      }
    }
    try {
      // The messages of both are the same on the wire.
      return askBy(instance, "grpc.reflection.v1alpha.ServerReflection");
    } catch (StatusException e) {
      throw failed(e, name);
    }
  }

  private static Failed failed(StatusException e, String name) {
    Status.Code code = e.getStatus().getCode();
    return new Failed(
        Mesh.whyUnreached(name, e.getStatus()).orElse("reflection answered " + code),
        code == Status.Code.UNIMPLEMENTED);
  }

  private static Reflected askBy(Channel instance, String service)
      throws StatusException, Failed, InterruptedException {
    BlockingClientCall<ServerReflectionRequest, ServerReflectionResponse> call =
        ClientCalls.blockingBidiStreamingCall(
            instance,
            method(service),
            CallOptions.DEFAULT.withDeadlineAfter(WITHIN.toMillis(), TimeUnit.MILLISECONDS));
    try {
      return new Conversation(call).all();
    } finally {
      call.cancel("all is said", null);
    }
  }

  private static MethodDescriptor<ServerReflectionRequest, ServerReflectionResponse> method(
      String service) {
    return MethodDescriptor.<ServerReflectionRequest, ServerReflectionResponse>newBuilder()
        .setType(MethodDescriptor.MethodType.BIDI_STREAMING)
        .setFullMethodName(MethodDescriptor.generateFullMethodName(service, "ServerReflectionInfo"))
        .setRequestMarshaller(ProtoUtils.marshaller(ServerReflectionRequest.getDefaultInstance()))
        .setResponseMarshaller(ProtoUtils.marshaller(ServerReflectionResponse.getDefaultInstance()))
        .build();
  }

  /** One stream: a question, its answer, and so on. */
  private static final class Conversation {
    private final BlockingClientCall<ServerReflectionRequest, ServerReflectionResponse> call;
    private final Map<String, ByteString> files = new HashMap<>();
    private final Deque<String> missing = new ArrayDeque<>();
    private final Set<String> asked = new HashSet<>();
    private long bytes;

    Conversation(BlockingClientCall<ServerReflectionRequest, ServerReflectionResponse> call) {
      this.call = call;
    }

    Reflected all() throws StatusException, Failed, InterruptedException {
      ServerReflectionResponse list =
          answer(ServerReflectionRequest.newBuilder().setListServices("*"));
      if (!list.hasListServicesResponse()) {
        throw new Failed("reflection does not list its services");
      }
      List<String> services = new ArrayList<>();
      for (ServiceResponse named : list.getListServicesResponse().getServiceList()) {
        String name = named.getName();
        if (NOT_ASKED.stream().anyMatch(name::startsWith)) {
          continue;
        }
        if (services.size() == SERVICES_MAX) {
          throw new Failed("more than " + SERVICES_MAX + " services");
        }
        // One that it cannot describe must not hide the others.
        if (add(answer(ServerReflectionRequest.newBuilder().setFileContainingSymbol(name)))) {
          services.add(name);
        }
      }
      while (!missing.isEmpty()) {
        String name = missing.remove();
        if (!files.containsKey(name) && asked.add(name)) {
          add(answer(ServerReflectionRequest.newBuilder().setFileByFilename(name)));
        }
      }
      return Reflected.of(services, files);
    }

    private ServerReflectionResponse answer(ServerReflectionRequest.Builder question)
        throws StatusException, Failed, InterruptedException {
      call.write(question.build());
      ServerReflectionResponse answer = call.read();
      if (answer == null) {
        throw new Failed("reflection ended before its last answer");
      }
      return answer;
    }

    private boolean add(ServerReflectionResponse answer) throws Failed {
      if (!answer.hasFileDescriptorResponse()) {
        return false;
      }
      for (ByteString file : answer.getFileDescriptorResponse().getFileDescriptorProtoList()) {
        FileDescriptorProto parsed;
        try {
          parsed = FileDescriptorProto.parseFrom(file);
        } catch (InvalidProtocolBufferException e) {
          throw new Failed("reflection answered a file that cannot be read");
        }
        if (files.putIfAbsent(parsed.getName(), file) == null) {
          bytes += file.size();
          missing.addAll(parsed.getDependencyList());
        }
        if (files.size() > FILES_MAX || bytes > BYTES_MAX) {
          throw new Failed(
              "more than " + FILES_MAX + " files or " + BYTES_MAX + " bytes of descriptors");
        }
      }
      return true;
    }
  }
}
