package dev.weft.edge;

import io.grpc.Channel;
import io.grpc.Metadata;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;

/** The services behind the edge: what they serve now, and the way to them. */
interface Services {
  /** The routes now. */
  RouteTable routes();

  /** What leads to services by the word of operators. */
  Mounts mounts();

  /** Where the healthy instances of a service are that say that they speak HTTP; not looked up. */
  List<InetSocketAddress> http(String service);

  /** Whether some instance of the service can be called, or routes may lead elsewhere. */
  boolean available(String service);

  /** The way to the instances that have this RPC. */
  Channel channel(Rpc rpc);

  /** How long a unary call of this RPC has at this moment, if its client says nothing. */
  Duration timeout(Rpc rpc, Metadata metadata);

  /** On connections of their own, so that streams do not take the room of short calls. */
  Channel streamChannel(Rpc rpc);
}
