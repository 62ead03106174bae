package peer;

import com.google.protobuf.StringValue;
import greet.GreetService;
import java.io.PrintStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
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
        ReferenceConfig<GreetService> reference = new ReferenceConfig<>();
        reference.setInterface(GreetService.class);
        reference.setGroup(options.text("group", null));
        reference.setVersion(options.text("version", null));
        reference.setTimeout(options.milliseconds("timeout", 3000));
        reference.setRetries(options.number("retries", 2));
        reference.setLoadbalance(options.text("loadbalance", null));
        reference.setUrl(options.text("direct", null));
        // As our own and dubbo-go's: it may start before its providers.
        reference.setCheck(false);
        DubboBootstrap bootstrap = options.bootstrap().reference(reference).start();
        Tally tally = load(options, reference.get(), stopped);
        report.println(tally.json());
        report.flush();

        CountDownLatch ended = new CountDownLatch(1);
        Signal.handle(new Signal("TERM"), signal -> ended.countDown());
        ended.await(options.milliseconds("linger", 0), TimeUnit.MILLISECONDS);
        bootstrap.stop();
        System.exit(0);
    }

    private static Tally load(Options options, GreetService service, CountDownLatch stopped)
            throws InterruptedException {
        Tally tally = new Tally();
        AtomicLong begun = new AtomicLong();
        long count = options.number("count", 0);
        int interval = options.milliseconds("interval", 0);
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(options.milliseconds("duration", 60_000));
        StringValue name = StringValue.of(options.text("name", "world"));
        Thread[] callers = new Thread[options.number("concurrency", 1)];
        for (int number = 0; number < callers.length; number++) {
            callers[number] = new Thread(() -> {
                while (stopped.getCount() > 0
                        && System.nanoTime() < end
                        && (count == 0 || begun.incrementAndGet() <= count)) {
                    tally.call(() -> service.greet(name).getValue());
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
