package peer;

import java.io.PrintStream;

/**
 * A Dubbo Java provider or consumer of greet.GreetService, or an operator of its registry, made to be started by tests.
 *
 * <pre>
 * java -jar peer.jar provider [--option=value ...]
 * java -jar peer.jar consumer [--option=value ...]
 * java -jar peer.jar operator [--option=value ...]
 * </pre>
 */
public final class Peer {
    private Peer() {}

    public static void main(String[] arguments) throws Exception {
        // Whatever Dubbo prints belongs to the log; stdout is the report's.
        PrintStream report = System.out;
        System.setOut(System.err);
        if (arguments.length == 0) {
            usage();
        }
        Options options = new Options(arguments);
        switch (arguments[0]) {
            case "provider" -> PeerProvider.run(options);
            case "consumer" -> PeerConsumer.run(options, report);
            case "operator" -> PeerOperator.run(options, report);
            default -> usage();
        }
    }

    private static void usage() {
        System.err.println("usage: peer provider|consumer|operator [--option=value ...]; the README lists the options");
        System.exit(2);
    }
}
