package dev.weft.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Requests at a rate, whether answers come or not, for little of the processor: one thread, and
 * connections that are kept, each with one request on its way. HTTP/1.1, answers with a
 * Content-Length.
 */
final class Flood implements AutoCloseable {
  static final double AS_MANY_AS_THERE_ARE_CONNECTIONS = Double.POSITIVE_INFINITY;

  private static final int ANSWER_BYTES_MAX = 64 * 1024;
  private static final Pattern REASON = Pattern.compile("\"reason\":\"(\\w+)\"");

  /** What nearly all refusals say. */
  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  private static final Duration LATE_ANSWERS = Duration.ofSeconds(10);

  private final InetSocketAddress to;
  private final String authority;
  private final Selector selector = Selector.open();
  private final Deque<Connection> free = new ArrayDeque<>();

  /** Those that wait until they may ask again; the first may first. */
  private final Deque<Connection> resting = new ArrayDeque<>();

  private final List<Connection> all = new ArrayList<>();
  private int busy;
  private boolean patient;

  /** A connection with at most one request on its way. */
  private static final class Connection {
    final SocketChannel channel;
    final byte[] bytes = new byte[ANSWER_BYTES_MAX];
    final ByteBuffer answer = ByteBuffer.wrap(bytes);
    boolean busy;
    long sentAt;
    long restsUntil;

    Connection(SocketChannel channel) {
      this.channel = channel;
    }

    /** What has come of the answer. */
    String text() {
      return new String(bytes, 0, answer.position(), StandardCharsets.ISO_8859_1);
    }
  }

  /**
   * What became of it.
   *
   * @param answers in the order in which they came; a status of 0 is a connection that was closed
   * @param unsent for which no connection was free
   */
  record Result(List<Answer> answers, int unsent) {
    /** How many there are of each status, with the reason of errors. */
    Map<String, Integer> outcomes() {
      Map<String, Integer> all = new TreeMap<>();
      answers.forEach(
          one -> all.merge((one.status() + " " + one.reason()).strip(), 1, Integer::sum));
      return all;
    }
  }

  /**
   * One answer.
   *
   * @param atNanos when it was there, by {@link System#nanoTime}
   * @param reason of an error, by its problem; empty for none
   */
  record Answer(long atNanos, int status, String reason, double millis) {}

  /**
   * @param connections as many requests may be on their way at once
   */
  Flood(String edge, int connections) throws IOException {
    URI uri = URI.create(edge);
    to = new InetSocketAddress(uri.getHost(), uri.getPort());
    authority = uri.getAuthority();
    for (int i = 0; i < connections; i++) {
      free.add(connect());
    }
  }

  private Connection connect() throws IOException {
    SocketChannel channel = SocketChannel.open(to);
    channel.configureBlocking(false);
    Connection connection = new Connection(channel);
    channel.register(selector, SelectionKey.OP_READ, connection);
    all.add(connection);
    return connection;
  }

  /**
   * Sends so many a second for so long, or with {@link #AS_MANY_AS_THERE_ARE_CONNECTIONS} the next
   * when there is an answer, and a second later if it says to try later; waits at most ten seconds
   * for the answers that are late.
   *
   * @param requests the bytes of the n-th
   */
  Result send(IntFunction<byte[]> requests, double perSecond, Duration length) throws IOException {
    List<Answer> answers = new ArrayList<>();
    long began = System.nanoTime();
    patient = perSecond == AS_MANY_AS_THERE_ARE_CONNECTIONS;
    int sent = 0;
    int unsent = 0;
    while (System.nanoTime() - began < length.toNanos()) {
      long now = System.nanoTime();
      // The conversion ends at the largest number, which nobody reaches.
      int due = (int) ((now - began) / (double) TimeUnit.SECONDS.toNanos(1) * perSecond);
      while (!resting.isEmpty() && now - resting.peek().restsUntil >= 0) {
        free.add(resting.remove());
      }
      while (sent + unsent < due) {
        Connection connection = free.poll();
        if (connection == null) {
          // Who waits for answers owes nothing while he does.
          unsent = patient ? unsent : due - sent;
          break;
        }
        write(connection, requests.apply(sent++));
      }
      receive(answers, 1);
    }
    long late = System.nanoTime();
    while (busy > 0 && System.nanoTime() - late < LATE_ANSWERS.toNanos()) {
      receive(answers, 10);
    }
    free.addAll(resting);
    resting.clear();
    return new Result(answers, unsent);
  }

  private void write(Connection connection, byte[] request) throws IOException {
    connection.busy = true;
    connection.sentAt = System.nanoTime();
    busy++;
    ByteBuffer bytes = ByteBuffer.wrap(request);
    try {
      while (bytes.hasRemaining()) {
        connection.channel.write(bytes);
      }
    } catch (IOException e) {
      // It was closed between two requests; reading it will tell.
    }
  }

  private void receive(List<Answer> answers, long millis) throws IOException {
    selector.select(
        key -> {
          Connection connection = (Connection) key.attachment();
          int read = read(connection);
          int status = read < 0 ? 0 : status(connection.text());
          if (status >= 0) {
            ended(connection, status, answers);
          }
        },
        millis);
  }

  private static int read(Connection connection) {
    try {
      return connection.channel.read(connection.answer);
    } catch (IOException e) {
      return -1;
    }
  }

  /** Of a whole answer; negative while there is more to come. */
  private static int status(String text) {
    int head = text.indexOf("\r\n\r\n");
    if (head < 0) {
      return -1;
    }
    int at = text.indexOf("Content-Length: ");
    if (at < 0 || at > head) {
      throw new IllegalStateException("no length: " + text);
    }
    int from = at + "Content-Length: ".length();
    int length = Integer.parseInt(text.substring(from, text.indexOf('\r', from)));
    return text.length() < head + 4 + length ? -1 : Integer.parseInt(text.substring(9, 12));
  }

  private static String reason(String text) {
    Matcher reason = REASON.matcher(text);
    return reason.find() ? reason.group(1) : "";
  }

  private void ended(Connection connection, int status, List<Answer> answers) {
    long now = System.nanoTime();
    if (connection.busy) {
      connection.busy = false;
      busy--;
      answers.add(
          new Answer(
              now,
              status,
              status < 400 ? "" : reason(connection.text()),
              (now - connection.sentAt) / (double) TimeUnit.MILLISECONDS.toNanos(1)));
    }
    boolean closes = status == 0 || connection.text().contains("Connection: close");
    connection.answer.clear();
    if (!closes && patient && (status == 429 || status == 503)) {
      connection.restsUntil = now + RETRY_AFTER.toNanos();
      resting.add(connection);
      return;
    }
    if (!closes) {
      free.add(connection);
      return;
    }
    free.remove(connection);
    all.remove(connection);
    try {
      connection.channel.close();
      free.add(connect());
    } catch (IOException e) {
      throw new IllegalStateException(authority + " takes no connection any more", e);
    }
  }

  @Override
  public void close() throws IOException {
    for (Connection connection : all) {
      connection.channel.close();
    }
    selector.close();
  }
}
