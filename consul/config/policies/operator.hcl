# Has a certificate of its own, for ./weft events, dlq, routes and breaker. Registers nothing.
service "operator" { policy = "write" }

# Finds the services it asks.
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
