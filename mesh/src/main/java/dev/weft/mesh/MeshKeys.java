package dev.weft.mesh;

import java.net.Socket;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;

/**
 * Gives each handshake the certificate that this process has when it begins, and the same one until
 * its end, though another may have come meanwhile.
 *
 * <p>Thread-safe.
 */
final class MeshKeys extends X509ExtendedKeyManager {
  private final MeshIdentity identity;

  MeshKeys(MeshIdentity identity) {
    this.identity = identity;
  }

  private @Nullable String alias(String... keyTypes) {
    MeshIdentity.Held held = identity.held();
    return held != null && Arrays.asList(keyTypes).contains(held.key().getAlgorithm())
        ? held.alias()
        : null;
  }

  @Override
  public @Nullable String chooseEngineClientAlias(
      String[] keyTypes, Principal @Nullable [] issuers, SSLEngine engine) {
    return alias(keyTypes);
  }

  @Override
  public @Nullable String chooseEngineServerAlias(
      String keyType, Principal @Nullable [] issuers, SSLEngine engine) {
    return alias(keyType);
  }

  @Override
  public X509Certificate @Nullable [] getCertificateChain(String alias) {
    MeshIdentity.Held held = identity.held(alias);
    return held == null ? null : held.chain().toArray(X509Certificate[]::new);
  }

  @Override
  public @Nullable PrivateKey getPrivateKey(String alias) {
    MeshIdentity.Held held = identity.held(alias);
    return held == null ? null : held.key();
  }

  @Override
  public String @Nullable [] getClientAliases(String keyType, Principal @Nullable [] issuers) {
    String alias = alias(keyType);
    return alias == null ? null : new String[] {alias};
  }

  @Override
  public String @Nullable [] getServerAliases(String keyType, Principal @Nullable [] issuers) {
    return getClientAliases(keyType, issuers);
  }

  @Override
  public @Nullable String chooseClientAlias(
      String[] keyTypes, Principal @Nullable [] issuers, @Nullable Socket socket) {
    return alias(keyTypes);
  }

  @Override
  public @Nullable String chooseServerAlias(
      String keyType, Principal @Nullable [] issuers, @Nullable Socket socket) {
    return alias(keyType);
  }
}
