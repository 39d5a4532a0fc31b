/**
 * The runtime that every Java service links: a gRPC server that registers itself and drains,
 * channels to other services by name, identity, errors, telemetry, and a management port.
 *
 * <p>Open {@code Mesh} first: it gives a service its server and its channels. {@link
 * dev.weft.mesh.MeshProcess} is the {@code main} around it and {@link dev.weft.mesh.Env} where
 * configuration comes from. {@link dev.weft.mesh.Caller} says who is calling.
 */
@NullMarked
package dev.weft.mesh;

import org.jspecify.annotations.NullMarked;
