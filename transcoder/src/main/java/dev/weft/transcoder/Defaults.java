package dev.weft.transcoder;

/** What becomes of fields without presence that have their default. */
public enum Defaults {
  /** They are printed, so that a message always has the same shape. */
  PRINTED,
  /** They are not, which is the other form that ProtoJSON allows. */
  OMITTED
}
