package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.grpc.Metadata;
import io.grpc.Status;
import io.netty.handler.codec.http.HttpHeaders;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The Model Context Protocol over streamable HTTP, by which programs of language models find tools
 * and call them: each unary RPC is one ({@link McpTools}), and a call of it is a call of the RPC,
 * for the same callers, within the same limits. It keeps nothing between requests, and answers each
 * with one JSON object: no sessions, no batches, no streams.
 *
 * <p>Revision 2026-07-28, in which each request says what it is; and for clients that begin with a
 * handshake 2025-11-25 and 2025-06-18.
 *
 * <p>Thread-safe.
 *
 * @see <a href="https://modelcontextprotocol.io/specification/2026-07-28">the specification</a>
 */
final class Mcp {
  static final String PATH = "/mcp";
  static final int MESSAGE_BYTES_MAX = 1024 * 1024;

  private static final String JSON_TYPE = "application/json";
  private static final JsonFactory JSON = new JsonFactory();

  /** Says of each request what it is. */
  private static final String MODERN = "2026-07-28";

  /** Begin with a handshake; the newest first, which who asks for none of them is offered. */
  private static final List<String> LEGACY = List.of("2025-11-25", "2025-06-18");

  static final List<String> VERSIONS = Stream.concat(Stream.of(MODERN), LEGACY.stream()).toList();

  /** So long a client may take a list of tools for the list: routes come and go. */
  private static final int LIST_MILLIS = 10_000;

  private static final int DISCOVERY_MILLIS = 60_000;

  /** Begins and ends what a header says in base64, since it cannot say it itself. */
  private static final String BASE64_BEGIN = "=?base64?";

  private static final String BASE64_END = "?=";

  private static final String INSTRUCTIONS =
      "Each tool is one method of a service. Arguments are named as its schema has them; 64-bit"
          + " numbers are texts. A tool that needs a user refuses calls without a bearer token in"
          + " the Authorization header of the request. A result that isError holds a problem as of"
          + " RFC 9457: its reason is stable, and its errors say what is wrong where.";

  private final McpTools tools;
  private final Identity identity;
  private final Calls calls;
  private final Cors cors;
  private final LongWork work;

  /** How results look. */
  private enum Era {
    LEGACY,
    MODERN
  }

  /** Writes members into an object. */
  private interface Members {
    void write(JsonGenerator out) throws IOException;
  }

  Mcp(McpTools tools, Identity identity, Calls calls, Cors cors, LongWork work) {
    this.tools = tools;
    this.identity = identity;
    this.calls = calls;
    this.cors = cors;
    this.work = work;
  }

  /** Answers a POST, now or later. */
  void serve(Exchange exchange, RequestTarget target) {
    HttpHeaders headers = exchange.request().headers();
    if (!cors.mayAsk(headers)) {
      throw new Refused(Problems.originNotAllowed());
    }
    if (!MediaTypes.isText(headers.getAll("content-type"), JSON_TYPE)) {
      throw new Refused(Problems.mediaType());
    }
    if (headers.contains("content-encoding")) {
      throw new Refused(
          Problem.of(
              415,
              Status.Code.INVALID_ARGUMENT,
              "UNSUPPORTED_CONTENT_ENCODING",
              "messages come as they are"));
    }
    if (!Accept.parse(headers.getAll("accept")).takes(JSON_TYPE)) {
      throw new Refused(Problems.notAcceptable(JSON_TYPE));
    }
    if (exchange.body().length() > MESSAGE_BYTES_MAX) {
      exchange.closeAfterThis();
      throw new Refused(Problems.bodyTooLong(MESSAGE_BYTES_MAX));
    }
    RateLimits.Counted counted = identity.arrive(exchange);
    exchange.body().atMost(MESSAGE_BYTES_MAX);
    exchange
        .body()
        .read(
            body ->
                Gateway.guarded(exchange, () -> new Request(exchange, target, counted).of(body)));
  }

  /** One message and its answer. On the event loop of its exchange. */
  private final class Request {
    private final Exchange exchange;
    private final RequestTarget target;
    private final RateLimits.Counted counted;
    private String id = "null";
    private Era era = Era.LEGACY;

