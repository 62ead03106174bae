//! Generates the services of the suites and their descriptors.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for name in ["interop", "connect"] {
        let mut compiler = protox::Compiler::new(["proto"])?;
        compiler
            .include_imports(true)
            .open_file(format!("{name}.proto"))?;
        fs::write(
            out.join(format!("{name}_descriptor.bin")),
            compiler.encode_file_descriptor_set(),
        )?;
        tonic_prost_build::configure().compile_fds(compiler.file_descriptor_set())?;
    }
    Ok(())
}
