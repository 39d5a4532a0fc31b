package dev.weft.edge;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import com.github.luben.zstd.ZstdOutputStreamNoFinalizer;
import com.github.luben.zstd.util.Native;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/** How bodies are made smaller on their way (RFC 9110, 8.4; RFC 8878 for zstd). */
enum ContentCoding {
  /** Better and faster, so first where a client likes both alike. */
  ZSTD("zstd"),
  GZIP("gzip");

  /** What the client may send, for a client that sent something else. */
  static final String TAKEN = "gzip, zstd";

  /** What is smaller fits into one packet anyway. */
  private static final int BYTES_MIN = 1_024;

  /** Fast rather than small: a request waits for it, and its event loop too. */
  private static final int GZIP_LEVEL = 4;

  private static final int ZSTD_LEVEL = 3;

  /** Largest memory of a decoder as a power of two: RFC 9659 allows no coder to need more. */
  private static final int ZSTD_WINDOW_LOG_MAX = 23;

  /** What expands to less is no bomb, however small it was. */
  private static final int EXPANDS_FREELY = 64 * 1024;

  /** JSON gets ten, seldom fifty times smaller. */
  private static final int EXPANDS_MAX = 200;

  private static final int BUFFER = 8 * 1024;

  private final String token;

  ContentCoding(String token) {
    this.token = token;
  }

  /** Its name in headers. */
  String token() {
    return token;
  }

  /**
   * Whether this machine can: zstd is a library in its machine code. Loads it the first time, which
   * takes some milliseconds.
   */
  boolean available() {
    return this == GZIP || Zstd.LOADED;
  }

  private static final class Zstd {
    static final boolean LOADED = load();

    private static boolean load() {
      try {
        Native.load();
        return Native.isLoaded();
      } catch (UnsatisfiedLinkError | ExceptionInInitializerError e) {
        // None for this machine, or no place to unpack it to: gzip is there always.
        return false;
      }
    }
  }

