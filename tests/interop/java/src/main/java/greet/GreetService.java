package greet;

import com.google.protobuf.StringValue;
import org.apache.dubbo.rpc.model.DubboStub;

/**
 * The contract of greet.proto. A request and an answer are one string in field 1 each, which are the bytes of a StringValue:
 * it needs no generated code here.
 */
public interface GreetService extends DubboStub {
    String SERVICE_NAME = "greet.GreetService";

    StringValue greet(StringValue request);
}
