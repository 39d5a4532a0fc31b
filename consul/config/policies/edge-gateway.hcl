# Registers itself and has its certificate.
service "edge-gateway" { policy = "write" }

# Serves whatever is in the registry.
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }

# What operators say about routes.
key_prefix "weft/" { policy = "read" }
