package dev.weft.user;

import com.nimbusds.jose.util.JSONObjectUtils;
import java.text.ParseException;
import java.util.Map;

/** The administrator who is made when there is none. */
record FirstAdmin(Email email, String password) {
  private static final int PASSWORD_MIN = 12;
  private static final int PASSWORD_MAX = 128;

  /**
   * Reads {@code {"email": …, "password": …}}.
   *
   * @throws IllegalArgumentException if it is not that; the message never holds the password
   */
  static FirstAdmin parse(String json) {
    Map<String, Object> object;
    try {
      object = JSONObjectUtils.parse(json);
    } catch (ParseException e) {
      throw new IllegalArgumentException("not JSON");
    }
    if (!(object.get("email") instanceof String address)
        || !(object.get("password") instanceof String password)) {
      throw new IllegalArgumentException("email or password is missing");
    }
    Email email =
        Email.parse(address).orElseThrow(() -> new IllegalArgumentException("email is no address"));
    int length = password.codePointCount(0, password.length());
    if (length < PASSWORD_MIN
        || length > PASSWORD_MAX
        || password.chars().anyMatch(Character::isISOControl)) {
      throw new IllegalArgumentException(
          "password is not " + PASSWORD_MIN + " to " + PASSWORD_MAX + " characters");
    }
    return new FirstAdmin(email, password);
  }

  @Override
  public String toString() {
    return "FirstAdmin[…]";
  }
}
