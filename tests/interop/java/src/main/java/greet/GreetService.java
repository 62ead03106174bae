package greet;

import com.google.protobuf.StringValue;

/**
 * The contract of greet.proto. A request and an answer are one string in field 1 each, which are the bytes of a StringValue:
 * it needs no generated code here. Dubbo's compiler would extend DubboStub, which 3.0 and 3.1 do not have, so that a consumer has to
 * ask for its stub.
 */
public interface GreetService {
    String SERVICE_NAME = "greet.GreetService";

    StringValue greet(StringValue request);
}
