package peer;

import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.StatusRpcException;

/** The consumer's report, in the form of the dubbo-go peer's. */
final class Tally {
    // Errors can carry addresses and times, which would make one text of each.
    private static final int MAX_TEXTS = 20;

    private long calls;
    private long succeeded;
    private long longest;
    private final TreeMap<String, Long> failed = new TreeMap<>();
    private final TreeMap<String, Long> greetings = new TreeMap<>();
    private final TreeMap<String, Long> errors = new TreeMap<>();

    void call(Supplier<String> call) {
        long begun = System.nanoTime();
        try {
            String greeting = call.get();
            add(begun, () -> {
                succeeded++;
                count(greetings, greeting);
            });
        } catch (RuntimeException failure) {
            add(begun, () -> {
                failed.merge(code(failure), 1L, Long::sum);
                count(errors, String.valueOf(failure.getMessage()));
            });
        }
    }

    private synchronized void add(long begun, Runnable outcome) {
        calls++;
        longest = Math.max(longest, (System.nanoTime() - begun) / 1_000_000);
        outcome.run();
    }

    /** By code on the wire; "none" for what Dubbo says by itself, with its own code. */
    private static String code(RuntimeException failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof StatusRpcException status) {
                return String.valueOf(status.getStatus().code.code);
            }
        }
        return failure instanceof RpcException rpc ? "none-" + rpc.getCode() : failure.getClass().getSimpleName();
    }

    private static void count(TreeMap<String, Long> texts, String text) {
        boolean full = !texts.containsKey(text) && texts.size() == MAX_TEXTS;
        texts.merge(full ? "(others)" : text, 1L, Long::sum);
    }

    synchronized String json() {
        return "{\"calls\":" + calls + ",\"succeeded\":" + succeeded + ",\"failed\":" + json(failed) + ",\"greetings\":"
                + json(greetings) + ",\"errors\":" + json(errors) + ",\"longest_ms\":" + longest + "}";
    }

    private static String json(TreeMap<String, Long> counts) {
        return counts.entrySet().stream()
                .map(entry -> quoted(entry.getKey()) + ":" + entry.getValue())
                .collect(Collectors.joining(",", "{", "}"));
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ') {
                quoted.append(String.format("\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
