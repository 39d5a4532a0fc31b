package dev.weft.inventory;

import dev.weft.mesh.MeshProcess;

/** The process. */
public final class InventoryServer {
  static final String NAME = "inventory-svc";

  private InventoryServer() {}

  /** Runs until it is asked to stop. */
  public static void main(String[] args) {
    MeshProcess.run(NAME, env -> new Wiring(InventoryConfig.from(env)));
  }
}