  /** The coding of this name. */
  static Optional<ContentCoding> named(String name) {
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "gzip", "x-gzip" -> Optional.of(GZIP);
      case "zstd" -> ZSTD.available() ? Optional.of(ZSTD) : Optional.empty();
      default -> Optional.empty();
    };
  }

  /** Whether a body of this type and length gets smaller by more than it costs. */
  static boolean pays(String contentType, int bytes) {
    return bytes >= BYTES_MIN && pays(contentType);
  }

  /**
   * Whether bodies of this type get smaller: text does, pictures and archives are coded already.
   */
  static boolean pays(String contentType) {
    int end = contentType.indexOf(';');
    String type =
        (end < 0 ? contentType : contentType.substring(0, end)).strip().toLowerCase(Locale.ROOT);
    // Messages of gRPC and Connect are coded one by one, if at all.
    boolean framed = type.startsWith("application/grpc") || type.startsWith("application/connect");
    return type.startsWith("text/")
        || (!framed && (type.endsWith("+json") || type.endsWith("+xml")))
        || switch (type) {
          case "application/json",
              "application/x-ndjson",
              "application/xml",
              "application/javascript",
              "application/wasm" ->
              true;
          default -> false;
        };
  }

  /**
   * What a client likes best by its {@code Accept-Encoding} (RFC 9110, 12.5.3); empty for the body
   * as it is, also when the header cannot be read.
   */
  static Optional<ContentCoding> accepted(List<String> values) {
    double gzip = -1;
    double zstd = -1;
    double identity = -1;
    double any = 0;
    for (String value : values) {
      for (String element : value.split(",", -1)) {
        String[] parts = element.toLowerCase(Locale.ROOT).split(";", -1);
        double quality = quality(parts);
        switch (parts[0].strip()) {
          case "gzip", "x-gzip" -> gzip = quality;
          case "zstd" -> zstd = quality;
          case "identity" -> identity = quality;
          case "*" -> any = quality;
          default -> {}
        }
      }
    }
    double ofGzip = gzip < 0 ? any : gzip;
    double ofZstd = zstd < 0 ? any : zstd;
    if (ofZstd > 0 && ofZstd >= ofGzip && ofZstd >= identity && ZSTD.available()) {
      return Optional.of(ZSTD);
    }
    return ofGzip > 0 && ofGzip >= identity ? Optional.of(GZIP) : Optional.empty();
  }

  /** Whether a client takes this coding, whatever it likes better. */
  boolean isTaken(List<String> acceptEncoding) {
    double own = -1;
    double any = 0;
    for (String value : acceptEncoding) {
      for (String element : value.split(",", -1)) {
        String[] parts = element.toLowerCase(Locale.ROOT).split(";", -1);
        String name = parts[0].strip();
        if (name.equals(token)) {
          own = quality(parts);
        } else if (name.equals("*")) {
          any = quality(parts);
        }
      }
    }
    return (own < 0 ? any : own) > 0;
  }

  private static double quality(String[] parts) {
    for (int i = 1; i < parts.length; i++) {
      String parameter = parts[i].strip();
      if (parameter.startsWith("q=")) {
        return Accept.quality(parameter.substring(2)).orElse(0);
      }
    }
    return 1;
  }

  /** The body, coded. */
  byte[] encode(byte[] body) {
    ByteArrayOutputStream coded = new ByteArrayOutputStream(Math.max(64, body.length / 4));
    try (OutputStream out = over(coded)) {
      out.write(body);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return coded.toByteArray();
  }

  /** What is written to it goes to the other coded, and whole when it is flushed. */
  OutputStream over(OutputStream out) throws IOException {
    return switch (this) {
      case GZIP ->
          new GZIPOutputStream(out, BUFFER, true) {
            {
              def.setLevel(GZIP_LEVEL);
            }
          };
      case ZSTD -> new ZstdOutputStreamNoFinalizer(out, ZSTD_LEVEL).setCloseFrameOnFlush(false);
    };
  }

  /**
   * The body that was coded.
   *
   * @param bytesMax how long it may be
   * @throws Refused with 413 if it is longer, or expands as no honest one does; with 400 if it is
   *     not coded so, or something follows it
   */
  byte[] decode(byte[] coded, int bytesMax) {
    ByteArrayOutputStream body = new ByteArrayOutputStream(Math.min(bytesMax, 4 * coded.length));
    byte[] buffer = new byte[BUFFER];
    try (Decoder in = new Decoder(this, coded)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        int length = body.size() + read;
        if (length > bytesMax) {
          throw new Refused(Problems.bodyTooLong(bytesMax));
        }
        if (length > EXPANDS_FREELY && length / EXPANDS_MAX > coded.length) {
          throw new Refused(Problems.bodyExpands());
        }
        body.write(buffer, 0, read);
      }
      in.checkEnd();
    } catch (IOException e) {
      throw Refused.badRequest("MALFORMED_BODY", "the body is not valid " + token);
    }
    return body.toByteArray();
  }

  /** Reads one coded body, all of which is there. */
  private static final class Decoder implements AutoCloseable {
    private final InputStream in;

    Decoder(ContentCoding coding, byte[] coded) throws IOException {
      in =
          switch (coding) {
            case GZIP -> new Gzip(coded);
            case ZSTD ->
                new ZstdInputStreamNoFinalizer(new ByteArrayInputStream(coded))
                    .setLongMax(ZSTD_WINDOW_LOG_MAX);
          };
    }

    int read(byte[] buffer) throws IOException {
      return in.read(buffer);
    }

    void checkEnd() throws IOException {
      if (in instanceof Gzip gzip) {
        gzip.checkEnd();
      }
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }

  /** Java's, but for what it forgives: something behind the end. */
  private static final class Gzip extends GZIPInputStream {
    private static final int TRAILER = 8;

    Gzip(byte[] coded) throws IOException {
      // All of it in one buffer, so that what is left of it is what was not read.
      super(new ByteArrayInputStream(coded), coded.length + 1);
    }

    void checkEnd() throws IOException {
      if (inf.getRemaining() != TRAILER) {
        throw new IOException("something follows the end");
      }
    }
  }
}
