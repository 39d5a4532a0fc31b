package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.prove.Mischief.Way;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a line does to both ends, seen by sockets of this test. */
@Timeout(30)
final class LineTest {
  private static final int LONG_MILLIS = 10_000;
  private static final int A_MOMENT_MILLIS = 150;
  private static final String ADA = "ada";
  private static final String BOB = "bob";

  private final ServerSocket target = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
  private final List<AutoCloseable> open = new ArrayList<>();
  private volatile String caller = ADA;
  private final Line line = new Line("test", target::getLocalPort, _ -> caller);

  LineTest() throws IOException {}

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable one : open) {
      one.close();
    }
    line.close();
    target.close();
  }

  /** Both ends of a connection through the line. */
  private record Call(Socket client, Socket server) {
    void there(String text) {
      write(client, text);
    }

    void back(String text) {
      write(server, text);
    }

    String heardThere(int bytes) throws IOException {
      return read(server, bytes);
    }

    String heardBack(int bytes) throws IOException {
      return read(client, bytes);
    }
  }

  @Test
  void carriesBothWaysAndTellsTheOtherEndOfAnEnd() throws IOException {
    Call call = call(ADA);
    call.there("hello");
    call.back("good day");

    assertThat(call.heardThere(5)).isEqualTo("hello");
    assertThat(call.heardBack(8)).isEqualTo("good day");

    call.client.shutdownOutput();
    assertThat(call.server.getInputStream().read()).isEqualTo(-1);
    call.back("bye");
    call.server.close();
    assertThat(call.heardBack(3)).isEqualTo("bye");
    assertThat(call.client.getInputStream().read()).isEqualTo(-1);
    assertThat(line.done()).isEqualTo(new Line.Done(0, 0, 0));
  }

  @Test
  void refusesAsATargetThatDoesNotListen() throws IOException {
    target.close();
    Socket client = connect(ADA);

    assertThatThrownBy(() -> client.getInputStream().read()).isInstanceOf(SocketException.class);
  }

  @Test
  void holdsWhatACutStopsAndCarriesItWhenItIsHealed() throws IOException {
    Call call = call(ADA);
    line.afflict(Mischief.Cut.both());
    call.there("hello");
    call.back("hi");

    hearsNothing(call.server);
    hearsNothing(call.client);
    assertThat(line.done().heldBytes()).isEqualTo(7);

    line.heal();
    assertThat(call.heardThere(5)).isEqualTo("hello");
    assertThat(call.heardBack(2)).isEqualTo("hi");
  }

  @Test
  void tellsNobodyOfAnEndAcrossACut() throws IOException {
    Call call = call(ADA);
    line.afflict(Mischief.Cut.both());
    call.client.close();

    hearsNothing(call.server);

    line.heal();
    assertThat(call.server.getInputStream().read()).isEqualTo(-1);
  }

  @Test
  void letsNobodyConnectAcrossACut() throws IOException {
    line.afflict(Mischief.Cut.both());
    Socket client = connect(ADA);
    write(client, "hello");
    target.setSoTimeout(A_MOMENT_MILLIS);
    assertThatThrownBy(target::accept).isInstanceOf(SocketTimeoutException.class);

    line.heal();
    assertThat(read(accept(), 5)).isEqualTo("hello");
  }

  @Test
  void cutsOneWayOnly() throws IOException {
    Call call = call(ADA);
    line.afflict(new Mischief.Cut(Set.of(Way.THERE)));
    call.there("hello");
    call.back("hi");

    assertThat(call.heardBack(2)).isEqualTo("hi");
    hearsNothing(call.server);
  }

  @Test
  void leavesOtherCallersAlone() throws IOException {
    Call ada = call(ADA);
    Call bob = call(BOB);
    line.afflict(Mischief.Cut.both(), ADA);
    ada.there("hello");
    bob.there("hello");

    assertThat(bob.heardThere(5)).isEqualTo("hello");
    hearsNothing(ada.server);
    line.reset(BOB);
    assertThatThrownBy(() -> bob.heardBack(1)).isInstanceOf(SocketException.class);
    line.heal();
    assertThat(ada.heardThere(5)).isEqualTo("hello");
  }

  @Test
  void asksAgainWhoCallsWhenThatCouldNotBeTold() throws IOException {
    Call call = call("");
    caller = ADA;
    line.afflict(Mischief.Cut.both(), ADA);
    call.there("hello");

    hearsNothing(call.server);
    line.heal();
    assertThat(call.heardThere(5)).isEqualTo("hello");
  }

  @Test
  void resetsAtBothEnds() throws IOException {
    Call call = call(ADA);
    line.reset();

    assertThatThrownBy(() -> call.heardBack(1))
        .isInstanceOf(SocketException.class)
        .hasMessageContaining("reset");
    assertThatThrownBy(() -> call.heardThere(1))
        .isInstanceOf(SocketException.class)
        .hasMessageContaining("reset");
    assertThat(line.done().broken()).isEqualTo(1);
  }

  @Test
  void resetsInTheMidstOfAnAnswer() throws IOException {
    Call call = call(ADA);
    line.afflict(new Mischief.ResetAfter(Way.BACK, 3));
    call.there("hello");
    assertThat(call.heardThere(5)).isEqualTo("hello");
    call.back("abcdef");

    assertThatThrownBy(() -> call.heardBack(6))
        .isInstanceOf(SocketException.class)
        .hasMessageContaining("reset");
    assertThat(line.done().broken()).isEqualTo(1);
  }

  @Test
  void losesTheAnswerThatHoldsTheWords() throws IOException {
    Call call = call(ADA);
    line.afflict(new Mischief.ResetAt(Way.BACK, "COMMIT\0"));
    call.back("BEGIN\0");
    assertThat(call.heardBack(6)).isEqualTo("BEGIN\0");
    call.back("COM");
    assertThat(call.heardBack(3)).isEqualTo("COM");
    call.back("MIT\0Z");

    assertThatThrownBy(() -> call.heardBack(1)).isInstanceOf(SocketException.class);
    assertThatThrownBy(() -> call.heardThere(1)).isInstanceOf(SocketException.class);
    assertThat(line.done().broken()).isEqualTo(1);
  }

  @Test
  void carriesLater() throws IOException {
    Call call = call(ADA);
    line.afflict(new Mischief.Slow(Duration.ofMillis(200), Duration.ZERO));
    long start = System.nanoTime();
    call.there("hello");

    assertThat(call.heardThere(5)).isEqualTo("hello");
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(190));
    assertThat(line.done().slowedBytes()).isEqualTo(5);
  }

  @Test
  void carriesLittleAtATime() throws IOException {
    Call call = call(ADA);
    line.afflict(new Mischief.Drip(100));
    long start = System.nanoTime();
    call.back("x".repeat(40));

    assertThat(call.heardBack(40)).hasSize(40);
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(300));
  }

  @Test
  void carriesAtOnceWhatWasSlowWhenItIsHealed() throws IOException {
    Call call = call(ADA);
    line.afflict(new Mischief.Slow(Duration.ofHours(1), Duration.ZERO));
    call.there("hello");
    hearsNothing(call.server);

    line.heal();
    assertThat(call.heardThere(5)).isEqualTo("hello");
  }

  @Test
  void leavesACallerWithNobodyAtTheOtherEndForEver() throws IOException {
    Call call = call(ADA);
    line.vanish(ADA);
    call.there("hello");

    assertThatThrownBy(() -> call.heardThere(1)).isInstanceOf(SocketException.class);
    hearsNothing(call.client);
    line.heal();
    hearsNothing(call.client);
    assertThat(line.done().broken()).isEqualTo(1);
    Call next = call(ADA);
    next.there("hello");
    assertThat(next.heardThere(5)).isEqualTo("hello");
  }

  @Test
  void bringsWhatWasSaidAfterItsCallerWentElsewhere() throws IOException {
    Call call = call(ADA);
    line.afflict(new Mischief.Cut(Set.of(Way.THERE)), ADA);
    call.there("first");
    hearsNothing(call.server);
    call.there(" second");
    hearsNothing(call.server);

    line.orphan(ADA);
    assertThatThrownBy(() -> call.heardBack(1)).isInstanceOf(SocketException.class);
    Call next = call(ADA);
    next.there("third");
    assertThat(next.heardThere(5)).isEqualTo("third");
    hearsNothing(call.server);

    line.heal();
    assertThat(call.heardThere(12)).isEqualTo("first second");
  }

  private Call call(String from) throws IOException {
    Socket client = connect(from);
    return new Call(client, accept());
  }

  private Socket connect(String from) throws IOException {
    caller = from;
    Socket client = new Socket(InetAddress.getLoopbackAddress(), line.port());
    client.setSoTimeout(LONG_MILLIS);
    open.add(client);
    return client;
  }

  private Socket accept() throws IOException {
    target.setSoTimeout(LONG_MILLIS);
    Socket server = target.accept();
    server.setSoTimeout(LONG_MILLIS);
    open.add(server);
    return server;
  }

  private static void hearsNothing(Socket socket) throws IOException {
    socket.setSoTimeout(A_MOMENT_MILLIS);
    assertThatThrownBy(() -> socket.getInputStream().read())
        .isInstanceOf(SocketTimeoutException.class);
    socket.setSoTimeout(LONG_MILLIS);
  }

  private static String read(Socket socket, int bytes) throws IOException {
    return new String(socket.getInputStream().readNBytes(bytes), StandardCharsets.US_ASCII);
  }

  private static void write(Socket socket, String text) {
    try {
      socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
