/**
 * The edge: REST/JSON, gRPC, gRPC-Web or Connect in, gRPC out, for every service that is healthy in
 * the registry, answers reflection and states {@code google.api.http} rules. No service needs to be
 * known when the edge is built or started, and the edge depends on no domain contract.
 *
 * <p>Open {@link dev.weft.edge.Gateway} first: it is the way of one request, in order. What may be
 * called stands in {@link dev.weft.edge.RouteTable}, an immutable table that {@link
 * dev.weft.edge.SchemaWatch} swaps whole; what a request and an answer look like is {@link
 * dev.weft.edge.Transcoder}'s; a connection and its limits are {@link
 * dev.weft.edge.Http1Connection}'s or {@link dev.weft.edge.Http2Connection}'s.
 */
@NullMarked
package dev.weft.edge;

import org.jspecify.annotations.NullMarked;
