package dev.weft.edge;

import java.time.Duration;

/**
 * What one client may take of a connection of HTTP/2, beyond what holds for every request.
 *
 * @param streams requests at once; more are refused, to be sent again
 * @param streamWindowBytes of a body that are on their way before the edge has read what came
 * @param connectionWindowBytes the same of all bodies together
 * @param heldBytes of all bodies together that wait for their end; a request beyond gets 503
 * @param sharedBytes of what clients hold of this edge, all connections together: bodies that wait
 *     for their end, of which one more gets 503, and answers that wait to be read, of which one
 *     more is called off. An eighth of the heap; who holds less than 64 KiB finds as much again
 * @param resets streams of its own that a client may call off in 30 s, and that it may make the
 *     edge call off; more end the connection
 * @param age after which a connection takes no more requests and ends with its last one; varies by
 *     10 %, so that connections that began together do not come back together
 */
record Http2Limits(
    int streams,
    int streamWindowBytes,
    int connectionWindowBytes,
    int heldBytes,
    long sharedBytes,
    int resets,
    Duration age) {
  static final int RESET_WINDOW_SECONDS = 30;

  static final Http2Limits DEFAULT =
      new Http2Limits(
          100,
          64 * 1024,
          1024 * 1024,
          16 * 1024 * 1024,
          Runtime.getRuntime().maxMemory() / 8,
          100,
          Duration.ofMinutes(30));
}
