package dev.weft.user;

import dev.weft.mesh.MeshProcess;

/** The process. */
public final class UserServer {
  private UserServer() {}

  public static void main(String[] args) {
    MeshProcess.run(UserConfig.SERVICE, env -> new Wiring(UserConfig.from(env)));
  }
}
