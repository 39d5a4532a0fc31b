# Registers itself, has its certificate and knows who may call it. It calls no other service.
service "user-svc" { policy = "write" }
