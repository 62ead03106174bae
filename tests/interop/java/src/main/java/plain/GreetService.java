package plain;

/** The greeting without Protobuf: Dubbo serializes its argument by itself. */
public interface GreetService {
    String greet(String name);
}
