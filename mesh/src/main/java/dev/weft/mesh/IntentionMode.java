package dev.weft.mesh;

/** What becomes of calls that no intention allows. */
public enum IntentionMode {
  /** They are refused. */
  ENFORCE,
  /** They are served, and logged and counted as what would be refused. */
  SHADOW,
  /** Everything is served, and the intentions that would allow just that are told. */
  LEARN,
  /** Intentions are not asked for. */
  OFF
}
