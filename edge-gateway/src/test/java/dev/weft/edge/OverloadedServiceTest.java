package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import dev.weft.edge.library.GetBookRequest;
import dev.weft.edge.library.GetBookResponse;
import dev.weft.edge.library.LibraryGrpc;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshServer;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A service of the mesh that has more to do than it can, seen from outside. */
@Timeout(120)
class OverloadedServiceTest {
  /** As many reads as a server works on at once before it knows how many it can. */
  private static final int PLACES = 180;

  private final LibraryService library = new LibraryService();
  private EdgeFixture fixture;
  private Mesh mesh;
  private MeshServer server;
  private @Nullable ManagedChannel direct;

  @BeforeEach
  void start() throws Exception {
    fixture = new EdgeFixture(HttpLimits.DEFAULT, new Access.Public());
    mesh = Mesh.open(fixture.config("library"));
    server = mesh.server(library);
    server.start();
    await().atMost(Duration.ofSeconds(60)).until(() -> fixture.status("/library/books/b1") == 200);
  }

  @AfterEach
  void stop() throws Exception {
    if (direct != null) {
      direct.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
    mesh.close();
    fixture.close();
  }

  @Test
  void isAnswered503WithRetryAfterAndServedAgainWhenThereIsRoom() throws Exception {
    List<ListenableFuture<GetBookResponse>> waiting = takeAllPlaces();

    HttpResponse<String> refused = fixture.get("/library/books/b1");

    assertThat(refused.statusCode()).isEqualTo(503);
    assertThat(refused.headers().firstValue("content-type")).hasValue("application/problem+json");
    assertThat(refused.headers().firstValue("retry-after")).hasValue("1");
    assertThat(refused.body()).contains("\"OVERLOADED\"").contains("library.weft");

    waiting.forEach(call -> call.cancel(true));
    await().until(() -> fixture.status("/library/books/b1") == 200);
  }

  @Test
  void isSentNoMoreThanItTakesAndAllAgainWhenItHasRoom() throws Exception {
    List<ListenableFuture<GetBookResponse>> waiting = takeAllPlaces();

    // Of twenty at once it refuses all, so that each time the edge sends fewer.
    await().until(() -> refusedBy(Problem.DOMAIN, atOnce(20)));

    waiting.forEach(call -> call.cancel(true));
    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> atOnce(20).stream().allMatch(answer -> answer.statusCode() == 200));
  }

  private List<ListenableFuture<GetBookResponse>> takeAllPlaces() throws InterruptedException {
    direct = mesh.instanceChannel("library", "127.0.0.1", server.port());
    var stub = LibraryGrpc.newFutureStub(direct);
    GetBookRequest asleep = GetBookRequest.newBuilder().setBookId("asleep").build();
    List<ListenableFuture<GetBookResponse>> waiting =
        Stream.generate(() -> stub.getBook(asleep)).limit(PLACES).toList();
    assertThat(library.waiting.tryAcquire(PLACES, 30, TimeUnit.SECONDS)).isTrue();
    return waiting;
  }

  private List<HttpResponse<String>> atOnce(int count) {
    HttpRequest read = HttpRequest.newBuilder(fixture.uri("/library/books/b1")).build();
    List<CompletableFuture<HttpResponse<String>>> answers =
        Stream.generate(() -> fixture.client.sendAsync(read, BodyHandlers.ofString()))
            .limit(count)
            .toList();
    return answers.stream().map(CompletableFuture::join).toList();
  }

  private static boolean refusedBy(String domain, List<HttpResponse<String>> answers) {
    return answers.stream()
            .allMatch(
                answer -> answer.statusCode() == 503 && answer.body().contains("\"OVERLOADED\""))
        && answers.stream().anyMatch(answer -> answer.body().contains(domain));
  }

  /** Then what was answered before will do, or what the contract declares. */
  @Test
  void isOneThatCannotBeAskedUnlikeAClientThatAsksTooOften() {
    ErrorInfo overloaded =
        ErrorInfo.newBuilder()
            .setReason("OVERLOADED")
            .setDomain("library.weft")
            .putMetadata("http_status", "503")
            .build();

    assertThat(Fallback.isAbsence(problem(overloaded))).isTrue();
    assertThat(Fallback.isAbsence(problem(overloaded.toBuilder().clearMetadata().build())))
        .isFalse();
  }

  private static Problem problem(ErrorInfo info) {
    StatusRuntimeException failure =
        StatusProto.toStatusRuntimeException(
            com.google.rpc.Status.newBuilder()
                .setCode(Status.Code.RESOURCE_EXHAUSTED.value())
                .addDetails(Any.pack(info))
                .build());
    return Problem.of(failure.getStatus(), failure.getTrailers(), null);
  }
}