    Request(Exchange exchange, RequestTarget target, RateLimits.Counted counted) {
      this.exchange = exchange;
      this.target = target;
      this.counted = counted;
    }

    void of(byte[] body) {
      if (body.length > Gateway.INLINE_BYTES_MAX) {
        work.run(exchange, () -> read(body), this::answered);
      } else {
        answered(read(body));
      }
    }

    /** What of a body is a message; what it is else. */
    private Read read(byte[] body) {
      try {
        return new Read(Optional.of(McpMessage.read(body)), Optional.empty());
      } catch (McpError e) {
        return new Read(Optional.empty(), Optional.of(e));
      }
    }

    private void answered(Read read) {
      try {
        if (read.wrong.isPresent()) {
          throw read.wrong.get();
        }
        McpMessage message = read.message.orElseThrow();
        id = message.idJson();
        message.check();
        if (message.isNotification()) {
          // Of none is anything expected.
          admitted(() -> exchange.answer(Answer.empty(202, Map.of())));
        } else {
          era = era(message);
          dispatch(message);
        }
      } catch (McpError e) {
        fail(e);
      }
    }

    private void dispatch(McpMessage message) {
      switch (message.method()) {
        case "tools/list" -> admitted(() -> list(message.param("cursor")));
        case "tools/call" -> call(message);
        default -> {
          if (era == Era.MODERN) {
            dispatchModern(message);
          } else {
            dispatchLegacy(message);
          }
        }
      }
    }

    private void dispatchModern(McpMessage message) {
      if (!message.method().equals("server/discover")) {
        throw McpError.unknownMethod(404);
      }
      admitted(this::discover);
    }

    private void dispatchLegacy(McpMessage message) {
      switch (message.method()) {
        case "initialize" -> {
          String wanted = needed(message, "protocolVersion");
          admitted(() -> initialize(wanted));
        }
        case "ping" -> admitted(() -> result(_ -> {}));
        default -> throw McpError.unknownMethod(200);
      }
    }

    /** Goes on for anybody who has not asked too often. */
    private void admitted(Runnable then) {
      identity.authorise(exchange, counted, new Access.Public(), then);
    }

    /**
     * Of which revision a request is.
     *
     * @throws McpError if there is no such here, or if it contradicts itself
     */
    private Era era(McpMessage message) {
      String given = header("mcp-protocol-version").orElse("");
      Optional<String> meta = message.metaVersion();
      if (meta.isEmpty() && !given.equals(MODERN)) {
        if (!given.isEmpty() && !LEGACY.contains(given)) {
          throw McpError.unsupportedVersion(given);
        }
        return Era.LEGACY;
      }
      String version = meta.orElse(given);
      if (!VERSIONS.contains(version)) {
        throw McpError.unsupportedVersion(version);
      }
      if (meta.isEmpty() || !message.metaCapabilities()) {
        throw McpError.incomplete(
            "params._meta must say io.modelcontextprotocol/protocolVersion and"
                + " io.modelcontextprotocol/clientCapabilities");
      }
      if (!given.equals(version)) {
        throw McpError.headerMismatch("MCP-Protocol-Version is not what params._meta says");
      }
      if (!version.equals(MODERN)) {
        return Era.LEGACY;
      }
      if (!header("mcp-method").equals(Optional.of(message.method()))) {
        throw McpError.headerMismatch("Mcp-Method is not the method");
      }
      if (message.method().equals("tools/call")
          && !header("mcp-name").map(Mcp::plain).equals(message.param("name"))) {
        throw McpError.headerMismatch("Mcp-Name is not the name of the tool");
      }
      return Era.MODERN;
    }

    private Optional<String> header(String name) {
      List<String> said = exchange.request().headers().getAll(name);
      if (said.size() > 1) {
        throw McpError.headerMismatch(name + " is there more than once");
      }
      return said.stream().findFirst();
    }

    private static String needed(McpMessage message, String param) {
      return message
          .param(param)
          .orElseThrow(() -> McpError.invalidParams("params." + param + " is missing"));
    }

