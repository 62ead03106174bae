package peer;

import java.util.HashMap;
import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.MetricsConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.SslConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.config.nested.AggregationConfig;
import org.apache.dubbo.config.nested.HistogramConfig;

/** The options of the command line. What is not named stays at Dubbo's default. */
final class Options {
    private final Map<String, String> values = new HashMap<>();

    Options(String[] arguments) {
        for (int at = 1; at < arguments.length; at++) {
            String[] parts = arguments[at].split("=", 2);
            if (parts.length != 2 || !parts[0].startsWith("--")) {
                throw new IllegalArgumentException(arguments[at] + " is not --option=value");
            }
            values.put(parts[0].substring(2), parts[1]);
        }
    }

    String text(String name, String otherwise) {
        return values.getOrDefault(name, otherwise);
    }

    int number(String name, int otherwise) {
        return values.containsKey(name) ? Integer.parseInt(values.get(name)) : otherwise;
    }

    double share(String name) {
        return Double.parseDouble(values.getOrDefault(name, "0"));
    }

    /** Milliseconds, written 10ms. */
    int milliseconds(String name, int otherwise) {
        return values.containsKey(name) ? Integer.parseInt(values.get(name).replace("ms", "")) : otherwise;
    }

    DubboBootstrap bootstrap() {
        ApplicationConfig application = new ApplicationConfig(text("application", "java-peer"));
        application.setMetadataType(text("metadata-type", null));
        application.setRegisterMode(text("register-mode", null));
        application.setQosEnable(values.containsKey("metrics-port"));
        application.setQosPort(number("metrics-port", 22222));
        DubboBootstrap bootstrap = DubboBootstrap.getInstance().application(application);
        String migration = text("migration-step", null);
        if (migration != null) {
            System.setProperty("dubbo.application.service-discovery.migration", migration);
        }
        if (values.containsKey("zk-address")) {
            RegistryConfig registry = new RegistryConfig("zookeeper://" + text("zk-address", null));
            // As short as our own and dubbo-go's: by default, the node of a killed process stays for a minute.
            registry.setParameters(new HashMap<>(Map.of("zk.session.expire", "5000")));
            bootstrap.registry(registry);
        }
        if (values.containsKey("tls-cert") || values.containsKey("tls-ca")) {
            bootstrap.ssl(tls());
        }
        if (values.containsKey("metrics-port")) {
            bootstrap.metrics(metrics());
        }
        return bootstrap;
    }

    /** The same files for both sides: a process here is either a provider or a consumer. */
    private SslConfig tls() {
        SslConfig tls = new SslConfig();
        tls.setServerKeyCertChainPath(text("tls-cert", null));
        tls.setServerPrivateKeyPath(text("tls-key", null));
        tls.setServerTrustCertCollectionPath(text("tls-ca", null));
        tls.setClientKeyCertChainPath(text("tls-cert", null));
        tls.setClientPrivateKeyPath(text("tls-key", null));
        tls.setClientTrustCertCollectionPath(text("tls-ca", null));
        return tls;
    }

    /** With every group of Dubbo's own metrics. */
    private static MetricsConfig metrics() {
        MetricsConfig metrics = new MetricsConfig();
        metrics.setProtocol("prometheus");
        metrics.setEnableRpc(true);
        metrics.setEnableRegistry(true);
        metrics.setEnableMetadata(true);
        metrics.setEnableThreadpool(true);
        AggregationConfig aggregation = new AggregationConfig();
        aggregation.setEnabled(true);
        metrics.setAggregation(aggregation);
        HistogramConfig histogram = new HistogramConfig();
        histogram.setEnabled(true);
        metrics.setHistogram(histogram);
        return metrics;
    }
}
