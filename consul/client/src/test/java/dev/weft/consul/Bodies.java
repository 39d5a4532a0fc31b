package dev.weft.consul;

/** Answers of Consul, as short as a test needs them. */
final class Bodies {
  private Bodies() {}

  /** One instance {@code id} of a service {@code web} on port {@code port}, passing. */
  static String passing(String id, int port) {
    return instance(id, port, "passing", "fine");
  }

  static String instance(String id, int port, String status, String output) {
    return checked(id, port, id + ":c", "grpc", status, output);
  }

  /** As the other one, with the id and the type of its check. */
  static String checked(
      String id, int port, String check, String type, String status, String output) {
    return """
    {"Node":{"Node":"n1","Address":"10.0.0.1","Datacenter":"dc1","NewerField":null},
     "Service":{"ID":"%s","Service":"web","Tags":null,"Address":"","Port":%d,
                "Meta":null,"Weights":{"Passing":2,"Warning":1}},
     "Checks":[{"CheckID":"serfHealth","Name":"Serf","Status":"passing","Output":"alive"},
               {"CheckID":"%s","Name":"c","Status":"%s","Output":"%s","Type":"%s"}]}
    """
        .formatted(id, port, check, status, output, type);
  }

  /**
   * What an agent of 1.19 says of itself, whose settings of ACLs are one level below where those of
   * 1.8 are.
   *
   * @param acls whether it has ACLs
   * @param aclPolicy its {@code acl.default_policy}
   * @param intentionPolicy its {@code default_intention_policy}, which may be empty
   */
  static String newerSelf(boolean acls, String aclPolicy, String intentionPolicy) {
    return """
    {"Config":{"Datacenter":"dc1","PrimaryDatacenter":"dc1","NodeName":"n1","NodeID":"1b406cce",
               "Revision":"048f1936","Server":true,"Version":"1.19.2",
               "BuildDate":"2024-08-27T16:06:44Z"},
     "DebugConfig":{"ACLEnableKeyListPolicy":false,"ACLInitialManagementToken":"hidden",
                    "ACLResolverSettings":{"ACLDefaultPolicy":"%2$s","ACLDownPolicy":"extend-cache",
                                           "ACLPolicyTTL":"30s","ACLRoleTTL":"0s",
                                           "ACLTokenTTL":"30s","ACLsEnabled":%1$b,
                                           "Datacenter":"dc1","EnterpriseMeta":{},"NodeName":"n1"},
                    "ACLTokenReplication":false,"ACLTokens":{"ACLDefaultToken":"hidden"},
                    "ACLsEnabled":%1$b,"DefaultIntentionPolicy":"%3$s","ConnectEnabled":true},
     "Coord":null,"Member":{"Name":"n1"},"Stats":{"agent":{"checks":"1"}},"Meta":{},
     "xDS":{"SupportedProxies":{"envoy":["1.29.7"]},"Port":8502}}
    """
        .formatted(acls, aclPolicy, intentionPolicy);
  }

  /**
   * An instance {@code id} of a service {@code web} as an agent of 1.22 shows it, with two ports of
   * which {@code port} is the default one.
   */
  static String newerPassing(String id, int port) {
    return """
    {"Node":{"ID":"1b406cce","Node":"n1","Address":"10.0.0.1","Datacenter":"dc1",
             "TaggedAddresses":{"lan":"10.0.0.1","lan_ipv4":"10.0.0.1"},
             "Meta":{"consul-network-segment":"","consul-version":"1.22.5"},
             "Locality":{"Region":"eu","Zone":"a"},"CreateIndex":13,"ModifyIndex":16},
     "Service":{"ID":"%1$s","Service":"web","Tags":["grpc"],"Address":"",
                "TaggedAddresses":null,"Meta":{"version":"v1"},"Port":0,
                "Ports":[{"Name":"admin","Port":7,"Default":false},
                         {"Name":"grpc","Port":%2$d,"Default":true}],
                "Weights":{"Passing":2,"Warning":1},"EnableTagOverride":false,
                "Proxy":{"Mode":"","MeshGateway":{},"Expose":{}},"Connect":{"Native":true},
                "PeerName":"","Locality":null,"CreateIndex":20,"ModifyIndex":20},
     "Checks":[{"Node":"n1","CheckID":"serfHealth","Name":"Serf Health Status","Status":"passing",
                "Notes":"","Output":"Agent alive and reachable","ServiceID":"","ServiceName":"",
                "ServiceTags":[],"Type":"","Interval":"","Timeout":"","ExposedPort":0,
                "Definition":{},"CreateIndex":13,"ModifyIndex":13}]}
    """
        .formatted(id, port);
  }

  static String list(String... entries) {
    return "[" + String.join(",", entries) + "]";
  }
}
