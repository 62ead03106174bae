//! Tests of our server and client beside real Dubbo Java ones. The Java program is in `src/`; what starts it is in
//! `interop`, beside its like for dubbo-go.
