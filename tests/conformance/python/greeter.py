"""Calls the greeting service with grpcio, and fails when an answer is not what it should be."""

import sys

import grpc

GREET = "/greet.GreetService/Greet"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def message(name: str) -> bytes:
    """A message whose field 1 is a text of less than 128 bytes."""
    text = name.encode()
    return bytes([0x0A, len(text)]) + text


def code_of(call, name: str, timeout: float):
    try:
        call(message(name), timeout=timeout)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return None


def main() -> None:
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate):
        with grpc.insecure_channel(sys.argv[1], compression=compression) as channel:
            greet = channel.unary_unary(GREET)
            for name in ("world", "x" * 100):
                assert greet(message(name), timeout=30) == message(name), compression
            # Python knows no code 17, and says so beside the message.
            code, details = code_of(greet, "error", 30)
            assert code is grpc.StatusCode.UNKNOWN and "random error" in details, (code, details)
            code, details = code_of(greet, "long", 30)
            assert code is grpc.StatusCode.UNKNOWN and "世世世" in details, (code, details)
            code, details = code_of(greet, "late", 0.2)
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED, (code, details)
            reflect = channel.stream_stream(REFLECTION)
            services = next(reflect(iter([b"\x3a\x00"]), timeout=30))
            assert b"greet.GreetService" in services, services


main()
