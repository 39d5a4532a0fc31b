package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Streams of messages over WebSockets, by the JDK's client. */
class WebSocketTest {
  private static final LibraryService LIBRARY = new LibraryService();
  private static EdgeFixture fixture;

  @BeforeAll
  static void open() throws Exception {
    fixture = EdgeFixture.with(LIBRARY);
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close();
  }

  /** What a client hears: texts, and at last a code and a reason. */
  private static final class Client implements WebSocket.Listener, AutoCloseable {
    private final BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    private final StringBuilder part = new StringBuilder();
    private final WebSocket socket;

    private Client(int port, String path, List<String> protocols, String... headers) {
      WebSocket.Builder builder =
          fixture.client.newWebSocketBuilder().connectTimeout(Duration.ofSeconds(20));
      for (int i = 0; i < headers.length; i += 2) {
        builder.header(headers[i], headers[i + 1]);
      }
      if (!protocols.isEmpty()) {
        builder.subprotocols(
            protocols.getFirst(), protocols.subList(1, protocols.size()).toArray(String[]::new));
      }
      socket = builder.buildAsync(URI.create("ws://127.0.0.1:" + port + path), this).join();
    }

    Client(String path, String... headers) {
      this(fixture.edge.port(), path, List.of(), headers);
    }

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
      part.append(data);
      if (last) {
        heard.add(part.toString());
        part.setLength(0);
      }
      from.request(1);
      return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(WebSocket from, int code, String reason) {
      heard.add(code + reason);
      return null;
    }

    void say(String text) {
      socket.sendText(text, true).join();
    }

    String next() throws InterruptedException {
      return String.valueOf(heard.poll(20, TimeUnit.SECONDS));
    }

    @Override
    public void close() {
      socket.abort();
    }
  }

  @Test
  void talksBothWaysAtOnce() throws Exception {
    try (Client client = new Client("/library/talk/t")) {
      for (int i = 0; i < 50; i++) {
        client.say("{\"text\":\"" + i + "\"}");
        assertThat(client.next()).isEqualTo("{\"topic\":\"t\",\"text\":\"" + i + "\"}");
      }
      client.say("{\"topic\":\"t\",\"text\":\"bye\"}");
      assertThat(client.next()).contains("bye");
      assertThat(client.next()).isEqualTo("1000");
    }
  }

  @Test
  void endsWhatTheClientSaysWithAnEmptyMessage() throws Exception {
    try (Client client = new Client("/library/books:add")) {
      for (String title : List.of("x", "y", "z")) {
        client.say("{\"book\":{\"title\":\"" + title + "\"}}");
      }
      client.say("");
      assertThat(client.next()).isEqualTo("{\"count\":3,\"titles\":\"xyz\"}");
      assertThat(client.next()).isEqualTo("1000");
    }
    try (Client client = new Client("/library/talk/t")) {
      client.say("");
      assertThat(client.next()).as("nothing was said").isEqualTo("1000");
    }
  }

  @Test
  void bringsAServerStreamByWhatThePathSays() throws Exception {
    try (Client client = new Client("/library/books/b:watch?count=2&$fields=pageCount")) {
      assertThat(client.next()).isEqualTo("{\"pageCount\":0}");
      assertThat(client.next()).isEqualTo("{\"pageCount\":1}");
      assertThat(client.next()).isEqualTo("1000");
    }
  }

  @Test
  void tellsHowACallFailedInARecordAndInTheCode() throws Exception {
    try (Client client = new Client("/library/books/b:watch?count=1&failWith=5")) {
      assertThat(client.next()).contains("\"bookId\":\"b\"");
      assertThat(client.next())
          .startsWith("{\"error\":{\"type\":\"urn:weft:problem:not-found\"")
          .contains("\"message\":\"the book burned\"", "\"instance\":\"/library/books/b:watch\"");
      assertThat(client.next()).isEqualTo("4005NOT_FOUND");
    }
    try (Client client = new Client("/library/books:add")) {
      client.say("{\"book\":{}}");
      assertThat(client.next()).contains("\"message\":\"a book has a title\"");
      assertThat(client.next()).isEqualTo("4003INVALID_ARGUMENT");
    }
  }

  @Test
  void callsByNameWithMessagesThatSayEverything() throws Exception {
    try (Client client = new Client("/library.v1.Library/WatchBook")) {
      client.say("{\"bookId\":\"b\",\"count\":1}");
      assertThat(client.next()).startsWith("{\"book\":{\"bookId\":\"b\"");
      assertThat(client.next()).isEqualTo("1000");
    }
    try (Client client = new Client("/library.v1.Library/Talk")) {
      client.say("{\"topic\":\"u\",\"text\":\"bye\"}");
      assertThat(client.next()).isEqualTo("{\"topic\":\"u\",\"text\":\"bye\"}");
    }
    assertThatThrownBy(() -> new Client("/library.v1.Library/LendBook").close())
        .satisfies(refused(405));
  }

  @Test
  void takesOneMessageWhereTheMethodDoes() throws Exception {
    try (Client client = new Client("/library.v1.Library/WatchBook")) {
      client.say("{\"count\":1,\"failWith\":-1}");
      assertThat(client.next()).startsWith("{\"book\":");
      client.say("{}");
      assertThat(client.next()).contains("MESSAGE_AFTER_END");
      assertThat(client.next()).isEqualTo("4003MESSAGE_AFTER_END");
    }
  }

  @Test
  void putsAMessageTogetherThatComesInParts() throws Exception {
    String text = "x".repeat(60_000);
    try (Client client = new Client("/library/talk/t")) {
      client.socket.sendText("{\"text\":\"", false).join();
      client.socket.sendText(text, false).join();
      client.socket.sendText("\"}", true).join();
      assertThat(client.next()).isEqualTo("{\"topic\":\"t\",\"text\":\"" + text + "\"}");
    }
  }

