package peer;

import com.google.protobuf.StringValue;
import greet.DubboGreetServiceTriple;
import greet.GreetService;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.rpc.TriRpcStatus;

/** A provider. */
final class PeerProvider extends DubboGreetServiceTriple.GreetServiceImplBase {
    private final AtomicLong calls = new AtomicLong();
    private final double errorRate;
    private final int delay;
    private final String error;

    private PeerProvider(Options options) {
        errorRate = options.share("error-rate");
        delay = options.milliseconds("delay", 10);
        error = options.text("error", "runtime");
    }

    static void run(Options options) {
        ServiceConfig<GreetService> service = new ServiceConfig<>();
        service.setInterface(GreetService.class);
        service.setRef(new PeerProvider(options));
        service.setGroup(options.text("group", null));
        service.setVersion(options.text("version", null));
        int weight = options.number("weight", -1);
        if (weight >= 0) {
            service.setWeight(weight);
        }
        int warmup = options.milliseconds("warmup", -1);
        if (warmup >= 0) {
            service.setWarmup(warmup);
        }
        ProtocolConfig protocol = new ProtocolConfig("tri", options.number("port", 20000));
        if (options.text("tls-cert", null) != null) {
            protocol.setSslEnabled(true);
        }
        options.bootstrap()
                .protocol(protocol)
                .service(service)
                .start()
                .await();
    }

    /**
     * Fails the calls that reach the next whole number of errors, so that n calls fail exactly floor(n * rate) times. A failing
     * call returns at once.
     */
    @Override
    public StringValue greet(StringValue request) {
        long call = calls.incrementAndGet();
        if (errorsAmong(call) > errorsAmong(call - 1)) {
            throw switch (error) {
                case "status" -> TriRpcStatus.NOT_FOUND.withDescription("random error").asException();
                default -> new IllegalStateException("random error");
            };
        }
        try {
            Thread.sleep(delay);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        return StringValue.of("hello " + request.getValue() + " from java");
    }

    private double errorsAmong(long calls) {
        return Math.floor(calls * errorRate);
    }
}
