# Registers itself, has its certificate and knows who may call it.
service "inventory-svc" { policy = "write" }

# Finds those it calls: the issuer of tokens, and whose events it reads.
service "user-svc" { policy = "read" }
service "order-svc" { policy = "read" }

# An instance is seen only by who may see its node.
node_prefix "" { policy = "read" }
