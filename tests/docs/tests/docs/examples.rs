//! Rust in a document is Rust that the compiler has seen.

use docs::Document;
use stack::text;

/// Where documents take their Rust from: an example there is a documentation test.
const FRONT_PAGE: &str = "metrics-core/src/lib.rs";
/// Programs that documents take their Rust from, too.
const EXAMPLES: [&str; 4] = [
    "metrics-core/examples/axum.rs",
    "metrics-core/examples/registry.rs",
    "triple/examples/dubbo_provider.rs",
    "triple/examples/dubbo_consumer.rs",
];

/// Returns a line without indentation and without a remark at its end.
fn bare(line: &str) -> &str {
    line.split_once(" // ")
        .map_or(line, |(code, _)| code)
        .trim()
}

#[test]
fn rust_in_any_document_stands_in_an_example_that_is_compiled() {
    let page = text(FRONT_PAGE);
    let page = page.lines().filter_map(|line| line.strip_prefix("//! "));
    let examples = EXAMPLES.map(text);
    let examples = examples.iter().flat_map(|example| example.lines());
    let compiled: Vec<&str> = page.chain(examples).map(bare).collect();
    let mut blocks = 0;
    for document in Document::all() {
        for block in document.blocks("rust") {
            let lines: Vec<&str> = block.lines().map(bare).collect();
            assert!(
                compiled.windows(lines.len()).any(|window| window == lines),
                "{} has lines that are not, or not in this order, in {FRONT_PAGE} or {EXAMPLES:?}:\n{block}",
                document.path
            );
            blocks += 1;
        }
    }
    assert!(blocks > 0, "the README shows how to measure a service");
}
