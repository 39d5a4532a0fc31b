package dev.weft.edge;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.ref.SoftReference;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * A text that is seldom asked for, and held compressed, as most clients take it. For the others it
 * is unpacked once for all who ask at about the same time, and let go of when memory is short.
 *
 * <p>Thread-safe.
 */
final class Packed {
  private static final int DIGEST_BYTES = 12;

  private final String contentType;
  private final byte[] gzip;
  private final EntityTag tag;

  // Guarded by this.
  private SoftReference<byte[]> unpacked = new SoftReference<>(null);

  /** Writes the text. */
  interface Source {
    void writeTo(OutputStream out) throws IOException;
  }

  private Packed(String contentType, byte[] gzip, EntityTag tag) {
    this.contentType = contentType;
    this.gzip = gzip;
    this.tag = tag;
  }

  /**
   * Packs a text.
   *
   * @return empty if it has more bytes than this
   */
  static Optional<Packed> of(String contentType, int bytesMax, Source source) {
    ByteArrayOutputStream gzip = new ByteArrayOutputStream();
    MessageDigest digest = sha256();
    try (OutputStream out =
        new Bounded(new DigestOutputStream(new GZIPOutputStream(gzip), digest), bytesMax)) {
      source.writeTo(out);
    } catch (TooLong e) {
      return Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    byte[] some = Arrays.copyOf(digest.digest(), DIGEST_BYTES);
    String text = Base64.getUrlEncoder().withoutPadding().encodeToString(some);
    return Optional.of(
        new Packed(contentType, gzip.toByteArray(), new EntityTag('"' + text + '"')));
  }

  /**
   * Answers a request with it, or that the client has it already.
   *
   * @param work unpacks it for a client that does not take it as it is held
   */
  void answer(Exchange exchange, LongWork work, Map<String, String> headers) {
    exchange.alsoAnswer("Vary", "Accept-Encoding");
    Map<String, String> all = new LinkedHashMap<>(headers);
    List<String> known = EntityTag.list(exchange.request().headers().getAll("if-none-match"));
    if (tag.among(known).isPresent()) {
      all.put("ETag", tag.text());
      exchange.answer(Answer.empty(304, all));
    } else if (ContentCoding.GZIP.isTaken(exchange.request().headers().getAll("accept-encoding"))) {
      all.put("ETag", tag.with(ContentCoding.GZIP.token()).text());
      all.put("Content-Encoding", ContentCoding.GZIP.token());
      InParts.answer(exchange, Answer.of(200, contentType, gzip, all));
    } else {
      all.put("ETag", tag.text());
      work.run(
          exchange,
          () -> Answer.of(200, contentType, plain(), all),
          whole -> InParts.answer(exchange, whole));
    }
  }

  /** The text, which nobody may change. */
  synchronized byte[] plain() {
    byte[] known = unpacked.get();
    if (known == null) {
      known = unpack();
      unpacked = new SoftReference<>(known);
    }
    return known;
  }

  private byte[] unpack() {
    try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(gzip))) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private static final class TooLong extends IOException {
    private static final long serialVersionUID = 1L;
  }

  /** Takes so many bytes and no more. */
  private static final class Bounded extends FilterOutputStream {
    private long left;

    Bounded(OutputStream to, int bytesMax) {
      super(to);
      left = bytesMax;
    }

    @Override
    public void write(int octet) throws IOException {
      take(1);
      out.write(octet);
    }

    @Override
    public void write(byte[] bytes, int start, int length) throws IOException {
      take(length);
      out.write(bytes, start, length);
    }

    private void take(int bytes) throws TooLong {
      left -= bytes;
      if (left < 0) {
        throw new TooLong();
      }
    }
  }
}
