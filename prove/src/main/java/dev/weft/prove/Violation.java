package dev.weft.prove;

/** An invariant that did not hold, and the smallest thing that shows it. */
record Violation(String invariant, String what) {}
