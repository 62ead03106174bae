package main

import (
	"flag"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/logger"
	"dubbo.apache.org/dubbo-go/v3/metrics"
	"dubbo.apache.org/dubbo-go/v3/registry"
)

// node holds what a provider and a consumer are both told.
type node struct {
	application string
	zookeeper   string
	metricsPort int
	pushgateway string
	interval    time.Duration
	logLevel    string
}

func (n *node) define(flags *flag.FlagSet) {
	flags.StringVar(&n.application, "application", "dubbo.io", "name of the application")
	flags.StringVar(&n.zookeeper, "zk-address", "", "host:port of ZooKeeper; empty for no registry")
	flags.IntVar(&n.metricsPort, "metrics-port", 0, "port of /prometheus; 0 measures nothing")
	flags.StringVar(&n.pushgateway, "pushgateway-url", "", "http://host:port of a Pushgateway to push to as well; empty for none")
	flags.DurationVar(&n.interval, "push-interval", 10*time.Second, "time between two pushes, in whole seconds")
	flags.StringVar(&n.logLevel, "log-level", "warn", "debug, info, warn or error")
}

// options leaves everything that it does not name at dubbo-go's defaults.
func (n *node) options() []dubbo.InstanceOption {
	options := []dubbo.InstanceOption{
		dubbo.WithName(n.application),
		dubbo.WithLogger(logger.WithLevel(n.logLevel)),
	}
	if n.zookeeper != "" {
		options = append(options, dubbo.WithRegistry(
			registry.WithZookeeper(),
			registry.WithAddress(n.zookeeper),
		))
	}
	if n.metricsPort != 0 {
		options = append(options, dubbo.WithMetrics(n.metrics()...))
	}
	return options
}

func (n *node) metrics() []metrics.Option {
	options := []metrics.Option{
		metrics.WithEnabled(),
		metrics.WithRegistryEnabled(),
		metrics.WithMetadataEnabled(),
		metrics.WithPrometheus(),
		metrics.WithPrometheusExporterEnabled(),
		metrics.WithPort(n.metricsPort),
		metrics.WithPath("/prometheus"),
	}
	if n.pushgateway != "" {
		options = append(options,
			metrics.WithPrometheusPushgatewayEnabled(),
			metrics.WithPrometheusGatewayUrl(n.pushgateway),
			metrics.WithPrometheusGatewayJob(n.application),
			metrics.WithPrometheusGatewayInterval(n.interval),
		)
	}
	return options
}
