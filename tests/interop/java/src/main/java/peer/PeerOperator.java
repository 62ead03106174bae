package peer;

import java.util.List;
import java.util.Map;
import org.apache.dubbo.common.URL;
import org.apache.dubbo.common.config.configcenter.DynamicConfiguration;
import org.apache.dubbo.common.config.configcenter.DynamicConfigurationFactory;
import org.apache.dubbo.rpc.cluster.configurator.parser.model.ConfigItem;
import org.apache.dubbo.rpc.cluster.configurator.parser.model.ConfiguratorConfig;
import org.apache.dubbo.rpc.cluster.router.condition.config.model.ConditionRouterRule;
import org.apache.dubbo.rpc.cluster.router.tag.model.Tag;
import org.apache.dubbo.rpc.cluster.router.tag.model.TagRouterRule;
import org.apache.dubbo.rpc.model.ApplicationModel;
import org.yaml.snakeyaml.Yaml;

/** Publishes one rule as an operator's tool does: Dubbo's own model in YAML, by Dubbo's own client of the configuration. */
final class PeerOperator {
    private PeerOperator() {}

    static void run(Options options) {
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
        System.exit(0);
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