    private void initialize(String wanted) {
      result(
          out -> {
            out.writeStringField(
                "protocolVersion", LEGACY.contains(wanted) ? wanted : LEGACY.getFirst());
            capabilities(out);
            out.writeFieldName("serverInfo");
            serverInfo(out);
            out.writeStringField("instructions", INSTRUCTIONS);
          });
    }

    private void discover() {
      result(
          out -> {
            out.writeArrayFieldStart("supportedVersions");
            for (String version : VERSIONS) {
              out.writeString(version);
            }
            out.writeEndArray();
            capabilities(out);
            out.writeStringField("instructions", INSTRUCTIONS);
            reusable(out, DISCOVERY_MILLIS);
          });
    }

    private void list(Optional<String> cursor) {
      work.run(
          exchange,
          () -> {
            try {
              McpTools.Page page = tools.page(cursor);
              return success(
                  out -> {
                    out.writeFieldName("tools");
                    out.writeRawValue(page.json());
                    if (page.next().isPresent()) {
                      out.writeStringField("nextCursor", page.next().get());
                    }
                    if (era == Era.MODERN) {
                      reusable(out, LIST_MILLIS);
                    }
                  });
            } catch (McpError e) {
              return failure(e);
            }
          },
          this::send);
    }

    /** Calls the RPC that the tool is, as if it was called by its name. */
    private void call(McpMessage message) {
      String name = needed(message, "name");
      if (tools.areListed()) {
        call(message, name, tools.find(name));
        return;
      }
      work.run(
          exchange,
          () -> tools.find(name),
          tool -> {
            try {
              call(message, name, tool);
            } catch (McpError e) {
              fail(e);
            }
          });
    }

    private void call(McpMessage message, String name, Optional<McpTools.Tool> found) {
      McpTools.Tool tool =
          found.orElseThrow(() -> McpError.invalidParams("Unknown tool: " + shortened(name)));
      Route route = tool.route();
      byte[] arguments = message.arguments().getBytes(UTF_8);
      exchange.route(route);
      exchange.refusals(this::refusal);
      identity.authorise(
          exchange,
          counted,
          route.rpc().access(),
          () -> {
            if (arguments.length > route.rpc().requestBytesMax()) {
              throw new Refused(Problems.bodyTooLong(route.rpc().requestBytesMax()));
            }
            if (arguments.length > Gateway.INLINE_BYTES_MAX) {
              work.run(exchange, () -> bytes(route, arguments), bytes -> start(tool, bytes));
            } else {
              start(tool, bytes(route, arguments));
            }
          });
    }

    private byte[] bytes(Route route, byte[] arguments) {
      return ConnectCodec.JSON.read(route.transcoder(), arguments, Optional.empty());
    }

    private void start(McpTools.Tool tool, byte[] request) {
      Asked asked =
          new Asked(
              new RouteTable.Found(tool.route(), List.of()),
              target,
              Accept.parse(List.of()),
              Transcoder.Headers.NONE,
              Prefer.parse(List.of()),
              Optional.empty(),
              Optional.empty(),
              Timeouts.grpc(exchange.request().headers().getAll("grpc-timeout")));
      calls.start(
          exchange,
          asked,
          request,
          new Recipient() {
            @Override
            public void reply(byte[] message, Metadata told) {
              exchange.observation().called(Optional.empty());
              if (message.length > Gateway.INLINE_BYTES_MAX) {
                work.run(exchange, () -> replied(tool, message), Request.this::send);
              } else {
                send(replied(tool, message));
              }
            }

            @Override
            public void fail(Problem problem) {
              Fallback.of(tool.route().rpc(), problem)
                  .ifPresentOrElse(this::reply, () -> exchange.refuse(problem));
            }

            private void reply(Fallback fallback) {
              exchange.alsoAnswer(fallback.headers());
              reply(fallback.message(), new Metadata());
            }
          });
    }

