# Registers itself, has its certificate and knows who may call it.
service "order-svc" { policy = "write" }

# Finds those it calls.
service "user-svc" { policy = "read" }
service "inventory-svc" { policy = "read" }
service "payment-svc" { policy = "read" }

# An instance is seen only by who may see its node.
node_prefix "" { policy = "read" }
