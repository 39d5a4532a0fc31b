package dev.weft.consul;

/** Answers of Consul, as short as a test needs them. */
final class Bodies {
  private Bodies() {}

  /** One instance {@code id} of a service {@code web} on port {@code port}, passing. */
  static String passing(String id, int port) {
    return instance(id, port, "passing", "fine");
  }

  static String instance(String id, int port, String status, String output) {
    return """
    {"Node":{"Node":"n1","Address":"10.0.0.1","Datacenter":"dc1","NewerField":null},
     "Service":{"ID":"%s","Service":"web","Tags":null,"Address":"","Port":%d,
                "Meta":null,"Weights":{"Passing":2,"Warning":1}},
     "Checks":[{"CheckID":"serfHealth","Name":"Serf","Status":"passing","Output":"alive"},
               {"CheckID":"%s:c","Name":"c","Status":"%s","Output":"%s","Type":"ttl"}]}
    """
        .formatted(id, port, id, status, output);
  }

  static String list(String... entries) {
    return "[" + String.join(",", entries) + "]";
  }
}
