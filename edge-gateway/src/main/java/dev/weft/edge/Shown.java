package dev.weft.edge;

import com.google.protobuf.Descriptors.FieldDescriptor;
import java.util.Locale;
import java.util.regex.Pattern;

/** What of a request may be shown to people: nothing that is secret, and not more than is read. */
final class Shown {
  static final String HIDDEN = "***";

  private static final int CHARACTERS_MAX = 80;

  /** Begins every JWT, whose header is an object. */
  private static final Pattern TOKEN = Pattern.compile("eyJ[A-Za-z0-9_.%-]{8,}");

  private static final Pattern SECRET =
      Pattern.compile("password|passwd|secret|token|credential|authorization|api_?key");

  private Shown() {}

  /** A text without tokens, and its beginning only if it is long. */
  static String text(String text) {
    String plain = TOKEN.matcher(text).replaceAll(HIDDEN);
    return plain.length() <= CHARACTERS_MAX ? plain : plain.substring(0, CHARACTERS_MAX) + "…";
  }

  /** Whether nothing that is in a field may be shown: by its contract, or by its name. */
  static boolean isSecret(FieldDescriptor field) {
    return field.getOptions().getDebugRedact() || isSecret(field.getName());
  }

  /** Whether what is called so sounds as if it was nobody's business. */
  static boolean isSecret(String name) {
    // The token of a page is none that lets anybody in.
    String lower = name.toLowerCase(Locale.ROOT).replace("page_token", "").replace("pagetoken", "");
    return SECRET.matcher(lower).find();
  }
}
