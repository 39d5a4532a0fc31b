package dev.weft.edge;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.util.internal.StringUtil;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Netty's decoder in its strictest form, and stricter: what it still forgives are forms that
 * another server on the way may read differently. Refused are folded header lines, a request line
 * that is not exactly a method, a space, a target, a space and {@code HTTP/} with two digits, and a
 * line before a chunk that is not exactly its size: extensions say nothing to anybody, and most
 * that was smuggled past servers in chunks was in them.
 */
final class StrictRequestDecoder extends HttpRequestDecoder {
  private static final int METHOD_AND_VERSION_BYTES = 32;

  /** Netty's sizes are of 32 bits. */
  private static final int CHUNK_DIGITS_MAX = 8;

  /** Of {@link #chunkLeft}: nothing is read in chunks now. */
  private static final long NO_CHUNKS = -1;

  private final int uriBytes;

  /** Bytes of the chunk that is being read, with the line ends behind it; 0 before the next one. */
  private long chunkLeft = NO_CHUNKS;

  private boolean requestLineRead;
  private boolean headRead;
  private boolean headBegun;
  private boolean refused;

  StrictRequestDecoder(HttpLimits limits) {
    super(
        new HttpDecoderConfig()
            .setMaxInitialLineLength(limits.uriBytes() + METHOD_AND_VERSION_BYTES)
            .setMaxHeaderSize(limits.headerBytes())
            .setStrictLineParsing(true)
            .setUseRfc9112TransferEncoding(true)
            .setAllowDuplicateContentLengths(false)
            .setValidateHeaders(true));
    uriBytes = limits.uriBytes();
  }

  /** What a client is told of something that was refused here. */
  Problem problem(Throwable cause) {
    return switch (cause) {
      case TooLongHttpLineException _ -> Problems.targetTooLong(uriBytes);
      case TooLongHttpHeaderException _ -> Problems.headerTooLong();
      default -> Problems.malformedHttp();
    };
  }

  /** Whether a part of a header was read and its end not yet. */
  boolean inHead() {
    return headBegun && !headRead;
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) throws Exception {
    if (refused) {
      in.skipBytes(in.readableBytes());
      return;
    }
    if (!headRead && in.isReadable()) {
      headBegun = true;
      refuseFolding(in);
    }
    int before = out.size();
    int from = in.readerIndex();
    if (chunkLeft == 0) {
      try {
        chunkLeft = chunk(in);
      } catch (IllegalArgumentException e) {
        refused = true;
        in.skipBytes(in.readableBytes());
        out.add(broken(e));
        return;
      }
      if (chunkLeft == 0) {
        // Not all of its line is there.
        return;
      }
    }
    super.decode(ctx, in, out);
    if (chunkLeft > 0) {
      chunkLeft -= in.readerIndex() - from;
    }
    for (Object message : out.subList(before, out.size())) {
      if (message instanceof HttpRequest request) {
        headRead = true;
        chunkLeft = HttpUtil.isTransferEncodingChunked(request) ? 0 : NO_CHUNKS;
      }
      if (message instanceof HttpObject part && part.decoderResult().isFailure()) {
        chunkLeft = NO_CHUNKS;
      }
      if (message instanceof LastHttpContent) {
        headRead = false;
        headBegun = false;
        requestLineRead = false;
      }
    }
  }

  /**
   * The bytes that the chunk which begins here takes, with its line and the line end behind it;
   * {@link #NO_CHUNKS} for the last one, and 0 when not all of the line is there.
   */
  private static long chunk(ByteBuf in) {
    long size = 0;
    int start = in.readerIndex();
    for (int i = start; i < in.writerIndex(); i++) {
      int digit = StringUtil.decodeHexNibble(in.getByte(i));
      if (digit >= 0 && i - start < CHUNK_DIGITS_MAX) {
        size = 16 * size + digit;
      } else if (i == start || in.getByte(i) != '\r') {
        throw new IllegalArgumentException("a line before a chunk is more than its size");
      } else if (i + 1 == in.writerIndex()) {
        return 0;
      } else if (in.getByte(i + 1) != '\n') {
        throw new IllegalArgumentException("a line before a chunk does not end as lines do");
      } else {
        return size == 0 ? NO_CHUNKS : i - start + 2 + size + 2;
      }
    }
    return 0;
  }

  private static LastHttpContent broken(Exception cause) {
    LastHttpContent end = new DefaultLastHttpContent(Unpooled.EMPTY_BUFFER);
    end.setDecoderResult(DecoderResult.failure(cause));
    return end;
  }

  @Override
  protected HttpMessage createMessage(String[] initialLine) throws Exception {
    requestLineRead = true;
    return super.createMessage(initialLine);
  }

  /** Lines are consumed whole, so that a line always begins where the buffer is read from. */
  private void refuseFolding(ByteBuf in) {
    boolean header = requestLineRead;
    int start = in.readerIndex();
    while (start < in.writerIndex()) {
      byte first = in.getByte(start);
      if (first == ' ' || first == '\t') {
        // Nobody knows what follows, and what is not consumed is kept.
        refused = true;
        in.skipBytes(in.readableBytes());
        throw new IllegalArgumentException("a line of the header begins with white space");
      }
      int end = in.indexOf(start, in.writerIndex(), (byte) '\n');
      if (end < 0) {
        return;
      }
      boolean blank = end - start <= 1;
      if (header && blank) {
        return;
      }
      // Blank lines before the request line are allowed.
      header = header || !blank;
      start = end + 1;
    }
  }

  @Override
  protected String splitFirstWordInitialLine(byte[] line, int start, int length) {
    if (start != 0 || length + 1 >= line.length || line[length] != ' ' || line[length + 1] <= ' ') {
      throw new IllegalArgumentException("the request line does not begin with a method");
    }
    return super.splitFirstWordInitialLine(line, start, length);
  }

  @Override
  protected String splitThirdWordInitialLine(byte[] line, int start, int length) {
    String version = new String(line, start, length, StandardCharsets.US_ASCII);
    if (length != 8
        || !version.startsWith("HTTP/")
        || version.charAt(6) != '.'
        || line[start - 1] != ' '
        || line[start - 2] == ' ') {
      throw new IllegalArgumentException("the request line does not end with a version");
    }
    return super.splitThirdWordInitialLine(line, start, length);
  }
}
