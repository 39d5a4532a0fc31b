package dev.weft.mesh;

/**
 * An environment variable that is missing or cannot be used. Its message is one line that names the
 * variable, its value unless that is a secret, and what was expected; {@link MeshProcess} prints it
 * and exits with code 64.
 */
public final class ConfigException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final int SHOWN_VALUE_LENGTH = 80;

  private ConfigException(String message) {
    super(message);
  }

  /** The variable has to be set and is not. */
  public static ConfigException missing(String variable) {
    return new ConfigException(variable + " is not set");
  }

  /** The variable is set to something that cannot be used. */
  public static ConfigException wrong(String variable, String value, String expected) {
    return new ConfigException(
        variable + "=" + oneLine(value) + " cannot be used (expected: " + oneLine(expected) + ")");
  }

  /** As {@link #wrong}, for a value that nobody may see. */
  public static ConfigException wrongSecret(String variable, String expected) {
    return new ConfigException(variable + " cannot be used (expected: " + oneLine(expected) + ")");
  }

  private static String oneLine(String text) {
    String shown =
        text.length() <= SHOWN_VALUE_LENGTH ? text : text.substring(0, SHOWN_VALUE_LENGTH) + "…";
    return shown.replaceAll("\\p{Cntrl}", "?");
  }
}
