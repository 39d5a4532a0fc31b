package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.edge.library.GetBookRequest;
import dev.weft.edge.library.LibraryGrpc;
import dev.weft.edge.library.LibraryGrpc.LibraryBlockingStub;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client of gRPC gets who takes the port of REST for one of gRPC. */
class Http2RefusalTest {
  private static final String PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  private static final String SETTINGS = "\0\0\0\4\0\0\0\0\0";
  private static final String ACKNOWLEDGED = "\0\0\0\4\1\0\0\0\0";

  /** HEADERS of stream 3 with END_HEADERS; nobody reads what they say. */
  private static final String REQUEST = "\0\0\1\1\4\0\0\0\3\u0082";

  private static EdgeFixture fixture;

  @BeforeAll
  static void open() throws Exception {
    HttpLimits quick =
        HttpLimits.DEFAULT.withDeadlines(
            Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(2));
    fixture = new EdgeFixture(quick, new Access.Public());
    fixture.add("library", new LibraryService());
    await().until(() -> fixture.status("/library/books/b1") == 200);
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close();
  }

  private static RawHttp connect() throws Exception {
    return new RawHttp(fixture.edge.port());
  }

  @Test
  void answersTheFirstRequestInHttp2AndCloses() throws Exception {
    try (RawHttp client = connect()) {
      client.send(PREFACE + SETTINGS + REQUEST);

      String all = client.all();
      assertThat(all).startsWith(SETTINGS + ACKNOWLEDGED);
      String answer = all.substring(SETTINGS.length() + ACKNOWLEDGED.length());
      assertThat(answer)
          .startsWith("\0\0\22\1\4\0\0\0\3\u0008\u0003505\u000f\u0010\ntext/plain")
          .contains("\0\1\0\0\0\3this port speaks HTTP/1.1")
          .containsPattern("\0\0.\7\0\0\0\0\0\0\0\0\3\0\0\0\rthis port speaks HTTP/1.1");
    }
  }

  @Test
  void failsACallOfGrpcAtOnceAndSaysWhy() {
    ManagedChannel channel =
        Grpc.newChannelBuilder(
                "127.0.0.1:" + fixture.edge.port(), InsecureChannelCredentials.create())
            .build();
    try {
      LibraryBlockingStub library =
          LibraryGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS);
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> library.getBook(GetBookRequest.getDefaultInstance()))
            .isInstanceOf(StatusRuntimeException.class)
            .hasMessageContaining("505")
            .hasMessageContaining("this port speaks HTTP/1.1");
      }
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void readsWhatComesInPieces() throws Exception {
    try (RawHttp client = connect()) {
      for (char c : (PREFACE + SETTINGS + REQUEST).toCharArray()) {
        client.send(String.valueOf(c));
      }
      assertThat(client.all()).contains("505", "this port speaks HTTP/1.1");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        PREFACE,
        PREFACE + "\0\100\1\0\0\0\0\0\1",
        PREFACE + "\0\0\1\1\4\0\0",
      })
  void waitsForNobodyWhoAsksForNothing(String sent) throws Exception {
    try (RawHttp client = connect()) {
      client.send(sent);
      assertThat(client.all()).isEqualTo(SETTINGS);
    }
  }

  @Test
  void readsNoMoreThanAnybodySendsBeforeTheFirstRequest() throws Exception {
    try (RawHttp client = connect()) {
      client.send(PREFACE + SETTINGS.repeat(20_000));
      assertThat(client.all()).startsWith(SETTINGS + ACKNOWLEDGED).doesNotContain("505");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"PRI * HTTP/2.0\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n"})
  void answersInHttp1WhatIsNotThePrefaceOfHttp2(String sent) throws Exception {
    try (RawHttp client = connect()) {
      client.send(sent);
      assertThat(client.all()).startsWith("HTTP/1.1 505 ").contains("HTTP_VERSION");
    }
  }

  @Test
  void leavesMethodsAloneThatBeginAlike() throws Exception {
    try (RawHttp client = connect()) {
      client.send("P");
      client.send("OST /library/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n");
      client.send("Content-Type: application/json\r\n\r\n{}");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
      client.send("GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
  }
}
