package dev.weft.edge;

import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import java.util.Map;

/**
 * What brings a request and takes its answer away: a connection of HTTP/1, or one stream of HTTP/2.
 * Used on its event loop only.
 */
interface Carrier {
  EventLoop loop();

  /** The address the request came from, without a port. */
  String peer();

  /** {@code http} or {@code https}. */
  String scheme();

  /** Whether the client keeps up. */
  boolean writable();

  /** Bytes of the answer's body so far. */
  long written();

  /** Says that the body is wanted. */
  void sendContinue();

  /** From now on the body must arrive, in a time that fits what the method allows. */
  void expectBody(int bytesMax);

  /** The body may take as long as it likes: who reads it minds the time. */
  void expectNoBody();

  /** Before the answer: says something that fails if the client has left without our notice. */
  void probe();

  /** Reads no more of the body than was read, or goes on. */
  void pauseBody(boolean paused);

  /** What is still to come of the request is not waited for once the answer is complete. */
  void closeAfterThis();

  /** Sends a whole answer. */
  void write(Exchange exchange, int status, Map<String, String> headers, byte[] body);

  /** Begins an answer of unknown length. */
  void writeStreamHead(Exchange exchange, int status, Map<String, String> headers);

  /** Sends a part of the answer; it goes out with those that follow at once. */
  void writePart(byte[] part);

  /** Whether an answer can end with trailers. */
  boolean hasTrailers();

  /**
   * Ends the answer.
   *
   * @param trailers lost where there can be none
   */
  void endStream(Map<String, String> trailers);

  /** Ends the answer in the middle, so that the client sees that it is not whole. */
  void abort();

  /** Request and answer are both complete. */
  void done();

  /**
   * Steps aside for another protocol that the request asks for. Only HTTP/1.1 knows such requests.
   *
   * @return the connection, which still speaks HTTP
   * @throws Refused if the client said more already: nobody knows in which of the two
   */
  Channel handOver();
}
