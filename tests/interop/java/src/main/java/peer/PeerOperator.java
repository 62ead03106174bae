package peer;

import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import org.apache.dubbo.common.URL;
import org.apache.dubbo.common.config.configcenter.DynamicConfiguration;
import org.apache.dubbo.common.config.configcenter.DynamicConfigurationFactory;
import org.apache.dubbo.registry.Registry;
import org.apache.dubbo.registry.RegistryFactory;
import org.apache.dubbo.rpc.cluster.configurator.parser.model.ConfigItem;
import org.apache.dubbo.rpc.cluster.configurator.parser.model.ConfiguratorConfig;
import org.apache.dubbo.rpc.cluster.router.condition.config.model.ConditionRouterRule;
import org.apache.dubbo.rpc.cluster.router.tag.model.Tag;
import org.apache.dubbo.rpc.cluster.router.tag.model.TagRouterRule;
import org.apache.dubbo.rpc.model.ApplicationModel;
import org.yaml.snakeyaml.Yaml;

/**
 * Does what an operator's tool does: publishes one rule, as Dubbo's own model in YAML, by Dubbo's own client of the configuration, or as a
 * URL in the registry; or lists the consumers as Dubbo Admin does.
 */
final class PeerOperator {
    private PeerOperator() {}

    static void run(Options options, PrintStream report) {
        switch (options.text("rule", "")) {
            case "url" -> registry(options).register(URL.valueOf(options.text("value", null)));
            case "no-url" -> registry(options).unregister(URL.valueOf(options.text("value", null)));
            case "consumers" -> consumers(registry(options), report);
            default -> publish(options);
        }
        System.exit(0);
    }

    private static Registry registry(Options options) {
        return ApplicationModel.defaultModel()
                .getExtensionLoader(RegistryFactory.class)
                .getExtension("zookeeper")
                .getRegistry(URL.valueOf("zookeeper://" + options.text("zk-address", null)));
    }

    /** Prints application and host of each consumer of every service. */
    private static void consumers(Registry registry, PrintStream report) {
        URL everything = URL.valueOf("admin://127.0.0.1/?interface=*&group=*&version=*&classifier=*&category=consumers&enabled=*");
        registry.subscribe(everything, urls -> {
            for (URL url : urls) {
                if (!url.getProtocol().equals("empty")) {
                    report.println(url.getParameter("application") + " " + url.getHost());
                }
            }
        });
        report.flush();
    }

    private static void publish(Options options) {
        URL url = URL.valueOf("zookeeper://" + options.text("zk-address", null));
        DynamicConfiguration configuration = ApplicationModel.defaultModel()
                .getExtensionLoader(DynamicConfigurationFactory.class)
                .getExtension("zookeeper")
                .getDynamicConfiguration(url);
        String key = options.text("key", null);
        String kind = options.text("rule", "");
        if (kind.equals("none")) {
            configuration.removeConfig(key, DynamicConfiguration.DEFAULT_GROUP);
        } else {
            String text = new Yaml().dumpAsMap(rule(kind, options));
            configuration.publishConfig(key, DynamicConfiguration.DEFAULT_GROUP, text);
        }
    }

    private static Object rule(String kind, Options options) {
        String value = options.text("value", null);
        return switch (kind) {
            case "tag" -> {
                Tag tag = new Tag();
                tag.setName("gray");
                tag.setAddresses(List.of(value));
                TagRouterRule rule = new TagRouterRule();
                rule.setTags(List.of(tag));
                rule.setForce(true);
                yield rule;
            }
            case "condition" -> {
                ConditionRouterRule rule = new ConditionRouterRule();
                rule.setConditions(List.of(value));
                rule.setForce(true);
                yield rule;
            }
            case "override" -> {
                ConfigItem item = new ConfigItem();
                item.setSide("consumer");
                item.setProviderAddresses(List.of(value));
                item.setParameters(Map.of(options.text("parameter", "weight"), options.text("to", "0")));
                ConfiguratorConfig rule = new ConfiguratorConfig();
                rule.setConfigVersion("v3.0");
                rule.setScope("service");
                rule.setKey("greet.GreetService");
                rule.setConfigs(List.of(item));
                yield rule;
            }
            default -> throw new IllegalArgumentException(kind);
        };
    }
}
