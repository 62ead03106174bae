package peer;

import com.google.protobuf.StringValue;
import greet.GreetService;
import java.io.PrintStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import sun.misc.Signal;

/** A consumer under load. */
final class PeerConsumer {
    private PeerConsumer() {}

    /** Calls until the count is reached, the time is over or SIGTERM comes, and then reports. Another SIGTERM ends a linger. */
    static void run(Options options, PrintStream report) throws InterruptedException {
        CountDownLatch stopped = new CountDownLatch(1);
        Signal.handle(new Signal("TERM"), signal -> stopped.countDown());
        if (options.text("plain", "false").equals("true")) {
            ReferenceConfig<plain.GreetService> reference = new ReferenceConfig<>();
            run(options, report, stopped, reference, plain.GreetService.class, plain.GreetService::greet);
        } else {
            ReferenceConfig<GreetService> reference = new ReferenceConfig<>();
            reference.setProxy(options.text("proxy", "nativestub"));
            run(options, report, stopped, reference, GreetService.class, PeerConsumer::greet);
        }
    }

    private static String greet(GreetService service, String name) {
        return service.greet(StringValue.of(name)).getValue();
    }

    private static <T> void run(
            Options options,
            PrintStream report,
            CountDownLatch stopped,
            ReferenceConfig<T> reference,
            Class<T> type,
            BiFunction<T, String, String> call)
            throws InterruptedException {
        reference.setInterface(type);
        reference.setGroup(options.text("group", null));
        reference.setVersion(options.text("version", null));
        reference.setTimeout(options.milliseconds("timeout", 3000));
        reference.setRetries(options.number("retries", 2));
        reference.setLoadbalance(options.text("loadbalance", null));
        reference.setUrl(options.text("direct", null));
        // As our own and dubbo-go's: it may start before its providers.
        reference.setCheck(false);
        DubboBootstrap bootstrap = options.bootstrap().reference(reference).start();
        T service = reference.get();
        Tally tally = load(options, name -> call.apply(service, name), stopped);
        report.println(tally.json());
        report.flush();

        CountDownLatch ended = new CountDownLatch(1);
        Signal.handle(new Signal("TERM"), signal -> ended.countDown());
        ended.await(options.milliseconds("linger", 0), TimeUnit.MILLISECONDS);
        bootstrap.stop();
        System.exit(0);
    }

    private static Tally load(Options options, UnaryOperator<String> greet, CountDownLatch stopped)
            throws InterruptedException {
        Tally tally = new Tally();
        AtomicLong begun = new AtomicLong();
        long count = options.number("count", 0);
        int interval = options.milliseconds("interval", 0);
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(options.milliseconds("duration", 60_000));
        String name = options.text("name", "world");
        Thread[] callers = new Thread[options.number("concurrency", 1)];
        for (int number = 0; number < callers.length; number++) {
            callers[number] = new Thread(() -> {
                while (stopped.getCount() > 0
                        && System.nanoTime() < end
                        && (count == 0 || begun.incrementAndGet() <= count)) {
                    tally.call(() -> greet.apply(name));
                    pause(stopped, interval);
                }
            });
            callers[number].start();
        }
        for (Thread caller : callers) {
            caller.join();
        }
        return tally;
    }

    private static void pause(CountDownLatch stopped, int interval) {
        try {
            if (interval > 0) {
                stopped.await(interval, TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
