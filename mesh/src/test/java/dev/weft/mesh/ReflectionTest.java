package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.ManagedChannel;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What tools without generated code ask a service. */
@Timeout(30)
class ReflectionTest {
  private final Meshes meshes = new Meshes();
  private ManagedChannel channel;

  @BeforeEach
  void open() {
    Mesh mesh = meshes.open("echo-svc");
    MeshServer server = mesh.server(new Echo());
    server.start();
    channel = mesh.instanceChannel("echo-svc", "127.0.0.1", server.port());
  }

  @AfterEach
  void close() throws InterruptedException {
    channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    meshes.close();
  }

  private static <Q, P> P ask(Function<StreamObserver<P>, StreamObserver<Q>> method, Q question)
      throws Exception {
    CompletableFuture<P> answer = new CompletableFuture<>();
    StreamObserver<Q> questions =
        method.apply(
            new StreamObserver<>() {
              @Override
              public void onNext(P value) {
                answer.complete(value);
              }

              @Override
              public void onError(Throwable t) {
                answer.completeExceptionally(t);
              }

              @Override
              public void onCompleted() {}
            });
    questions.onNext(question);
    P first = answer.get(10, TimeUnit.SECONDS);
    questions.onCompleted();
    return first;
  }

  @Test
  void listsItsServices() throws Exception {
    ServerReflectionResponse answer =
        ask(
            ServerReflectionGrpc.newStub(channel)::serverReflectionInfo,
            ServerReflectionRequest.newBuilder().setListServices("").build());

    assertThat(answer.getListServicesResponse().getServiceList())
        .extracting(service -> service.getName())
        .contains(
            "weft.test.v1.EchoService",
            "grpc.health.v1.Health",
            "weft.admin.v1.AdminService",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection");
  }

  @Test
  void givesTheirContractsWithTheOptions() throws Exception {
    ServerReflectionResponse answer =
        ask(
            ServerReflectionGrpc.newStub(channel)::serverReflectionInfo,
            ServerReflectionRequest.newBuilder()
                .setFileContainingSymbol("weft.test.v1.EchoService")
                .build());

    assertThat(answer.getFileDescriptorResponse().getFileDescriptorProtoList())
        .anySatisfy(file -> assertThat(file.toStringUtf8()).contains("weft/options/v1/options"));
  }

  // Deprecated, and what many tools still ask.
  @SuppressWarnings("deprecation")
  @Test
  void answersTheOlderVersionToo() throws Exception {
    io.grpc.reflection.v1alpha.ServerReflectionResponse answer =
        ask(
            io.grpc.reflection.v1alpha.ServerReflectionGrpc.newStub(channel)::serverReflectionInfo,
            io.grpc.reflection.v1alpha.ServerReflectionRequest.newBuilder()
                .setListServices("")
                .build());

    assertThat(answer.getListServicesResponse().getServiceList())
        .extracting(service -> service.getName())
        .contains("weft.test.v1.EchoService");
  }
}
