package dev.weft.edge;

import io.grpc.Metadata;

/** Who is told how a unary call ended: once, on the event loop of its exchange. */
interface Recipient {
  /**
   * It ended well. What this throws becomes the answer.
   *
   * @param told what the service says of its reply in metadata
   */
  void reply(byte[] message, Metadata told);

  /** It failed, or was not made. */
  void fail(Problem problem);
}
