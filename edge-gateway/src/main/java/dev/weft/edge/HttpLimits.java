package dev.weft.edge;

import java.time.Duration;
import java.util.function.Consumer;

/**
 * What one client may take of the public listener. Everything a stranger can make grow has its
 * bound here or in a method's contract.
 *
 * @param uriBytes of the request target; more is 414
 * @param headerBytes of all header fields together; more is 431
 * @param headerFields number of header fields; more is 431
 * @param headerWithin from the first byte of a request to the end of its header; later is 408
 * @param bodyWithin for each 64 KiB of the body that the method allows; later is 408
 * @param idle how long a connection is kept without a request, and how long requests may wait for
 *     the answer to one before them
 * @param stalled how long a client may not read what it asked for
 * @param heartbeat how often a stream of events that says nothing says that it lives, before what
 *     lies between takes it for dead
 * @param requestsPerConnection after which a connection is closed
 * @param connections open at once; for one more those end that have waited longest for a request,
 *     and if none waits, it is closed
 * @param connectionsPerAddress open at once from one address, or from one /64 of IPv6; one more is
 *     answered 429 and closed, or just closed where there is TLS
 * @param handshakes of TLS that one address may begin in 10 s, and forty times as many all
 *     together; one more is closed
 * @param inFlight unary calls under way at once; more get 503, as do those beyond a quarter of them
 *     to one service and an eighth of one method
 * @param streamsPerPrincipal streams one user, or one address without a user, may hold; more get
 *     429
 * @param streamsPerRoute streams all together may hold on one route; more get 503
 * @param http2 of a connection of HTTP/2
 */
record HttpLimits(
    int uriBytes,
    int headerBytes,
    int headerFields,
    Duration headerWithin,
    Duration bodyWithin,
    Duration idle,
    Duration stalled,
    Duration heartbeat,
    int requestsPerConnection,
    int connections,
    int connectionsPerAddress,
    int handshakes,
    int inFlight,
    int streamsPerPrincipal,
    int streamsPerRoute,
    Http2Limits http2) {

  private static final int BODY_WINDOW = 64 * 1024;

  static final HttpLimits DEFAULT =
      new HttpLimits(
          4 * 1024,
          8 * 1024,
          100,
          Duration.ofSeconds(10),
          Duration.ofSeconds(10),
          Duration.ofSeconds(30),
          Duration.ofSeconds(30),
          Duration.ofSeconds(15),
          1_000,
          10_000,
          64,
          100,
          2_000,
          5,
          1_000,
          Http2Limits.DEFAULT);

  HttpLimits withHeaderBytes(int bytes) {
    return with(values -> values.headerBytes = bytes);
  }

  HttpLimits withDeadlines(Duration header, Duration body, Duration idleFor) {
    return with(
        values -> {
          values.headerWithin = header;
          values.bodyWithin = body;
          values.idle = idleFor;
        });
  }

  HttpLimits withConnections(int atOnce, int perAddress, int requestsOfEach) {
    return with(
        values -> {
          values.connections = atOnce;
          values.connectionsPerAddress = perAddress;
          values.requestsPerConnection = requestsOfEach;
        });
  }

  HttpLimits withHandshakes(int perAddress) {
    return with(values -> values.handshakes = perAddress);
  }

  HttpLimits withStreamsPerPrincipal(int streams) {
    return with(values -> values.streamsPerPrincipal = streams);
  }

  HttpLimits withInFlight(int calls) {
    return with(values -> values.inFlight = calls);
  }

  HttpLimits with(Http2Limits other) {
    return with(values -> values.http2 = other);
  }

  private HttpLimits with(Consumer<Values> change) {
    Values values = new Values(this);
    change.accept(values);
    return values.limits();
  }

  /** Those that are being changed. */
  private static final class Values {
    private final HttpLimits others;
    private int headerBytes;
    private Duration headerWithin;
    private Duration bodyWithin;
    private Duration idle;
    private int requestsPerConnection;
    private int connections;
    private int connectionsPerAddress;
    private int handshakes;
    private int inFlight;
    private int streamsPerPrincipal;
    private Http2Limits http2;

    Values(HttpLimits from) {
      others = from;
      headerBytes = from.headerBytes;
      headerWithin = from.headerWithin;
      bodyWithin = from.bodyWithin;
      idle = from.idle;
      requestsPerConnection = from.requestsPerConnection;
      connections = from.connections;
      connectionsPerAddress = from.connectionsPerAddress;
      handshakes = from.handshakes;
      inFlight = from.inFlight;
      streamsPerPrincipal = from.streamsPerPrincipal;
      http2 = from.http2;
    }

    HttpLimits limits() {
      return new HttpLimits(
          others.uriBytes,
          headerBytes,
          others.headerFields,
          headerWithin,
          bodyWithin,
          idle,
          others.stalled,
          others.heartbeat,
          requestsPerConnection,
          connections,
          connectionsPerAddress,
          handshakes,
          inFlight,
          streamsPerPrincipal,
          others.streamsPerRoute,
          http2);
    }
  }

  /** Unary calls under way to one service, so that one that hangs leaves room for the others. */
  int inFlightPerService() {
    return Math.max(1, inFlight / 4);
  }

  /** Unary calls under way of one method. */
  int inFlightPerMethod() {
    return Math.max(1, inFlight / 8);
  }

  /** The time a body of up to so many bytes may take. */
  Duration bodyWithin(int bytesMax) {
    return bodyWithin.multipliedBy(Math.max(1, (bytesMax + BODY_WINDOW - 1L) / BODY_WINDOW));
  }
}
