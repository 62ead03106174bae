package greet;

import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import java.util.Map;
import java.util.function.BiConsumer;
import org.apache.dubbo.common.URL;
import org.apache.dubbo.common.stream.StreamObserver;
import org.apache.dubbo.rpc.Invoker;
import org.apache.dubbo.rpc.PathResolver;
import org.apache.dubbo.rpc.ServerService;
import org.apache.dubbo.rpc.model.MethodDescriptor;
import org.apache.dubbo.rpc.model.ServiceDescriptor;
import org.apache.dubbo.rpc.model.StubMethodDescriptor;
import org.apache.dubbo.rpc.model.StubServiceDescriptor;
import org.apache.dubbo.rpc.service.Destroyable;
import org.apache.dubbo.rpc.stub.StubInvocationUtil;
import org.apache.dubbo.rpc.stub.StubInvoker;
import org.apache.dubbo.rpc.stub.StubMethodHandler;
import org.apache.dubbo.rpc.stub.StubSuppliers;
import org.apache.dubbo.rpc.stub.UnaryStubMethodHandler;

/** What Dubbo's compiler would generate for the contract; Dubbo finds this class by its name. */
public final class DubboGreetServiceTriple {
    private static final StubServiceDescriptor SERVICE =
            new StubServiceDescriptor(GreetService.SERVICE_NAME, GreetService.class);
    private static final StubMethodDescriptor GREET = new StubMethodDescriptor(
            "Greet",
            StringValue.class,
            StringValue.class,
            MethodDescriptor.RpcType.UNARY,
            message -> ((Message) message).toByteArray(),
            message -> ((Message) message).toByteArray(),
            StringValue::parseFrom,
            StringValue::parseFrom);

    static {
        SERVICE.addMethod(GREET);
        StubSuppliers.addSupplier(GreetService.SERVICE_NAME, DubboGreetServiceTriple::newStub);
        StubSuppliers.addDescriptor(GreetService.SERVICE_NAME, SERVICE);
    }

    private DubboGreetServiceTriple() {}

    public static GreetService newStub(Invoker<?> invoker) {
        return new Stub(invoker);
    }

    /** The consumer's side. */
    private static final class Stub implements GreetService, Destroyable {
        private final Invoker<?> invoker;

        Stub(Invoker<?> invoker) {
            this.invoker = invoker;
        }

        @Override
        public StringValue greet(StringValue request) {
            return StubInvocationUtil.unaryCall(invoker, GREET, request);
        }

        @Override
        public void $destroy() {
            invoker.destroy();
        }
    }

    /** What a provider extends. */
    public abstract static class GreetServiceImplBase implements GreetService, ServerService<GreetService> {
        @Override
        public final Invoker<GreetService> getInvoker(URL url) {
            url.getOrDefaultFrameworkModel()
                    .getExtensionLoader(PathResolver.class)
                    .getDefaultExtension()
                    .addNativeStub("/" + SERVICE_NAME + "/" + GREET.getMethodName());
            BiConsumer<StringValue, StreamObserver<StringValue>> greet = (request, answer) -> {
                try {
                    answer.onNext(greet(request));
                    answer.onCompleted();
                } catch (Throwable failure) {
                    answer.onError(failure);
                }
            };
            Map<String, StubMethodHandler<?, ?>> handlers =
                    Map.of(GREET.getMethodName(), new UnaryStubMethodHandler<>(greet));
            return new StubInvoker<>(this, url, GreetService.class, handlers);
        }

        @Override
        public final ServiceDescriptor getServiceDescriptor() {
            return SERVICE;
        }
    }
}
