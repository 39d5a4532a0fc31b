"""Our rules for compose.yaml, read from standard input as Docker Compose resolves it; one line for each breach.

The argument is the address that WEFT_EDGE_BIND said when Compose resolved it: 127.0.0.1 if it said none.
"""

import json
import pathlib
import re
import sys

ONE_SHOT = {"secrets", "demo"}
PUBLIC = {"edge-gateway": "8080"}
MODULES = {"user-svc", "order-svc", "payment-svc", "inventory-svc", "card-network", "edge-gateway"}
BACKING = {"consul", "postgres", "rabbitmq", "redis"}
OPTIONAL = {"rabbitmq"}
ON_THE_MESH = MODULES - {"card-network"}
# Of a container's memory, for heap and buffers; code, classes and threads take what is left.
BOUNDED_SHARE = 0.75
MANAGEMENT = {"user-svc": "10101", "order-svc": "10102", "payment-svc": "10103", "inventory-svc": "10104",
              "card-network": "9105", "edge-gateway": "8081"}


def bounded(limit):
    """The bytes of heap and of buffers that the image's command allows a container with this limit."""
    said = pathlib.Path("Dockerfile").read_text()
    heap = limit * int(re.search(r"MaxRAMPercentage=(\d+)", said)[1]) // 100
    buffers = {int(size) << 20 for size in re.findall(r"MaxDirectMemorySize=(\d+)m", said)}
    buffers |= {int(size) for size in re.findall(r"netty\.maxDirectMemory=(\d+)", said)}
    # One of them is what is used: the JVM's own, a service's Netty or the edge's.
    return heap + max(buffers, default=heap)


def breaches(project, opened_at):
    services = project["services"]
    staged = pathlib.Path("weft").read_text().split("modules=(")[1].split(")")[0].split()
    version = re.search("<version>(.+?)</version>", pathlib.Path("pom.xml").read_text())[1]
    # Without it no service has a certificate, and none becomes ready.
    if not re.search(r"\bconnect\s*\{\s*enabled\s*=\s*true", pathlib.Path("consul/config/server.hcl").read_text()):
        yield "consul", "gives no certificates: its Connect is not enabled"
    if set(services) != MODULES | BACKING | ONE_SHOT:
        yield "services", f"are {sorted(services)}"
    for name, service in services.items():
        ours = name not in BACKING
        one_shot = name in ONE_SHOT
        if not re.search(r":\d+\.\d+\.?\d*(-[a-z]+)?$", service["image"]):
            yield name, f"its image is not pinned to a version: {service['image']}"
        if ours and service["image"] != f"weft:{version}":
            yield name, f"its image is {service['image']}, and this is version {version}"
        if service.get("restart") != ("no" if one_shot else "unless-stopped"):
            yield name, f"restarts {service.get('restart')}"
        if not one_shot and "healthcheck" not in service:
            yield name, "has no health check"
        if name in MANAGEMENT and service["healthcheck"]["test"] != ["CMD", "healthy", MANAGEMENT[name]]:
            yield name, f"its health check is {service['healthcheck']['test']}"
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield name, "may gain privileges"
        if "mem_limit" not in service or "pids_limit" not in service or "max-size" not in service["logging"]["options"]:
            yield name, "has no bound of memory, processes or logs"
        if (ours or name != "rabbitmq") and not service.get("read_only"):
            yield name, "can write to its root file system"
        limit = int(service.get("mem_limit", 0))
        if ours and bounded(limit) > BOUNDED_SHARE * limit:
            yield name, "its heap and its buffers may take nearly all of its memory"
        if ours:
            if service.get("cap_drop") != ["ALL"]:
                yield name, "has capabilities"
            module = service["command"][0].removeprefix("@/app/").removesuffix(".args")
            if module not in staged:
                yield name, f"runs {service['command'][0]}, which ./weft stage does not make"
        if service.get("profiles", []) != ([name] if name in OPTIONAL else []):
            yield name, f"is in the profiles {service.get('profiles')}"
        for dependency, how in service.get("depends_on", {}).items():
            if dependency in OPTIONAL:
                yield name, f"waits for {dependency}, which need not be there"
            wanted = "service_completed_successfully" if dependency in ONE_SHOT else "service_healthy"
            if how["condition"] != wanted:
                yield name, f"waits for {dependency} with {how['condition']}"
        for key, value in (service.get("environment") or {}).items():
            if re.search("PASS|SECRET|TOKEN|URL$", key) and not key.endswith("_FILE") and "@" in str(value):
                yield name, f"{key} holds a secret"
            if key == "WEFT_TLS" and value != "strict":
                yield name, "calls and is called in plain text"
            if re.search("PASSWORD", key) and not key.endswith("_FILE"):
                yield name, f"{key} holds a secret"
            if key == "WEFT_UNHARDENED" and value:
                yield name, f"starts however open it is: {key}={value}"
        for port in service.get("ports", []):
            public = PUBLIC.get(name) == port["published"]
            wanted = opened_at if public else "127.0.0.1"
            if port.get("host_ip") != wanted:
                yield name, f"publishes {port['published']} at {port.get('host_ip')}, not at {wanted}"
            told = (service.get("environment") or {}).get("WEFT_PUBLISHED_AT")
            if public and told != wanted:
                yield name, f"is told that its port is published at {told}, and it is at {wanted}"
        if name in ON_THE_MESH:
            # A restart while the registry is away begins with what it said last, among it a key that is nobody else's.
            kept = pathlib.PurePath(service["environment"].get("WEFT_SNAPSHOT_DIR", "/"))
            own = [mount["source"] for mount in service["volumes"]
                   if mount["type"] == "volume" and not mount.get("read_only") and mount["target"] == str(kept.parent)]
            if len(own) != 1 or len([m for s in services.values() for m in s.get("volumes", []) if m.get("source") == own[0]]) != 1:
                yield name, f"keeps what the registry says in {kept}, which is in no volume of its own"
        for mount in service.get("volumes", []):
            if mount.get("source") == "secrets" and name != "secrets":
                own = mount.get("volume", {}).get("subpath")
                if own != name or not (mount.get("read_only") or name == "demo"):
                    yield name, f"sees {own or 'all'} of the secrets, or can change them"
            if mount["type"] == "bind" and not pathlib.Path(mount["source"]).exists():
                yield name, f"mounts {mount['source']}, which is not there"


found = list(breaches(json.load(sys.stdin), sys.argv[1]))
for subject, breach in found:
    print(f"compose.yaml: {subject}: {breach}", file=sys.stderr)
print(f"compose.yaml: {len(found)} breaches of our rules")
sys.exit(bool(found))
