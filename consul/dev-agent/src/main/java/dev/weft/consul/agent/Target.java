package dev.weft.consul.agent;

import java.time.Duration;
import java.util.List;
import java.util.Map;

/** What a check looks at. */
sealed interface Target {
  /** The name of this kind of check in Consul's answers. */
  String type();

  /** Calls {@code grpc.health.v1.Health/Check} for {@code service}, empty for the whole server. */
  record Grpc(String address, boolean tls, boolean skipVerify) implements Target {
    @Override
    public String type() {
      return "grpc";
    }

    /** {@code host:port}. */
    String hostAndPort() {
      int slash = address.indexOf('/');
      return slash < 0 ? address : address.substring(0, slash);
    }

    String service() {
      int slash = address.indexOf('/');
      return slash < 0 ? "" : address.substring(slash + 1);
    }
  }

  /** Expects a 2xx answer; 429 is a warning. */
  record Http(
      String url, String method, Map<String, List<String>> header, String body, boolean skipVerify)
      implements Target {
    @Override
    public String type() {
      return "http";
    }
  }

  /** Expects that a connection opens. */
  record Tcp(String hostAndPort) implements Target {
    @Override
    public String type() {
      return "tcp";
    }
  }

  /** Expects to hear from the service at least once in every {@code ttl}. */
  record Ttl(Duration ttl) implements Target {
    @Override
    public String type() {
      return "ttl";
    }
  }

  /** Looks at nothing: critical for as long as an operator says so. */
  record Maintenance() implements Target {
    @Override
    public String type() {
      return "maintenance";
    }
  }
}