  @Test
  void letsInWhoMayByAHeaderOrByASubprotocolAndNobodyElse() throws Exception {
    String path = "/library/desk:confide";
    String user = EdgeFixture.USER_TOKEN;
    assertThatThrownBy(() -> new Client(path).close()).satisfies(refused(401));
    assertThatThrownBy(() -> new Client(path + "?access_token=" + user).close())
        .satisfies(refused(401));
    assertThatThrownBy(() -> new Client(path, "Authorization", "Bearer nonsense").close())
        .satisfies(refused(401));
    try (Client client = new Client(path, "Authorization", "Bearer " + user)) {
      client.say("{}");
      assertThat(client.next()).isEqualTo("{\"authorization\":\"Bearer " + user + "\"}");
    }
    List<String> protocols = List.of("weft.json", "weft.bearer." + user);
    try (Client client = new Client(fixture.edge.port(), path, protocols)) {
      assertThat(client.socket.getSubprotocol()).isEqualTo("weft.json");
      client.say("{}");
      assertThat(client.next()).isEqualTo("{\"authorization\":\"Bearer " + user + "\"}");
    }
    assertThatThrownBy(
            () ->
                new Client(fixture.edge.port(), path, protocols, "Authorization", "Bearer " + user)
                    .close())
        .as("two are as none")
        .satisfies(refused(401));
  }

  private static Consumer<Throwable> refused(int status) {
    return thrown ->
        assertThat(thrown.getCause())
            .isInstanceOfSatisfying(
                WebSocketHandshakeException.class,
                refused -> assertThat(refused.getResponse().statusCode()).isEqualTo(status));
  }

  @Test
  void asksForAWebSocketWhereAGetCanBringNoStreamOtherwise() throws Exception {
    HttpResponse<String> answer = fixture.get("/library/talk/t");

    assertThat(answer.statusCode()).isEqualTo(426);
    assertThat(answer.headers().firstValue("upgrade")).contains("websocket");
    assertThat(answer.headers().firstValue("connection").orElseThrow()).contains("Upgrade");
  }

  @Test
  void cancelsTheCallWhenTheClientLeavesInWhateverWay() throws Exception {
    int givenUp = LIBRARY.givenUp.get();
    try (Client client = new Client("/library/books/b:watch?count=1&failWith=-1")) {
      assertThat(client.next()).contains("\"bookId\":\"b\"");
    }
    await().until(() -> LIBRARY.givenUp.get() == givenUp + 1);
    try (Client client = new Client("/library/books/b:watch?count=1&failWith=-1")) {
      assertThat(client.next()).contains("\"bookId\":\"b\"");
      client.socket.sendClose(WebSocket.NORMAL_CLOSURE, "enough").join();
      assertThat(client.next()).isEqualTo("1000enough");
    }
    await().until(() -> LIBRARY.givenUp.get() == givenUp + 2);
  }

  @Test
  void boundsTheStreamsOfOnePrincipal() throws Exception {
    List<Client> clients = new ArrayList<>();
    try {
      for (int i = 0; i < 5; i++) {
        clients.add(new Client("/library/talk/t"));
      }
      assertThatThrownBy(() -> new Client("/library/talk/t").close()).satisfies(refused(429));
    } finally {
      clients.forEach(Client::close);
    }
    await()
        .ignoreExceptions()
        .until(
            () -> {
              new Client("/library/talk/t").close();
              return true;
            });
  }

  @Test
  void takesNoMoreFromTheClientThanTheOtherSideTakes() throws Exception {
    try (SocketChannel client = channel("/library/talk/deaf")) {
      byte[] message =
          RawWebSocket.frame(
              RawWebSocket.FIN | RawWebSocket.TEXT, "{\"text\":\"" + "x".repeat(30_000) + "\"}");
      assertThat(EdgeFixture.fill(client, message)).isBetween(1L, 30_000_000L);
    }
  }

  @Test
  void sendsNoFasterThanTheClientReads() throws Exception {
    int sent = LIBRARY.sent.get();
    int givenUp = LIBRARY.givenUp.get();
    try (SocketChannel _ = channel("/library/books/b:watch?count=-1")) {
      int[] last = {-1};
      await()
          .during(Duration.ofMillis(700))
          .atMost(Duration.ofSeconds(20))
          .until(
              () -> {
                int now = LIBRARY.sent.get();
                boolean same = now == last[0];
                last[0] = now;
                return same;
              });
      assertThat(LIBRARY.sent.get() - sent).isBetween(1, 50_000);
    }
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  /** A client that has asked for a WebSocket and reads nothing. */
  private static SocketChannel channel(String path) throws IOException {
    SocketChannel client =
        SocketChannel.open(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), fixture.edge.port()));
    client.write(ByteBuffer.wrap(RawWebSocket.handshake(path).getBytes(StandardCharsets.US_ASCII)));
    // Nothing may be said before the answer begins.
    client.read(ByteBuffer.allocate(1));
    client.configureBlocking(false);
    return client;
  }

  @Test
  void saysThatTheEdgeStops(@TempDir Path folder) throws Exception {
    EdgeServer stopping = fixture.another(folder);
    await().until(() -> fixture.status(stopping, "/library/books/b1") == 200);
    try (Client client = new Client(stopping.port(), "/library/talk/t", List.of())) {
      client.say("{\"text\":\"x\"}");
      assertThat(client.next()).contains("\"text\":\"x\"");

      stopping.close();

      assertThat(client.next()).contains("\"reason\":\"EDGE_STOPS\"");
      assertThat(client.next()).isEqualTo("4014EDGE_STOPS");
    }
  }
}
