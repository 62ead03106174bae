package main

import (
	"context"
	"fmt"
)

import (
	"google.golang.org/protobuf/types/known/wrapperspb"

	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"
)

const (
	greetInterface = "greet.GreetService"
	greetMethod    = "Greet"
)

// GreetRequest and GreetResponse are one string in field 1 each, which are the bytes of a StringValue: the contract
// needs no generated code here.
type (
	GreetRequest  = wrapperspb.StringValue
	GreetResponse = wrapperspb.StringValue
)

// GreetHandler is what a provider implements.
type GreetHandler interface {
	Greet(ctx context.Context, request *GreetRequest) (*GreetResponse, error)
}

// provided describes the service with this many methods: Greet, and Greet1, Greet2, … that do the same.
func provided(methods int) *common.ServiceInfo {
	service := &common.ServiceInfo{
		InterfaceName: greetInterface,
		ServiceType:   (*GreetHandler)(nil),
	}
	for number := range methods {
		name := greetMethod
		if number > 0 {
			name = fmt.Sprint(greetMethod, number)
		}
		service.Methods = append(service.Methods, common.MethodInfo{
			Name:        name,
			Type:        constant.CallUnary,
			ReqInitFunc: func() any { return new(GreetRequest) },
			MethodFunc: func(ctx context.Context, arguments []any, handler any) (any, error) {
				response, err := handler.(GreetHandler).Greet(ctx, arguments[0].(*GreetRequest))
				if err != nil {
					return nil, err
				}
				return triple_protocol.NewResponse(response), nil
			},
		})
	}
	return service
}

var greetConsumed = client.ClientInfo{
	InterfaceName: greetInterface,
	MethodNames:   []string{greetMethod},
}

// greet makes one call, with all the attempts that dubbo-go makes of it.
func greet(ctx context.Context, connection *client.Connection, name string) (string, error) {
	response := new(GreetResponse)
	err := connection.CallUnary(ctx, []any{&GreetRequest{Value: name}}, response, greetMethod)
	return response.Value, err
}
