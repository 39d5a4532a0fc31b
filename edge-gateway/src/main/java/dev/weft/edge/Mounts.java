package dev.weft.edge;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What operators mounted where. A path that a contract has is never a mount's; of several mounts
 * that cover a path the one with the longest prefix has it. Immutable.
 */
final class Mounts {
  /**
   * Where operators say so: a JSON object by prefix, such as {@code {"/legacy": {"service":
   * "legacy-svc", "to": "/api", "access": "public"}}}. The README has all that can be said.
   */
  static final String KEY = "weft/routes/mounts";

  static final Mounts NONE = new Mounts(List.of());

  private static final int MOUNTS_MAX = 200;
  private static final int HEADERS_MAX = 20;
  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final Duration TIMEOUT_MAX = Duration.ofMinutes(10);
  private static final long BODY = 10L * 1024 * 1024;
  private static final long BODY_MAX = 1024L * 1024 * 1024;

  /** What needs no escapes; and no dots, so that nothing can be a step up. */
  private static final Pattern PATH = Pattern.compile("(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*");

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9-]{1,64}");
  private static final Pattern VALUE = Pattern.compile("[\\x20-\\x7e]{0,256}");
  private static final JsonFactory JSON = new JsonFactory();

  private final List<Mount> mounts;

  private Mounts(List<Mount> mounts) {
    this.mounts =
        mounts.stream()
            .sorted(Comparator.comparingInt((Mount mount) -> mount.prefix().size()).reversed())
            .toList();
  }

  /**
   * What this text says; nothing is mounted without one.
   *
   * @throws IllegalArgumentException that says what is wrong
   */
  static Mounts of(Optional<String> json) {
    return json.map(Mounts::parse).orElse(NONE);
  }

  /** In the order in which they are asked. */
  List<Mount> all() {
    return mounts;
  }

  /** What has this path if no contract has. */
  Optional<Mount> at(RequestTarget target) {
    if (mounts.isEmpty()) {
      return Optional.empty();
    }
    List<String> segments = target.segments().stream().map(RequestTarget::decode).toList();
    // An empty segment in the middle means different things to different servers.
    int end = segments.size() - 1;
    if (segments.subList(0, end).contains("")) {
      return Optional.empty();
    }
    return mounts.stream().filter(mount -> mount.covers(segments)).findFirst();
  }

  private static Mounts parse(String json) {
    List<Mount> mounts = new ArrayList<>();
    Set<String> prefixes = new HashSet<>();
    try (JsonParser in = JSON.createParser(json)) {
      expect(in.nextToken() == JsonToken.START_OBJECT, "a JSON object by prefix");
      while (in.nextToken() != JsonToken.END_OBJECT) {
        String prefix = in.currentName();
        expect(prefixes.add(prefix), "each prefix once");
        expect(mounts.size() < MOUNTS_MAX, "at most " + MOUNTS_MAX + " prefixes");
        expect(in.nextToken() == JsonToken.START_OBJECT, "a JSON object for " + prefix);
        mounts.add(mount(prefix, in));
      }
      expect(in.nextToken() == null, "one JSON object");
    } catch (IOException e) {
      throw new IllegalArgumentException("expected: JSON", e);
    }
    return new Mounts(mounts);
  }

  private static Mount mount(String prefix, JsonParser in) throws IOException {
    expect(
        prefix.equals("/") || (!prefix.isEmpty() && PATH.matcher(prefix).matches()),
        "a prefix such as /legacy, not " + prefix);
    String service = "";
    String to = "";
    boolean open = false;
    Set<String> roles = Set.of();
    Duration timeout = TIMEOUT;
    long body = BODY;
    Map<String, String> request = Map.of();
    Map<String, String> answer = Map.of();
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String what = prefix + "." + in.currentName();
      in.nextToken();
      switch (in.currentName()) {
        case "service" -> service = text(in, what);
        case "to" -> {
          to = text(in, what);
          expect(PATH.matcher(to).matches(), "a path such as /api for " + what);
        }
        case "access" -> {
          String access = text(in, what);
          open = access.equals("public");
          expect(open || access.equals("authenticated"), "public or authenticated for " + what);
        }
        case "roles" -> roles = texts(in, what);
        case "timeout" -> timeout = duration(in, what);
        case "max_body_bytes" -> {
          expect(in.currentToken() == JsonToken.VALUE_NUMBER_INT, "a number for " + what);
          body = in.getLongValue();
          expect(body >= 0 && body <= BODY_MAX, "0 to " + BODY_MAX + " for " + what);
        }
        case "request_headers" -> request = headers(in, what);
        case "answer_headers" -> answer = headers(in, what);
        default -> expect(false, "nothing called " + what);
      }
    }
    expect(!service.isBlank(), "a service for " + prefix);
    expect(!open || roles.isEmpty(), "roles or public access for " + prefix);
    return new Mount(
        prefix.equals("/") ? List.of() : Arrays.asList(prefix.substring(1).split("/", -1)),
        service,
        to,
        open ? new Access.Public() : new Access.Authenticated(roles),
        timeout,
        body,
        request,
        answer);
  }

  private static String text(JsonParser in, String what) throws IOException {
    expect(in.currentToken() == JsonToken.VALUE_STRING, "text for " + what);
    return in.getText();
  }

  private static Set<String> texts(JsonParser in, String what) throws IOException {
    expect(in.currentToken() == JsonToken.START_ARRAY, "a list for " + what);
    Set<String> texts = new HashSet<>();
    while (in.nextToken() != JsonToken.END_ARRAY) {
      texts.add(text(in, what));
    }
    return texts;
  }

  private static Duration duration(JsonParser in, String what) throws IOException {
    String text = text(in, what);
    try {
      Duration timeout = Duration.parse(text);
      expect(
          timeout.isPositive() && timeout.compareTo(TIMEOUT_MAX) <= 0,
          "at most " + TIMEOUT_MAX + " for " + what);
      return timeout;
    } catch (DateTimeException e) {
      throw new IllegalArgumentException("expected: a time such as PT10S for " + what, e);
    }
  }

  private static Map<String, String> headers(JsonParser in, String what) throws IOException {
    expect(in.currentToken() == JsonToken.START_OBJECT, "a JSON object for " + what);
    Map<String, String> headers = new LinkedHashMap<>();
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String name = in.currentName();
      in.nextToken();
      String value = text(in, what + "." + name);
      expect(
          NAME.matcher(name).matches()
              && VALUE.matcher(value).matches()
              && !ProxyHeaders.framesMessages(name),
          "a header that may be set for " + what + ", not " + name);
      headers.put(name, value);
      expect(headers.size() <= HEADERS_MAX, "at most " + HEADERS_MAX + " headers for " + what);
    }
    return headers;
  }

  private static void expect(boolean fulfilled, String expected) {
    if (!fulfilled) {
      throw new IllegalArgumentException("expected: " + expected);
    }
  }
}
