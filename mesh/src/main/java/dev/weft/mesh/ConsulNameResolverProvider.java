package dev.weft.mesh;

import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.util.Collection;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes resolvers of {@code consul:///service} for one channel. Never registered globally: two
 * meshes in one process, as in tests, have two registries.
 */
final class ConsulNameResolverProvider extends NameResolverProvider {
  private static final String SCHEME = "consul";

  private final Pool pool;
  private final Runnable newInstance;

  ConsulNameResolverProvider(Pool pool, Runnable newInstance) {
    this.pool = pool;
    this.newInstance = newInstance;
  }

  static String target(String service) {
    return SCHEME + ":///" + service;
  }

  @Override
  public @Nullable NameResolver newNameResolver(URI target, NameResolver.Args args) {
    return SCHEME.equals(target.getScheme()) ? resolver(args) : null;
  }

  @Override
  public @Nullable NameResolver newNameResolver(io.grpc.Uri target, NameResolver.Args args) {
    return SCHEME.equals(target.getScheme()) ? resolver(args) : null;
  }

  private NameResolver resolver(NameResolver.Args args) {
    return new ConsulNameResolver(
        pool, args.getSynchronizationContext(), args.getServiceConfigParser(), newInstance);
  }

  @Override
  public String getDefaultScheme() {
    return SCHEME;
  }

  @Override
  protected boolean isAvailable() {
    return true;
  }

  @Override
  protected int priority() {
    return 5;
  }

  @Override
  public Collection<Class<? extends SocketAddress>> getProducedSocketAddressTypes() {
    return Set.of(InetSocketAddress.class);
  }
}
