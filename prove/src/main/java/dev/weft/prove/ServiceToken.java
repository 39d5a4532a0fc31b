package dev.weft.prove;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;

/** What a service proves its name with, made by hand as in any other language. */
public final class ServiceToken {
  private static final long LIFETIME_SECONDS = 60;

  private ServiceToken() {}

  /**
   * A token for one service to call another.
   *
   * @param folder where {@code ./weft up} keeps the state of the system, and the caller's key
   */
  public static String of(Path folder, String caller, String target) {
    long now = Instant.now().getEpochSecond();
    String header =
        "{\"typ\":\"weft-service+jwt\",\"alg\":\"ES256\",\"kid\":\"%s\"}".formatted(caller);
    String claims =
        "{\"iss\":\"weft-services\",\"sub\":\"%s\",\"aud\":\"%s\",\"iat\":%d,\"exp\":%d}"
            .formatted(caller, target, now, now + LIFETIME_SECONDS);
    String signed = base64(utf8(header)) + "." + base64(utf8(claims));
    try {
      String pem =
          Files.readString(folder.resolve("identity").resolve(caller + ".key.pem"))
              .replaceAll("-----[A-Z ]+-----", "");
      Signature signature = Signature.getInstance("SHA256withECDSAinP1363Format");
      signature.initSign(
          KeyFactory.getInstance("EC")
              .generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem))));
      signature.update(utf8(signed));
      return signed + "." + base64(signature.sign());
    } catch (IOException | GeneralSecurityException e) {
      throw new ProofException("no token for " + caller, e);
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String base64(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }
}
