package dev.weft.edge;

import java.util.Map;
import java.util.Optional;

/** A message of the Model Context Protocol that is answered with an error of JSON-RPC. */
final class McpError extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final int code;
  private final transient Map<String, Object> data;

  private McpError(int status, int code, String message, Map<String, Object> data) {
    super(message, null, false, false);
    this.status = status;
    this.code = code;
    this.data = data;
  }

  /** It is no JSON, or not strictly. */
  static McpError unreadable(String why) {
    return new McpError(400, -32700, why, Map.of());
  }

  /** It is JSON, but no request and no notification. */
  static McpError invalid(String why) {
    return new McpError(400, -32600, why, Map.of());
  }

  /**
   * Nobody knows its method.
   *
   * @param status of HTTP, which newer revisions want to be 404
   */
  static McpError unknownMethod(int status) {
    return new McpError(status, -32601, "Method not found", Map.of());
  }

  static McpError invalidParams(String why) {
    return new McpError(200, -32602, why, Map.of());
  }

  /** What every request must say of itself is missing. */
  static McpError incomplete(String why) {
    return new McpError(400, -32602, why, Map.of());
  }

  /** Headers say another thing than the body, or not what they must. */
  static McpError headerMismatch(String why) {
    return new McpError(400, -32020, "Header mismatch: " + why, Map.of());
  }

  static McpError unsupportedVersion(String requested) {
    return new McpError(
        400,
        -32022,
        "Unsupported protocol version",
        Map.of("supported", Mcp.VERSIONS, "requested", requested));
  }

  /** Of HTTP. */
  int status() {
    return status;
  }

  int code() {
    return code;
  }

  /** What else there is to know, as a tree; empty for nothing. */
  Optional<Map<String, Object>> data() {
    return data.isEmpty() ? Optional.empty() : Optional.of(data);
  }
}
