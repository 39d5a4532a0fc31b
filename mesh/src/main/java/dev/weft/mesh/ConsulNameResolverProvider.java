package dev.weft.mesh;

import dev.weft.consul.Consul;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.util.Collection;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes resolvers of {@code consul:///service} for one channel. Never registered globally: two
 * meshes in one process, as in tests, have two registries.
 */
final class ConsulNameResolverProvider extends NameResolverProvider {
  private static final String SCHEME = "consul";

  private final Consul consul;
  private final Runnable newInstance;
  private final Optional<InstanceSet> some;

  ConsulNameResolverProvider(Consul consul, Runnable newInstance, Optional<InstanceSet> some) {
    this.consul = consul;
    this.newInstance = newInstance;
    this.some = some;
  }

  static String target(String service) {
    return SCHEME + ":///" + service;
  }

  @Override
  public @Nullable NameResolver newNameResolver(URI target, NameResolver.Args args) {
    return SCHEME.equals(target.getScheme()) ? resolver(target.getPath(), args) : null;
  }

  @Override
  public @Nullable NameResolver newNameResolver(io.grpc.Uri target, NameResolver.Args args) {
    return SCHEME.equals(target.getScheme()) ? resolver(target.getPath(), args) : null;
  }

  private NameResolver resolver(String path, NameResolver.Args args) {
    return new ConsulNameResolver(
        path.substring(1), consul, args.getSynchronizationContext(), newInstance, some);
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
