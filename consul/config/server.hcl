# A cluster of one server, for compose.yaml. Servers talk to servers over loopback only, which also keeps the cluster
# whole when the container gets another address; services and people talk to the HTTP API.
server             = true
bootstrap_expect   = 1
node_name          = "consul"
data_dir           = "/consul/data"
bind_addr          = "127.0.0.1"
client_addr        = "0.0.0.0"
leave_on_terminate = false

connect {
  enabled = true
}

performance {
  raft_multiplier = 1
}

# Health checks are of kinds that run no program, and nobody can register one that does.
enable_script_checks = false
disable_remote_exec  = true
disable_update_check = true
