package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.util.Durations;
import com.google.rpc.ErrorInfo;
import dev.weft.edge.library.AddBooksRequest;
import dev.weft.edge.library.AddBooksResponse;
import dev.weft.edge.library.Book;
import dev.weft.edge.library.BurnBookRequest;
import dev.weft.edge.library.FailRequest;
import dev.weft.edge.library.GetBookRequest;
import dev.weft.edge.library.InternalRequest;
import dev.weft.edge.library.LendBookRequest;
import dev.weft.edge.library.LendBookResponse;
import dev.weft.edge.library.LibraryGrpc;
import dev.weft.edge.library.ListBooksRequest;
import dev.weft.edge.library.PingRequest;
import dev.weft.edge.library.TalkRequest;
import dev.weft.edge.library.TalkResponse;
import dev.weft.edge.library.WatchBookRequest;
import dev.weft.edge.library.WatchBookResponse;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** gRPC by generated stubs on the port of REST. */
class GrpcTest {
  private static final LibraryService LIBRARY = new LibraryService();
  private static EdgeFixture fixture;
  private static ManagedChannel channel;

  @BeforeAll
  static void open() throws Exception {
    fixture = EdgeFixture.with(LIBRARY);
    channel = connect();
  }

  @AfterAll
  static void close() throws Exception {
    channel.shutdownNow();
    fixture.close();
  }

  private static ManagedChannel connect() {
    return Grpc.newChannelBuilder(
            "127.0.0.1:" + fixture.edge.port(), InsecureChannelCredentials.create())
        .build();
  }

  private static LibraryGrpc.LibraryBlockingV2Stub library() {
    return LibraryGrpc.newBlockingV2Stub(channel).withDeadlineAfter(20, TimeUnit.SECONDS);
  }

  private static LibraryGrpc.LibraryBlockingV2Stub library(String... namesAndValues) {
    Metadata metadata = new Metadata();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      metadata.put(
          Metadata.Key.of(namesAndValues[i], Metadata.ASCII_STRING_MARSHALLER),
          namesAndValues[i + 1]);
    }
    return library().withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  @Test
  void answersACallOfOneMessage() throws Exception {
    assertThat(library().getBook(GetBookRequest.newBuilder().setBookId("b1").build()).getBook())
        .isEqualTo(Book.newBuilder().setBookId("b1").build());
    assertThat(
            library()
                .listBooks(ListBooksRequest.newBuilder().setPageSize(3_000).build())
                .getBooksCount())
        .as("a large answer")
        .isEqualTo(3_000);
    assertThat(library().withCompression("gzip").ping(ping("zip")).getText()).isEqualTo("zip");
  }

  private static PingRequest ping(String text) {
    return PingRequest.newBuilder().setText(text).build();
  }

  @Test
  void offersWhatSaysThatItIsForAnybodyAndNothingElseWithoutARule() throws Exception {
    assertThat(library().ping(ping("x")).getText()).isEqualTo("x");
    assertThatThrownBy(() -> library().internal(InternalRequest.getDefaultInstance()))
        .satisfies(failed(Status.Code.UNIMPLEMENTED, "RPC_NOT_FOUND"));
  }

  @Test
  void streamsToTheClient() throws Exception {
    BlockingClientCall<?, WatchBookResponse> call =
        library().watchBook(WatchBookRequest.newBuilder().setBookId("b").setCount(100).build());
    for (int i = 0; i < 100; i++) {
      assertThat(call.read().getBook().getPageCount()).isEqualTo(i);
    }
    assertThat(call.read()).isNull();
  }

  @Test
  void streamsFromTheClient() throws Exception {
    BlockingClientCall<AddBooksRequest, AddBooksResponse> call = library().addBooks();
    for (String title : new String[] {"x", "y", "z"}) {
      call.write(book(title));
    }
    call.halfClose();
    assertThat(call.read())
        .isEqualTo(AddBooksResponse.newBuilder().setCount(3).setTitles("xyz").build());
  }

