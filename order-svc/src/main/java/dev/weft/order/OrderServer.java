package dev.weft.order;

import dev.weft.mesh.MeshProcess;

/** The process. */
public final class OrderServer {
  static final String NAME = "order-svc";

  private OrderServer() {}

  /** Runs until it is asked to stop. */
  public static void main(String[] args) {
    MeshProcess.run(NAME, env -> new Wiring(OrderConfig.from(env)));
  }
}
