package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MultipartTest {
  private static final String TYPE = "multipart/form-data; boundary=b0";
  private static final String FILE =
      "Content-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n";

  @Test
  void readsFieldsAndAFileHoweverItComesInPieces() {
    String data = "\r\n--b\r\n\r\n-\r\n--b\r";
    byte[] form =
        ("--b0\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nT €\r\n--b0\r\n"
                + FILE
                + data
                + "\r\n--b0--\r\n")
            .getBytes(UTF_8);

    for (int size = 1; size <= form.length; size++) {
      Seen seen = new Seen();
      Multipart parts = Multipart.of(TYPE, seen);
      for (int at = 0; at < form.length; at += size) {
        parts.read(Arrays.copyOfRange(form, at, Math.min(form.length, at + size)));
      }
      parts.end();
      assertThat(seen.said).containsExactly("title=T €", "image/png");
      assertThat(seen.data.toString()).isEqualTo(data);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "multipart/form-data; boundary=\"b0\"",
        "Multipart/Form-Data;BOUNDARY=b0",
      })
  void readsTheBoundaryInEitherForm(String type) {
    assertThat(UploadForm.of(type, ("--b0\r\n" + FILE + "x\r\n--b0--").getBytes(UTF_8)).file())
        .containsExactly('x');
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a\u0001\"",
        "multipart/form-data; boundary=b0; boundary=b1",
        "multipart/form-data; boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      })
  void refusesAFormWithoutOneBoundary(String type) {
    assertThat(catchThrowableOfType(Refused.class, () -> Multipart.of(type, new Seen())))
        .hasMessageContaining("boundary");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--b0--",
        "--b1\r\n",
        "preamble\r\n--b0\r\n",
        "--b0x\r\n",
        "--b0\r\n\r\n\r\nno head\r\n--b0--",
        "--b0\r\nContent-Disposition: form-data\r\n\r\n\r\n--b0--",
        "--b0\r\nContent-Disposition: attachment; name=a; filename=b\r\n\r\n\r\n--b0--",
        "--b0\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n\r\n--b0--",
        "--b0\r\nContent-Disposition: form-data; name=f; filename=g\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n--b0--",
        "--b0\r\nContent-Disposition: form-data; name=a\r\n\r\nonly a field\r\n--b0--",
        "--b0\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\nnever ends",
        "--b0\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\n\r\n--b0\r\nContent-Disposition: form-data; name=g; filename=h\r\n\r\n\r\n--b0--",
        "--b0\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\n\r\n--b0garbage",
      })
  void refusesWhatIsNoFormWithOneFile(String form) {
    Refused refused =
        catchThrowableOfType(Refused.class, () -> UploadForm.of(TYPE, form.getBytes(ISO_8859_1)));

    assertThat(refused.problem().reason()).isEqualTo("MALFORMED_FORM");
    assertThat(refused.problem().status()).isEqualTo(400);
  }

  @Test
  void keepsLittleOfAFormThatHasNoEnd() {
    String head = "--b0\r\n" + "X: y\r\n".repeat(2_000);
    String field = "--b0\r\nContent-Disposition: form-data; name=a\r\n\r\n" + "x".repeat(10_000);
    String fields = "--b0\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".repeat(40);

    assertThat(refusal(head)).contains("too long");
    assertThat(refusal(field)).contains("too long");
    assertThat(refusal(fields)).contains("too many");
    assertThat(refusal("--b0\r\nContent-Disposition: form-data" + ";a=b".repeat(900) + "\r\n\r\n"))
        .contains("belongs to the form");
  }

  @Test
  void makesNothingOfATypeThatIsNone() {
    String form =
        "--b0\r\nContent-Disposition: form-data; name=f; filename=\"\"\r\nContent-Type: \u00e9\r\n\r\n\r\n--b0--";

    assertThat(UploadForm.of(TYPE, form.getBytes(ISO_8859_1)).contentType()).isEmpty();
  }

  private static String refusal(String form) {
    return catchThrowableOfType(Refused.class, () -> UploadForm.of(TYPE, form.getBytes(ISO_8859_1)))
        .problem()
        .message();
  }

  /** Notes what it is told. */
  private static final class Seen implements Multipart.Reader {
    final List<String> said = new ArrayList<>();
    final StringBuilder data = new StringBuilder();

    @Override
    public void field(String name, String value) {
      said.add(name + "=" + value);
    }

    @Override
    public void file(String contentType) {
      said.add(contentType);
    }

    @Override
    public void data(byte[] part) {
      data.append(new String(part, UTF_8));
    }
  }
}