  private static AddBooksRequest book(String title) {
    return AddBooksRequest.newBuilder().setBook(Book.newBuilder().setTitle(title)).build();
  }

  @Test
  void streamsBothWaysAtOnce() throws Exception {
    BlockingClientCall<TalkRequest, TalkResponse> call = library().talk();
    for (int i = 0; i < 50; i++) {
      call.write(TalkRequest.newBuilder().setText("t" + i).build());
      assertThat(call.read().getText()).isEqualTo("t" + i);
    }
    call.write(TalkRequest.newBuilder().setText("bye").build());
    assertThat(call.read().getText()).isEqualTo("bye");
    assertThat(call.read()).as("the service ended it").isNull();
  }

  @Test
  void takesNoMoreFromTheClientThanTheOtherSideTakes() throws Exception {
    BlockingClientCall<TalkRequest, TalkResponse> call = library().talk();
    TalkRequest large =
        TalkRequest.newBuilder().setTopic("deaf").setText("x".repeat(30_000)).build();
    AtomicInteger sent = new AtomicInteger();
    assertThatThrownBy(
            () -> {
              while (call.write(large, 500, TimeUnit.MILLISECONDS)) {
                sent.incrementAndGet();
              }
            })
        .isInstanceOf(TimeoutException.class);
    // What windows and buffers on the way hold.
    assertThat(sent.get()).isBetween(1, 200);
    int givenUp = LIBRARY.givenUp.get();
    call.cancel("enough", null);
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  @Test
  void tellsTheStatusOfAServiceWithItsDetails() {
    assertThatThrownBy(
            () ->
                library()
                    .fail(
                        FailRequest.newBuilder()
                            .setCode(9)
                            .setReason("BOOK_LENT")
                            .addWrongFields("book_id")
                            .build()))
        .satisfies(failed(Status.Code.FAILED_PRECONDITION, "BOOK_LENT"))
        .hasMessageContaining("book_id: bad (and more)");
    assertThatThrownBy(() -> library().fail(FailRequest.newBuilder().setCode(13).build()))
        .as("what went wrong inside a service stays there")
        .satisfies(failed(Status.Code.INTERNAL, "INTERNAL"))
        .hasMessageNotContaining("it failed");
  }

  @Test
  void countsACallByHowItEndedAndNotByTheStatusOfHttp() throws Exception {
    assertThatThrownBy(
            () -> library().fail(FailRequest.newBuilder().setCode(11).setReason("OFF").build()))
        .satisfies(failed(Status.Code.OUT_OF_RANGE, "OFF"));
    assertThatThrownBy(() -> library().fail(FailRequest.newBuilder().setCode(15).build()))
        .isNotNull();
    assertThat(library().ping(ping("x")).getText()).isEqualTo("x");

    List<String> counted =
        fixture
            .management("/metrics")
            .body()
            .lines()
            .filter(line -> line.startsWith("http_server_request_duration_seconds_count{"))
            .toList();
    assertThat(counted)
        .anyMatch(line -> line.contains("Fail\"") && line.contains("\"OUT_OF_RANGE\""))
        .anyMatch(line -> line.contains("Ping\"") && line.contains("code=\"OK\""))
        .anyMatch(line -> line.contains("error_type=\"DATA_LOSS\""));
  }

  @Test
  void tellsAFailureInTheMiddleOfAStream() throws Exception {
    BlockingClientCall<?, WatchBookResponse> call =
        library().watchBook(WatchBookRequest.newBuilder().setCount(1).setFailWith(5).build());
    assertThat(call.read()).isNotNull();
    assertThatThrownBy(call::read).hasMessageContaining("NOT_FOUND: the book burned");
  }

  @Test
  void letsInWhoMayAndNobodyElse() throws Exception {
    LendBookRequest lend = LendBookRequest.newBuilder().setBookId("b").build();
    assertThatThrownBy(() -> library().lendBook(lend))
        .satisfies(failed(Status.Code.UNAUTHENTICATED, "TOKEN_MISSING"));
    assertThatThrownBy(() -> library("authorization", "Bearer nonsense").lendBook(lend))
        .satisfies(failed(Status.Code.UNAUTHENTICATED, "TOKEN_INVALID"));
    String user = "Bearer " + EdgeFixture.USER_TOKEN;
    assertThatThrownBy(
            () -> library("authorization", user).burnBook(BurnBookRequest.getDefaultInstance()))
        .satisfies(failed(Status.Code.PERMISSION_DENIED, "ROLE_REQUIRED"));

    LendBookResponse lent =
        library(
                "authorization", user,
                "grpc-metadata-color", "red",
                "weft-service-token", "forged",
                "x-user-id", "forged",
                "grpc-previous-rpc-attempts", "9999")
            .lendBook(lend);
    assertThat(lent.getMetadataMap())
        .containsEntry("authorization", user)
        .containsEntry("color", "red")
        .doesNotContainValue("forged")
        // gRPC itself says how often it tried, should a connection have ended meanwhile.
        .doesNotContainEntry("grpc-previous-rpc-attempts", "9999");
  }

  @Test
  void givesUpWhenTheClientSaysAndNotLater() {
    FailRequest slow = FailRequest.newBuilder().setDelay(Durations.fromSeconds(9)).build();
    assertThatThrownBy(
            () ->
                LibraryGrpc.newBlockingV2Stub(channel)
                    .withDeadlineAfter(100, TimeUnit.MILLISECONDS)
                    .fail(slow))
        .hasMessageContaining("DEADLINE_EXCEEDED");
    assertThatThrownBy(() -> library().fail(slow))
        .as("no longer than the method has")
        .satisfies(failed(Status.Code.DEADLINE_EXCEEDED, "UPSTREAM_TIMEOUT"));
  }

  @Test
  void cancelsWhatTheClientCallsOff() throws Exception {
    int givenUp = LIBRARY.givenUp.get();
    BlockingClientCall<?, WatchBookResponse> call =
        library().watchBook(WatchBookRequest.newBuilder().setCount(-1).build());
    assertThat(call.read()).isNotNull();
    call.cancel("enough", null);
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  @Test
  void boundsTheSizeOfAMessageAndTheStreamsOfOnePrincipal() throws Exception {
    assertThatThrownBy(() -> library().ping(ping("x".repeat(70_000))))
        .satisfies(failed(Status.Code.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"));
    assertThatThrownBy(() -> library().withCompression("gzip").ping(ping("x".repeat(70_000))))
        .satisfies(failed(Status.Code.INVALID_ARGUMENT, "BODY_TOO_LARGE"));

    List<BlockingClientCall<TalkRequest, TalkResponse>> talks = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      talks.add(library().talk());
      talks.getLast().write(TalkRequest.newBuilder().setText("hello").build());
      assertThat(talks.getLast().read()).isNotNull();
    }
    BlockingClientCall<TalkRequest, TalkResponse> sixth = library().talk();
    assertThatThrownBy(sixth::read).hasMessageContaining("RESOURCE_EXHAUSTED");
    talks.forEach(talk -> talk.cancel("enough", null));
    await()
        .atMost(Duration.ofSeconds(10))
        .ignoreExceptions()
        .until(
            () -> {
              BlockingClientCall<TalkRequest, TalkResponse> next = library().talk();
              next.write(TalkRequest.newBuilder().setText("bye").build());
              return next.read() != null;
            });
  }

  private static Consumer<Throwable> failed(Status.Code code, String reason) {
    return thrown -> {
      com.google.rpc.Status status = StatusProto.fromThrowable(thrown);
      assertThat(status).as("%s", thrown).isNotNull();
      assertThat(Status.fromThrowable(thrown).getCode()).isEqualTo(code);
      assertThat(status.getDetailsList())
          .filteredOn(detail -> detail.is(ErrorInfo.class))
          .singleElement()
          .satisfies(
              info -> assertThat(info.unpack(ErrorInfo.class).getReason()).isEqualTo(reason));
    };
  }
}
