package dev.weft.payment;

import dev.weft.mesh.MeshProcess;

/** The process. */
public final class PaymentServer {
  static final String NAME = "payment-svc";

  private PaymentServer() {}

  /** Runs until it is asked to stop. */
  public static void main(String[] args) {
    MeshProcess.run(NAME, env -> new Wiring(PaymentConfig.from(env)));
  }
}
