package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	greetService = "greet.GreetService"
	greetMethod  = "/greet.GreetService/Greet"
)

// provider counts what reaches it. Its keepalive enforcement is grpc-go's default.
type provider struct {
	delay time.Duration
	fail  bool

	Calls       atomic.Int64
	Connections atomic.Int64
	open        atomic.Int64
}

func runProvider(arguments []string) error {
	flags := flag.NewFlagSet("provider", flag.ExitOnError)
	provider := &provider{}
	port := flags.Int("port", 0, "port to listen on; 0 for a free one")
	age := flags.Duration("max-connection-age", 0, "age at which a connection is told to go away; 0 for never")
	grace := flags.Duration("max-connection-age-grace", 0, "time that calls get after that; 0 for no limit")
	streams := flags.Uint("max-concurrent-streams", 0, "calls at once on one connection; 0 for no limit")
	watched := flags.Bool("health", true, "offer the health service")
	flags.DurationVar(&provider.delay, "delay", 0, "time that a call takes")
	flags.BoolVar(&provider.fail, "fail", false, "answer each call UNAVAILABLE at once")
	var files tlsFiles
	files.define(flags)
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	transport, err := files.provider()
	if err != nil {
		return err
	}

	options := []grpc.ServerOption{
		grpc.Creds(transport),
		grpc.StatsHandler(provider),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: *age, MaxConnectionAgeGrace: *grace}),
	}
	if *streams > 0 {
		options = append(options, grpc.MaxConcurrentStreams(uint32(*streams)))
	}
	server := grpc.NewServer(options...)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: greetService,
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Greet", Handler: greet}},
	}, provider)
	if *watched {
		states := health.NewServer()
		states.SetServingStatus(greetService, grpc_health_v1.HealthCheckResponse_SERVING)
		grpc_health_v1.RegisterHealthServer(server, states)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		server.Stop()
	}()
	if err := server.Serve(listener); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]int64{
		"calls":       provider.Calls.Load(),
		"connections": provider.Connections.Load(),
	})
}

// greet is what generated code would be: request and response are one string in field 1 each, the bytes of a StringValue.
func greet(service any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	request := new(wrapperspb.StringValue)
	if err := decode(request); err != nil {
		return nil, err
	}
	provider := service.(*provider)
	provider.Calls.Add(1)
	if provider.fail {
		return nil, status.Error(codes.Unavailable, "this provider always fails")
	}
	select {
	case <-time.After(provider.delay):
		return &wrapperspb.StringValue{Value: request.Value}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

func (*provider) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (*provider) HandleRPC(context.Context, stats.RPCStats) {}

func (*provider) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn writes a line for each connection that begins or ends, with how many are open.
func (p *provider) HandleConn(_ context.Context, event stats.ConnStats) {
	switch event.(type) {
	case *stats.ConnBegin:
		p.Connections.Add(1)
		fmt.Fprintln(os.Stderr, "connection begun, open", p.open.Add(1))
	case *stats.ConnEnd:
		fmt.Fprintln(os.Stderr, "connection ended, open", p.open.Add(-1))
	}
}
