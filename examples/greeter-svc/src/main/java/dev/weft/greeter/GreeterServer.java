package dev.weft.greeter;

import dev.weft.greeter.v1.GreetMeRequest;
import dev.weft.greeter.v1.GreetMeResponse;
import dev.weft.greeter.v1.GreetRequest;
import dev.weft.greeter.v1.GreetResponse;
import dev.weft.greeter.v1.GreeterServiceGrpc;
import dev.weft.mesh.Caller;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.MeshProcess;
import dev.weft.mesh.RunningProcess;
import io.grpc.stub.StreamObserver;

/** Greets whoever asks. */
public final class GreeterServer implements RunningProcess {
  private final Mesh mesh;

  GreeterServer(Env env) {
    mesh = Mesh.open(MeshConfig.from(env, "greeter-svc"));
  }

  public static void main(String[] args) {
    MeshProcess.run("greeter-svc", GreeterServer::new);
  }

  @Override
  public void start() {
    mesh.server(new Greeter()).start();
  }

  @Override
  public void close() {
    mesh.close();
  }

  private static final class Greeter extends GreeterServiceGrpc.GreeterServiceImplBase {
    @Override
    public void greet(GreetRequest request, StreamObserver<GreetResponse> reply) {
      String greeting = "Hello, " + request.getName() + "!";
      reply.onNext(GreetResponse.newBuilder().setGreeting(greeting).build());
      reply.onCompleted();
    }

    @Override
    public void greetMe(GreetMeRequest request, StreamObserver<GreetMeResponse> reply) {
      String greeting = "Hello, user " + Caller.current().requireUser().id() + "!";
      reply.onNext(GreetMeResponse.newBuilder().setGreeting(greeting).build());
      reply.onCompleted();
    }
  }
}
