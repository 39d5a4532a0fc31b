package dev.weft.testkit;

import dev.weft.consul.Leaf;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * One end of TLS that is not of the mesh, believes everybody and says what it was shown. As a
 * server it shakes hands with whoever comes, one after the other, and hangs up.
 */
final class Peer implements AutoCloseable {
  private static final int PATIENCE_MILLIS = 20_000;

  /** What a client of HTTP/2 begins with: RFC 9113 §3.4, and settings that set nothing. */
  private static final byte[] PREFACE = preface();

  private final SSLServerSocket listener;
  private final CompletableFuture<List<X509Certificate>> presented = new CompletableFuture<>();

  /** Listens on loopback, as who the leaf is for. */
  Peer(Leaf leaf) throws IOException, GeneralSecurityException {
    listener =
        (SSLServerSocket)
            context(Optional.of(leaf))
                .getServerSocketFactory()
                .createServerSocket(0, 50, InetAddress.getLoopbackAddress());
    SSLParameters parameters = listener.getSSLParameters();
    parameters.setNeedClientAuth(true);
    parameters.setApplicationProtocols(new String[] {"h2"});
    listener.setSSLParameters(parameters);
    Thread.ofVirtual().start(this::shakeHands);
  }

  private void shakeHands() {
    while (!listener.isClosed()) {
      try (SSLSocket socket = (SSLSocket) listener.accept()) {
        socket.setSoTimeout(PATIENCE_MILLIS);
        socket.startHandshake();
        presented.complete(certificates(socket.getSession()));
      } catch (IOException e) {
        // Refused by who came, or this is closed: then there is nothing to say of it.
      }
    }
  }

  int port() {
    return listener.getLocalPort();
  }

  /** The chain of the first client with which hands were shaken. */
  CompletableFuture<List<X509Certificate>> presented() {
    return presented;
  }

  /** The chain of who serves there. */
  static List<X509Certificate> presentedBy(int port) throws IOException, GeneralSecurityException {
    try (SSLSocket socket = connect(Optional.empty(), port)) {
      return certificates(socket.getSession());
    }
  }

  /** Whether who serves there speaks HTTP/2 with the holder of this leaf. */
  static boolean isAnswered(Leaf leaf, int port) throws GeneralSecurityException {
    try (SSLSocket socket = connect(Optional.of(leaf), port)) {
      socket.getOutputStream().write(PREFACE);
      return socket.getInputStream().read() >= 0;
    } catch (IOException e) {
      return false;
    }
  }

  private static SSLSocket connect(Optional<Leaf> leaf, int port)
      throws IOException, GeneralSecurityException {
    SSLSocket socket =
        (SSLSocket)
            context(leaf).getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(PATIENCE_MILLIS);
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setApplicationProtocols(new String[] {"h2"});
    socket.setSSLParameters(parameters);
    socket.startHandshake();
    return socket;
  }

  private static byte[] preface() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    bytes.writeBytes(new byte[] {0, 0, 0, 4, 0, 0, 0, 0, 0});
    return bytes.toByteArray();
  }

  private static List<X509Certificate> certificates(SSLSession session) throws IOException {
    return Arrays.stream(session.getPeerCertificates()).map(X509Certificate.class::cast).toList();
  }

  private static SSLContext context(Optional<Leaf> leaf)
      throws IOException, GeneralSecurityException {
    KeyManager[] keys = {};
    if (leaf.isPresent()) {
      Leaf own = leaf.orElseThrow();
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      store.setKeyEntry("own", own.key(), new char[0], own.chain().toArray(Certificate[]::new));
      KeyManagerFactory factory =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      factory.init(store, new char[0]);
      keys = factory.getKeyManagers();
    }
    SSLContext context = SSLContext.getInstance("TLSv1.3");
    context.init(keys, new TrustManager[] {new Everybody()}, null);
    return context;
  }

  /** Trusts whatever it is shown. */
  private static final class Everybody implements X509TrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }
}