    private Answer replied(McpTools.Tool tool, byte[] message) {
      String json =
          new String(tool.route().transcoder().response(message, Optional.empty()), UTF_8);
      return success(
          out -> {
            content(out, json);
            if (tool.answersObject()) {
              out.writeFieldName("structuredContent");
              out.writeRawValue(json);
            }
            out.writeBooleanField("isError", false);
          });
    }

    /** A call that failed is a result: the model is to read why. */
    private Answer refusal(Problem problem) {
      Map<String, String> also = new LinkedHashMap<>();
      problem.retryAfterSeconds().ifPresent(seconds -> also.put("Retry-After", seconds));
      String json = new String(exchange.problemJson(problem), UTF_8);
      return success(
              out -> {
                content(out, json);
                out.writeBooleanField("isError", true);
              })
          .with(also);
    }

    private void result(Members members) {
      send(success(members));
    }

    private void fail(McpError error) {
      send(failure(error));
    }

    /** Any thread. */
    private Answer success(Members members) {
      return answer(
          200,
          out -> {
            out.writeObjectFieldStart("result");
            if (era == Era.MODERN) {
              out.writeStringField("resultType", "complete");
            }
            members.write(out);
            if (era == Era.MODERN) {
              out.writeObjectFieldStart("_meta");
              out.writeFieldName("io.modelcontextprotocol/serverInfo");
              serverInfo(out);
              out.writeEndObject();
            }
            out.writeEndObject();
          });
    }

    /** Any thread. */
    private Answer failure(McpError error) {
      return answer(
          error.status(),
          out -> {
            out.writeObjectFieldStart("error");
            out.writeNumberField("code", error.code());
            out.writeStringField("message", String.valueOf(error.getMessage()));
            if (error.data().isPresent()) {
              out.writeFieldName("data");
              JsonTree.write(out, error.data().get());
            }
            out.writeEndObject();
          });
    }

    private Answer answer(int status, Members members) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
      try (JsonGenerator out = JSON.createGenerator(bytes)) {
        out.writeStartObject();
        out.writeStringField("jsonrpc", "2.0");
        out.writeFieldName("id");
        out.writeRawValue(id);
        members.write(out);
        out.writeEndObject();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return Answer.of(status, JSON_TYPE, bytes.toByteArray(), Map.of());
    }

    private void send(Answer answer) {
      ToClient.send(exchange, answer, coding -> coding.encode(answer.body()), work);
    }
  }

  /** A body that was read: a message, or what is wrong with it. */
  private record Read(Optional<McpMessage> message, Optional<McpError> wrong) {}

  private static void capabilities(JsonGenerator out) throws IOException {
    out.writeObjectFieldStart("capabilities");
    out.writeObjectFieldStart("tools");
    out.writeEndObject();
    out.writeEndObject();
  }

  private void serverInfo(JsonGenerator out) throws IOException {
    out.writeStartObject();
    out.writeStringField("name", EdgeConfig.SERVICE);
    out.writeStringField("title", "Weft");
    out.writeStringField("version", tools.version());
    out.writeEndObject();
  }

  /** The same for everybody. */
  private static void reusable(JsonGenerator out, int millis) throws IOException {
    out.writeNumberField("ttlMs", millis);
    out.writeStringField("cacheScope", "public");
  }

  private static void content(JsonGenerator out, String text) throws IOException {
    out.writeArrayFieldStart("content");
    out.writeStartObject();
    out.writeStringField("type", "text");
    out.writeStringField("text", text);
    out.writeEndObject();
    out.writeEndArray();
  }

  /** What a header says that may say it in base64; what is none says nothing. */
  private static String plain(String value) {
    if (!value.startsWith(BASE64_BEGIN)
        || !value.endsWith(BASE64_END)
        || value.length() < BASE64_BEGIN.length() + BASE64_END.length()) {
      return value;
    }
    try {
      return new String(
          Base64.getDecoder()
              .decode(value.substring(BASE64_BEGIN.length(), value.length() - BASE64_END.length())),
          UTF_8);
    } catch (IllegalArgumentException e) {
      return "";
    }
  }

  /** Of a name that nobody knows, so much as one could have. */
  private static String shortened(String name) {
    return name.length() <= 128 ? name : name.substring(0, 128) + "…";
  }
}
