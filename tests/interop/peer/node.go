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
	"dubbo.apache.org/dubbo-go/v3/tls"
)

// node holds what a provider and a consumer are both told.
type node struct {
	application string
	zookeeper   string
	metricsPort int
	pushgateway string
	interval    time.Duration
	logLevel    string
	tls         tlsFiles
	interfaces  bool
}

// tlsFiles are those of dubbo-go's tls_config: a consumer speaks TLS where there is an authority, a provider where there is a certificate,
// which asks its callers for certificates where there is an authority as well.
type tlsFiles struct {
	authority, cert, key, serverName string
}

func (n *node) define(flags *flag.FlagSet) {
	flags.StringVar(&n.application, "application", "dubbo.io", "name of the application")
	flags.StringVar(&n.zookeeper, "zk-address", "", "host:port of ZooKeeper; empty for no registry")
	flags.IntVar(&n.metricsPort, "metrics-port", 0, "port of /prometheus; 0 measures nothing")
	flags.StringVar(&n.pushgateway, "pushgateway-url", "", "http://host:port of a Pushgateway to push to as well; empty for none")
	flags.DurationVar(&n.interval, "push-interval", 10*time.Second, "time between two pushes, in whole seconds")
	flags.BoolVar(&n.interfaces, "registry-interface", false, "register and find by each interface, not by the instance")
	flags.StringVar(&n.tls.authority, "tls-ca", "", "file of the authority that the other side's certificates come from")
	flags.StringVar(&n.tls.cert, "tls-cert", "", "file of the own certificate")
	flags.StringVar(&n.tls.key, "tls-key", "", "file of its key")
	flags.StringVar(&n.tls.serverName, "tls-server-name", "", "the name that a provider's certificate must carry")
	flags.StringVar(&n.logLevel, "log-level", "warn", "debug, info, warn or error")
}

// options leaves everything that it does not name at dubbo-go's defaults.
func (n *node) options() []dubbo.InstanceOption {
	options := []dubbo.InstanceOption{
		dubbo.WithName(n.application),
		dubbo.WithLogger(logger.WithLevel(n.logLevel)),
	}
	if n.zookeeper != "" {
		registered := []registry.Option{registry.WithZookeeper(), registry.WithAddress(n.zookeeper)}
		if n.interfaces {
			registered = append(registered, registry.WithRegisterInterface())
		}
		options = append(options, dubbo.WithRegistry(registered...))
	}
	if n.tls != (tlsFiles{}) {
		options = append(options, dubbo.WithTLS(
			tls.WithCACertFile(n.tls.authority),
			tls.WithCertFile(n.tls.cert),
			tls.WithKeyFile(n.tls.key),
			tls.WithServerName(n.tls.serverName),
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
