package dev.weft.edge;

import static dev.weft.edge.ApiSchemas.ordered;

import com.google.protobuf.DescriptorProtos.MethodOptions.IdempotencyLevel;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The tools that a table of routes has: each unary RPC that can be called by its name and takes an
 * object, in the order of their names. A table that changes has other tools at once.
 *
 * <p>Thread-safe. Pages are described when they are asked for, one at a time, and the first few are
 * kept.
 */
final class McpTools {
  /** What a page holds at most, of tools and of characters; one tool is always in it. */
  private static final int PAGE_TOOLS = 50;

  private static final int PAGE_CHARACTERS = 512 * 1024;
  private static final int PAGES_KEPT = 16;

  /** What every client and every model takes as a name of a tool. */
  private static final int NAME_MAX = 64;

  private static final int NAME_DIGEST = 8;

  /** Cursors are names of tools. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_]{1,64}");

  private static final String DEFINITIONS = "#/$defs/";

  private final Services services;
  private final String version;
  private final Optional<Path> comments;
  private volatile @Nullable Listed listed;

  /** An RPC that is a tool. */
  record Tool(String name, Route route) {
    /** Whether all its answers are objects, which alone are structured content everywhere. */
    boolean answersObject() {
      return isObject(route.transcoder().method().getOutputType());
    }
  }

  /**
   * Some tools of all.
   *
   * @param json an array of them
   * @param next where the next page begins; empty behind the last
   */
  record Page(String json, Optional<String> next) {}

  /** The tools of one table. */
  private static final class Listed {
    final RouteTable of;
    final NavigableMap<String, Tool> tools;

    // Guarded by this.
    final Map<String, Page> pages = new HashMap<>();
    @Nullable ApiComments said;

    Listed(RouteTable of) {
      this.of = of;
      this.tools = tools(of.rpcs());
    }
  }

  /**
   * @param version of what has these tools
   * @param comments where descriptor sets with comments are
   */
  McpTools(Services services, String version, Optional<Path> comments) {
    this.services = services;
    this.version = version;
    this.comments = comments;
  }

  /** Of what has these tools. */
  String version() {
    return version;
  }

  /** Whether the tools of the routes that are served now are known, as they were asked for. */
  boolean areListed() {
    Listed known = listed;
    return known != null && known.of == services.routes();
  }

  /** The tool of this name now. Looks at all routes, unless they are listed. */
  Optional<Tool> find(String name) {
    return Optional.ofNullable(listed().tools.get(name));
  }

  private Listed listed() {
    RouteTable now = services.routes();
    Listed known = listed;
    if (known != null && known.of == now) {
      return known;
    }
    // Two threads may do this, and then do the same.
    Listed made = new Listed(now);
    listed = made;
    return made;
  }

  private static NavigableMap<String, Tool> tools(Collection<Route> rpcs) {
    NavigableMap<String, Tool> tools = new TreeMap<>();
    rpcs.stream()
        .filter(
            route -> route.rpc().unary() && isObject(route.transcoder().method().getInputType()))
        .sorted(Comparator.comparing(route -> route.rpc().name()))
        // Names that only dots and lines tell apart: the first has it.
        .forEach(
            route -> {
              String name = name(route.rpc().name());
              tools.putIfAbsent(name, new Tool(name, route));
            });
    return tools;
  }

  /** Whether this type is an object in JSON, whatever it holds. */
  private static boolean isObject(Descriptor type) {
    return ApiSchemas.isObject(type)
        || type.getFullName().equals("google.protobuf.Struct")
        || type.getFullName().equals("google.protobuf.Any");
  }

  /** What the tool is called that an RPC is: its full name, without what some do not take. */
  static String name(String rpc) {
    String name = rpc.replace('.', '_').replace('/', '_');
    if (name.length() <= NAME_MAX) {
      return name;
    }
    String digest = HexFormat.of().formatHex(sha256(rpc)).substring(0, NAME_DIGEST);
    return digest + "_" + name.substring(name.length() - (NAME_MAX - NAME_DIGEST - 1));
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /**
   * The tools behind a cursor, or the first. May take long.
   *
   * @throws McpError if nobody was given this cursor
   */
  Page page(Optional<String> cursor) {
    String after = cursor.map(McpTools::decoded).orElse("");
    Listed all = listed();
    synchronized (all) {
      Page known = all.pages.get(after);
      if (known != null) {
        return known;
      }
      Page made = describe(all, after);
      if (all.pages.size() < PAGES_KEPT) {
        all.pages.put(after, made);
      }
      return made;
    }
  }

  private static String decoded(String cursor) {
    String name;
    try {
      name = new String(Base64.getUrlDecoder().decode(cursor), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      name = "";
    }
    if (!NAME.matcher(name).matches()) {
      throw McpError.invalidParams("this cursor was not given by anybody here");
    }
    return name;
  }

  private Page describe(Listed all, String after) {
    ApiComments said = all.said;
    if (said == null) {
      said = comments.map(ApiComments::read).orElse(ApiComments.NONE);
      all.said = said;
    }
    ApiNames names = new ApiNames();
    List<String> page = new ArrayList<>();
    int length = 0;
    String last = after;
    for (Tool tool : all.tools.tailMap(after, false).values()) {
      String json = JsonTree.text(describe(tool, said, names));
      if (page.size() == PAGE_TOOLS
          || (!page.isEmpty() && length + json.length() > PAGE_CHARACTERS)) {
        String cursor =
            Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(last.getBytes(StandardCharsets.UTF_8));
        return new Page("[" + String.join(",", page) + "]", Optional.of(cursor));
      }
      page.add(json);
      length += json.length();
      last = tool.name;
    }
    return new Page("[" + String.join(",", page) + "]", Optional.empty());
  }

  private static Map<String, Object> describe(Tool tool, ApiComments comments, ApiNames names) {
    Route route = tool.route;
    MethodDescriptor method = route.transcoder().method();
    String said = comments.about(method.getFullName());
    String title = OpenApi.summary(method.getName(), said);
    Map<String, Object> described =
        ordered(
            "name",
            tool.name,
            "title",
            title,
            "description",
            OpenApi.description(route, said),
            "inputSchema",
            schema(method.getInputType(), comments, names));
    if (tool.answersObject()) {
      described.put("outputSchema", schema(method.getOutputType(), comments, names));
    }
    described.put("annotations", annotations(method, title));
    return described;
  }

  /** With all that it refers to inside of it. */
  private static Map<String, Object> schema(Descriptor type, ApiComments comments, ApiNames names) {
    ApiSchemas schemas = new ApiSchemas(comments, names, DEFINITIONS);
    Map<String, Object> schema =
        ApiSchemas.isObject(type) ? schemas.object(type, _ -> true, true) : schemas.message(type);
    if (ApiSchemas.isObject(type) && type.getFields().isEmpty()) {
      schema.put("additionalProperties", false);
    }
    Map<String, Object> definitions = schemas.definitions();
    if (!definitions.isEmpty()) {
      schema.put("$defs", definitions);
    }
    return schema;
  }

  /** As far as the contract says it: of what it does not say, clients suppose the worst. */
  private static Map<String, Object> annotations(MethodDescriptor method, String title) {
    IdempotencyLevel level = method.getOptions().getIdempotencyLevel();
    boolean safe = level == IdempotencyLevel.NO_SIDE_EFFECTS;
    Map<String, Object> annotations =
        ordered(
            "title", title,
            "readOnlyHint", safe,
            "idempotentHint", safe || level == IdempotencyLevel.IDEMPOTENT);
    if (safe) {
      annotations.put("destructiveHint", false);
    }
    return annotations;
  }
}
