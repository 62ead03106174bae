//! A document, taken apart.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use stack::{path, text};

use crate::code::files;

/// A document of the project.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it lies, from the top of the project.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// A link or a picture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// Where it leads, as it is written.
    pub target: String,
    /// The words that it stands behind.
    pub words: String,
}

impl Document {
    /// Reads a document by its path from the top of the project.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn read(name: &str) -> Self {
        Self {
            path: name.to_owned(),
            text: text(name),
        }
    }

    /// Reads every document of the project, in the order of their paths.
    ///
    /// # Panics
    ///
    /// When one cannot be read.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let root = path(".");
        let documents = files(&root)
            .into_iter()
            .filter(|file| file.extension() == Some(OsStr::new("md")));
        let names: BTreeSet<String> = documents
            .map(|file| {
                let name = file.strip_prefix(&root).unwrap_or(&file);
                name.to_string_lossy().into_owned()
            })
            .collect();
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// Returns the path of what lies at `target` from here.
    #[must_use]
    pub fn relative(&self, target: &str) -> std::path::PathBuf {
        let folder = Path::new(&self.path).parent().unwrap_or(Path::new(""));
        path(&folder.join(target).to_string_lossy())
    }

    /// Returns the blocks of code in this language; none is the empty one.
    #[must_use]
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks: Vec<String> = Vec::new();
        let mut inside = false;
        for event in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(found)))
                    if *found == *language =>
                {
                    blocks.push(String::new());
                    inside = true;
                }
                Event::End(TagEnd::CodeBlock) => inside = false,
                Event::Text(text) if inside => {
                    if let Some(block) = blocks.last_mut() {
                        block.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        blocks
    }

    /// Returns what is set as code: each span between backticks, and each line of a block.
    #[must_use]
    pub fn code(&self) -> Vec<String> {
        let mut code = Vec::new();
        let mut inside = false;
        for event in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(_)) => inside = true,
                Event::End(TagEnd::CodeBlock) => inside = false,
                Event::Code(text) => code.push(text.to_string()),
                Event::Text(text) if inside => code.extend(text.lines().map(str::to_owned)),
                _ => {}
            }
        }
        code
    }

    /// Returns its links and pictures, also those that are written in HTML.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        let mut open: Vec<Link> = Vec::new();
        for event in self.events() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    open.push(Link {
                        target: dest_url.to_string(),
                        words: String::new(),
                    });
                }
                Event::End(TagEnd::Link | TagEnd::Image) => links.extend(open.pop()),
                Event::Text(text) | Event::Code(text) => {
                    for link in &mut open {
                        link.words.push_str(&text);
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    for attribute in ["href=\"", "src=\"", "srcset=\""] {
                        let values = html
                            .match_indices(attribute)
                            .map(|(at, _)| &html[at + attribute.len()..]);
                        let targets = values.filter_map(|rest| rest.split('"').next());
                        links.extend(targets.map(|target| Link {
                            target: target.to_owned(),
                            words: String::new(),
                        }));
                    }
                }
                _ => {}
            }
        }
        links
    }

    /// Returns the names of its headings, as GitHub makes them: small letters, no punctuation, dashes for spaces.
    #[must_use]
    pub fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut heading: Option<String> = None;
        for event in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let words = heading.take().unwrap_or_default().to_lowercase();
                    let kept = words
                        .chars()
                        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                    anchors.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        anchors
    }

    fn events(&self) -> impl Iterator<Item = Event<'_>> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let text = "# A `b`: c, d-e\n\n[x `y`](z.md#q) ![p](q.svg)\n\n| a | b |\n|---|---|\n| `--c` | <http://d:1> |\n\n1. one\n\n   ```bash\n   run it\n   ```\n\n<img src=\"r.webp\">\n";
        Document {
            path: "docs/some.md".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn links_are_found_wherever_they_stand() {
        let targets: Vec<String> = document()
            .links()
            .into_iter()
            .map(|link| link.target)
            .collect();
        assert_eq!(targets, ["z.md#q", "q.svg", "http://d:1", "r.webp"]);
        assert_eq!(document().links()[0].words, "x y");
    }

    #[test]
    fn blocks_and_spans_are_code() {
        assert_eq!(document().blocks("bash"), ["run it\n"]);
        assert_eq!(document().code(), ["b", "y", "--c", "run it"]);
    }

    #[test]
    fn anchors_are_those_of_github() {
        assert_eq!(
            document().anchors(),
            BTreeSet::from(["a-b-c-d-e".to_owned()])
        );
    }

    #[test]
    fn the_readme_is_among_all() {
        let names: Vec<String> = Document::all()
            .into_iter()
            .map(|document| document.path)
            .collect();
        for name in [
            "README.md",
            "CHANGELOG.md",
            "docs/runbook.md",
            "kubernetes/README.md",
        ] {
            assert!(names.iter().any(|found| found == name), "{names:?}");
        }
    }
}
