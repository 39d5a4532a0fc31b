package dev.weft.edge;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.IOException;
import java.math.BigInteger;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SNIServerName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The public port over TLS, by the JDK's own client. */
class TlsTest {
  private static final byte[] REQUEST =
      "GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(US_ASCII);

  @TempDir private static Path folder;
  private static TestCertificate certificate;
  private static TestCertificate another;
  private static TlsFiles files;
  private static EdgeFixture fixture;
  private static Held before;

  @BeforeAll
  static void open() throws Exception {
    certificate = TestCertificate.make(folder);
    another = TestCertificate.make(folder);
    files = certificate.files(folder);
    fixture =
        new EdgeFixture(HttpLimits.DEFAULT, new Access.Authenticated(Set.of()), Optional.of(files));
    fixture.add("library", new LibraryService());
    await().until(() -> fixture.status("/library/books/b1") == 200);
    before = Held.now();
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close(before);
  }

  @AfterEach
  void stillServes() {
    assertThat(fixture.status("/library/books/b1")).isEqualTo(200);
  }

  @Test
  void agreesOnHttp2WithWhoSpeaksItAndOnHttp1WithOthers() throws Exception {
    for (HttpClient.Version version : HttpClient.Version.values()) {
      HttpResponse<String> answer = get(version, certificate, "/library/books/b1");
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.version()).isEqualTo(version);
      assertThat(answer.body()).contains("\"bookId\":\"b1\"");
    }
  }

  @Test
  void sendsAndStreamsOverIt() throws Exception {
    assertThat(
            get(HttpClient.Version.HTTP_2, certificate, "/library/books/b:watch?count=3")
                .body()
                .lines())
        .hasSize(3);
  }

  @Test
  void opensAWebSocketOverIt() throws Exception {
    CompletableFuture<String> heard = new CompletableFuture<>();
    try (HttpClient client = HttpClient.newBuilder().sslContext(trusting(certificate)).build()) {
      WebSocket socket =
          client
              .newWebSocketBuilder()
              .buildAsync(
                  URI.create("wss://127.0.0.1:" + fixture.edge.port() + "/library/talk/t"),
                  new WebSocket.Listener() {
                    @Override
                    public @Nullable CompletionStage<?> onText(
                        WebSocket from, CharSequence text, boolean last) {
                      heard.complete(text.toString());
                      return null;
                    }
                  })
              .join();
      socket.sendText("{\"text\":\"x\"}", true).join();
      assertThat(heard.get(10, TimeUnit.SECONDS)).isEqualTo("{\"topic\":\"t\",\"text\":\"x\"}");
      socket.abort();
    }
  }

  @Test
  void speaksPlainTextWithThisMachineOnly() throws Exception {
    // What reads the first bytes decides by the address; here there is only this machine.
    assertThat(fixture.status("/library/books/b1")).isEqualTo(200);
    try (RawHttp2 client = new RawHttp2(fixture.edge.port())) {
      client.get(1, "/library/books/b1");
      assertThat(client.answer(1).status()).isEqualTo(200);
    }
  }

  @Test
  void tellsOthersToComeByTls() throws Exception {
    // Of this machine, and yet not the address by which it means itself.
    Optional<InetAddress> elsewhere =
        NetworkInterface.networkInterfaces()
            .flatMap(NetworkInterface::inetAddresses)
            .filter(Inet4Address.class::isInstance)
            .filter(address -> !address.isLoopbackAddress())
            .findAny();
    assumeThat(elsewhere).as("an address of this machine").isPresent();
    for (String said :
        new String[] {
          "GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        }) {
      try (RawHttp client = new RawHttp(elsewhere.orElseThrow(), fixture.edge.port())) {
        client.send(said);
        assertThat(client.all())
            .startsWith("HTTP/1.1 400 ")
            .contains("\"reason\":\"TLS_REQUIRED\"")
            .containsIgnoringCase("connection: close");
      }
    }
  }

  @Test
  void tellsBrowsersToComeByTlsFromNowOn() throws Exception {
    for (HttpClient.Version version : HttpClient.Version.values()) {
      for (String path : new String[] {"/library/books/b1", "/library/nothing"}) {
        HttpHeaders headers = get(version, certificate, path).headers();
        assertThat(headers.firstValue("strict-transport-security")).contains("max-age=31536000");
        assertThat(headers.firstValue("content-security-policy"))
            .contains("default-src 'none'; frame-ancestors 'none'");
      }
    }
    assertThat(fixture.get("/library/books/b1").headers().firstValue("strict-transport-security"))
        .isEmpty();
  }

  /** There is one certificate, whatever name is asked for, and the name decides nothing. */
  @Test
  void offersItsCertificateWhateverNameIsAskedFor() throws Exception {
    for (List<SNIServerName> names :
        List.of(
            List.<SNIServerName>of(),
            List.<SNIServerName>of(new SNIHostName("unknown.example")),
            List.<SNIServerName>of(new SNIHostName("localhost")))) {
      try (SSLSocket socket = connect(trusting(certificate))) {
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setServerNames(names);
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        assertThat(socket.getSession().getPeerCertificates())
            .containsExactly(certificate.certificate());
      }
    }
  }

  @Test
  void beginsNoSecondHandshakeOnAConnection() throws Exception {
    try (SSLSocket socket = connect(trusting(certificate))) {
      socket.setEnabledProtocols(new String[] {"TLSv1.2"});
      socket.startHandshake();
      assertThatThrownBy(
              () -> {
                socket.startHandshake();
                // The answer to it is read with what comes next.
                socket.getOutputStream().write(REQUEST);
                if (socket.getInputStream().read() < 0) {
                  throw new IOException("closed");
                }
              })
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void beginsNoMoreHandshakesThanAnAddressMay() throws Exception {
    HttpLimits one = HttpLimits.DEFAULT.withHandshakes(1);
    Optional<TlsFiles> pair = Optional.of(certificate.files(folder));
    try (EdgeFixture other = new EdgeFixture(one, new Access.Public(), pair);
        SSLSocket first = connect(trusting(certificate), other.edge.port());
        SSLSocket second = connect(trusting(certificate), other.edge.port())) {
      first.startHandshake();
      assertThatThrownBy(second::startHandshake).isInstanceOf(IOException.class);

      first.getOutputStream().write(REQUEST);
      assertThat(first.getInputStream().read()).isEqualTo('H');
    }
  }

  /** An answer in plain text is none here, and one over TLS is what a flood is after. */
  @Test
  void closesAConnectionTooManyWithoutAWord() throws Exception {
    HttpLimits one = HttpLimits.DEFAULT.withConnections(100, 1, 100);
    Optional<TlsFiles> pair = Optional.of(certificate.files(folder));
    try (EdgeFixture other = new EdgeFixture(one, new Access.Public(), pair);
        SSLSocket first = connect(trusting(certificate), other.edge.port())) {
      first.startHandshake();
      try (RawHttp second = new RawHttp(other.edge.port())) {
        assertThat(second.all()).isEmpty();
      }
      first.getOutputStream().write(REQUEST);
      assertThat(first.getInputStream().read()).isEqualTo('H');
    }
  }

  @Test
  void speaksNoOldTls() throws Exception {
    SSLContext context = trusting(certificate);
    try (SSLSocket socket = connect(context)) {
      socket.setEnabledProtocols(new String[] {"TLSv1.2"});
      socket.startHandshake();
      assertThat(socket.getSession().getProtocol()).isEqualTo("TLSv1.2");
    }
    for (String old : new String[] {"\3\1", "\3\2"}) {
      try (RawHttp client = new RawHttp(fixture.edge.port())) {
        // A greeting of TLS 1.0 or 1.1 that offers nothing newer.
        client.send("\26\3\1\0\55\1\0\0\51" + old + "r".repeat(32) + "\0\0\2\0\57\1\0");
        // A fatal alert of protocol_version, or of handshake_failure.
        assertThat(client.all()).startsWith("\25").contains("\2\106").hasSize(7);
      }
    }
  }

  @Test
  void forgetsWhoDoesNotFinishTheHandshake() throws Exception {
    HttpLimits quick =
        HttpLimits.DEFAULT.withDeadlines(
            Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(5));
    try (EdgeFixture other =
            new EdgeFixture(quick, new Access.Public(), Optional.of(certificate.files(folder)));
        RawHttp client = new RawHttp(other.edge.port())) {
      client.send("\26\3\1\0\377\1");
      assertThat(client.all()).doesNotContain("HTTP/");
    }
  }

  @Test
  void usesANewPairWithoutARestartAndKeepsTheOldOneWhenTheNewIsBroken() throws Exception {
    Path own = Files.createDirectory(folder.resolve("own"));
    TlsFiles changing = certificate.files(own);
    try (Certificates certificates =
        Certificates.open(changing, Duration.ofMillis(20), Runnable::run)) {
      assertThat(offered(certificates)).isEqualTo(certificate.serial());

      Files.writeString(changing.certificate(), another.certificatePem());
      Files.writeString(changing.key(), "no key");
      await()
          .during(Duration.ofMillis(200))
          .until(() -> offered(certificates).equals(certificate.serial()));

      Files.delete(changing.key());
      await()
          .during(Duration.ofMillis(200))
          .until(() -> offered(certificates).equals(certificate.serial()));

      Files.writeString(changing.key(), certificate.keyPem());
      await()
          .during(Duration.ofMillis(200))
          .until(() -> offered(certificates).equals(certificate.serial()));

      Files.writeString(changing.key(), another.keyPem());
      await().until(() -> offered(certificates).equals(another.serial()));
    }
  }

  @Test
  void refusesToStartWithAPairThatDoesNotFit() throws Exception {
    Path own = Files.createDirectory(folder.resolve("wrong"));
    TlsFiles wrong = certificate.files(own);
    Files.writeString(wrong.key(), another.keyPem());
    assertThatThrownBy(() -> Certificates.open(wrong, Duration.ofDays(1), Runnable::run))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the key is not the certificate's");
    Files.writeString(wrong.certificate(), "nothing");
    assertThatThrownBy(() -> Certificates.open(wrong, Duration.ofDays(1), Runnable::run))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** The serial number of what a new connection is offered. */
  private static BigInteger offered(Certificates certificates) throws Exception {
    EmbeddedChannel server =
        new EmbeddedChannel(certificates.handler(UnpooledByteBufAllocator.DEFAULT));
    SslHandler tls =
        SslContextBuilder.forClient()
            .sslProvider(SslProvider.JDK)
            .trustManager(InsecureTrustManagerFactory.INSTANCE)
            .build()
            .newHandler(UnpooledByteBufAllocator.DEFAULT);
    EmbeddedChannel client = new EmbeddedChannel(tls);
    while (!tls.handshakeFuture().isDone()) {
      for (Object sent = client.readOutbound(); sent != null; sent = client.readOutbound()) {
        server.writeInbound(sent);
      }
      server.runPendingTasks();
      for (Object sent = server.readOutbound(); sent != null; sent = server.readOutbound()) {
        client.writeInbound(sent);
      }
      client.runPendingTasks();
    }
    return ((X509Certificate) tls.engine().getSession().getPeerCertificates()[0]).getSerialNumber();
  }

  private static HttpResponse<String> get(
      HttpClient.Version version, TestCertificate trusted, String path) throws Exception {
    try (HttpClient client =
        HttpClient.newBuilder().version(version).sslContext(trusting(trusted)).build()) {
      return client.send(
          HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + fixture.edge.port() + path))
              .timeout(Duration.ofSeconds(10))
              .build(),
          HttpResponse.BodyHandlers.ofString());
    }
  }

  private static SSLSocket connect(SSLContext context) throws IOException {
    return connect(context, fixture.edge.port());
  }

  private static SSLSocket connect(SSLContext context, int port) throws IOException {
    SSLSocket socket =
        (SSLSocket) context.getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(20_000);
    return socket;
  }

  private static SSLContext trusting(TestCertificate trusted) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    store.setCertificateEntry("edge", trusted.certificate());
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }
}
