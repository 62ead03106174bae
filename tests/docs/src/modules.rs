//! The modules of a crate, and which of them use which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use stack::path;

use crate::code::files;

/// A module by the names that lead to it from the root of its crate.
type Module = Vec<String>;

/// Which modules of a crate use which others, read from their sources.
///
/// Tests are left out. A use of a name that another module only passes on counts as one of the module where it is. Parents and
/// children may use each other: they are one subject.
#[derive(Debug, Default)]
pub struct Modules {
    /// By the modules' common parent and the one that uses the other: those that it uses.
    uses: BTreeMap<(Module, String), BTreeSet<String>>,
}

/// What stands in one file.
#[derive(Debug, Default)]
struct Source {
    /// Every path that begins inside the crate.
    paths: Vec<Module>,
    /// What the file's own `use` lines bring into it, by name.
    names: BTreeMap<String, Module>,
}

impl Modules {
    /// Reads the sources of a crate.
    ///
    /// # Panics
    /// When the folder has no sources.
    #[must_use]
    pub fn of(folder: &str) -> Self {
        let root = path(folder).join("src");
        let mut texts = BTreeMap::new();
        for file in files(&root) {
            let Some(inner) = file.strip_prefix(&root).ok().and_then(|file| file.to_str()) else {
                continue;
            };
            let Some(name) = inner.strip_suffix(".rs") else {
                continue;
            };
            let mut module: Module = name.split('/').map(str::to_owned).collect();
            if module.iter().any(|part| part == "tests") || name == "main" {
                continue;
            }
            if name == "lib" {
                module.clear();
            }
            let text = fs::read_to_string(&file).expect("sources are text");
            texts.insert(module, text);
        }
        assert!(texts.len() > 1, "{folder} has no modules");
        Self::read(&texts)
    }

    fn read(texts: &BTreeMap<Module, String>) -> Self {
        let sources: BTreeMap<_, _> = texts
            .iter()
            .map(|(module, text)| (module.clone(), Source::read(module, text, texts)))
            .collect();
        let mut modules = Self::default();
        for (user, source) in &sources {
            for path in &source.paths {
                let used = owner(&sources, path.clone(), 0);
                let common = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
                if common < user.len() && common < used.len() {
                    let key = (user[..common].to_vec(), user[common].clone());
                    let entry = modules.uses.entry(key).or_default();
                    entry.insert(used[common].clone());
                }
            }
        }
        modules
    }

    /// Returns the circles: sets of modules of one parent that all lead to each other, as `parent: one, other`.
    #[must_use]
    pub fn circles(&self) -> Vec<String> {
        let mut circles = BTreeSet::new();
        for (parent, module) in self.uses.keys() {
            let mut circle = self.reached(parent, module);
            circle.retain(|other| self.reached(parent, other).contains(module));
            if !circle.is_empty() {
                let circle: Vec<_> = circle.into_iter().collect();
                let parent = parent.join("::");
                circles.insert(format!("{parent}: {}", circle.join(", ")));
            }
        }
        circles.into_iter().collect()
    }

    /// Returns the modules of one parent that a module uses, and that those use.
    fn reached(&self, parent: &Module, module: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut left = vec![module.to_owned()];
        while let Some(module) = left.pop() {
            let used = self.uses.get(&(parent.clone(), module));
            for other in used.into_iter().flatten() {
                if reached.insert(other.clone()) {
                    left.push(other.clone());
                }
            }
        }
        reached
    }
}

impl Source {
    fn read(module: &Module, text: &str, all: &BTreeMap<Module, String>) -> Self {
        let text = without_comments_and_tests(text);
        let mut source = Self::default();
        for statement in text.split(';') {
            let Some(tree) = use_tree(statement) else {
                continue;
            };
            for (path, name) in expanded(tree) {
                let Some(path) = absolute(module, &path, all) else {
                    continue;
                };
                source.names.insert(name, path.clone());
                source.paths.push(path);
            }
        }
        for start in ["crate::", "super::", "self::"] {
            for (at, _) in text.match_indices(start) {
                if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                    continue;
                }
                let end = text[at..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                let path = text[at..].get(..end.unwrap_or(text.len() - at));
                let path: Module = path
                    .unwrap_or_default()
                    .split("::")
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect();
                source.paths.extend(absolute(module, &path, all));
            }
        }
        source
    }
}

/// Returns a source without comments, and without what begins with its own tests.
fn without_comments_and_tests(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find("//") {
        // What stands in quotation marks is an address.
        Some(at) if !line[..at].contains('"') => &line[..at],
        _ => line,
    });
    let text: Vec<_> = lines.collect();
    let text = text.join("\n");
    match text.find("#[cfg(test)]\nmod tests {") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Returns what a statement brings in, if it is a `use`; what stands before it on other lines is not a part of it.
fn use_tree(statement: &str) -> Option<&str> {
    let mut at = 0;
    for line in statement.split_inclusive('\n') {
        let mut rest = line.trim_start();
        if let Some(public) = rest.strip_prefix("pub") {
            rest = match public.strip_prefix('(') {
                Some(scope) => scope.split_once(')').map_or("", |(_, rest)| rest),
                None => public,
            };
            rest = rest.trim_start();
        }
        if rest.starts_with("use ") {
            let tree = at + (line.len() - rest.len()) + "use ".len();
            return statement.get(tree..);
        }
        at += line.len();
    }
    None
}

/// Returns every path of a tree of uses, with the name that it has from then on.
fn expanded(tree: &str) -> Vec<(Module, String)> {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
        let path: Module = path
            .split("::")
            .map(|part| part.trim().to_owned())
            .collect();
        let name = match (name.trim(), path.last()) {
            ("", Some(last)) => last.clone(),
            (name, _) => name.to_owned(),
        };
        return if tree.is_empty() {
            Vec::new()
        } else {
            vec![(path, name)]
        };
    };
    let head: Module = head
        .split("::")
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    let mut paths = Vec::new();
    let (mut depth, mut from) = (0, 0);
    let rest = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    for (at, c) in rest.char_indices().chain([(rest.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                paths.extend(expanded(&rest[from..at]).into_iter().map(|(path, name)| {
                    let mut path = [head.clone(), path].concat();
                    let of_self = path.last().is_some_and(|last| last == "self");
                    if of_self {
                        path.pop();
                    }
                    let name = match path.last() {
                        Some(last) if of_self => last.clone(),
                        _ => name,
                    };
                    (path, name)
                }));
                from = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// Returns a path from the root of the crate; none for one that leads out of it.
fn absolute(module: &Module, path: &[String], all: &BTreeMap<Module, String>) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    let mut from = module.clone();
    let mut rest = rest;
    match first.as_str() {
        "crate" => from.clear(),
        "self" => {}
        "super" => {
            from.pop();
            while let [next, more @ ..] = rest
                && next == "super"
            {
                from.pop();
                rest = more;
            }
        }
        child => {
            from.push(child.to_owned());
            if !all.contains_key(&from) {
                return None;
            }
        }
    }
    from.extend_from_slice(rest);
    Some(from)
}

/// Returns the module in which what a path names is made, however many modules pass it on.
fn owner(sources: &BTreeMap<Module, Source>, path: Module, passed: usize) -> Module {
    let deepest = (0..=path.len()).rev();
    let module = deepest.map(|length| path[..length].to_vec());
    let Some(module) = module
        .into_iter()
        .find(|module| sources.contains_key(module))
    else {
        return Module::new();
    };
    let given = path
        .get(module.len())
        .and_then(|name| sources[&module].names.get(name));
    match given {
        Some(given) if passed < 8 && *given != path => {
            let rest = path[module.len() + 1..].to_vec();
            owner(sources, [given.clone(), rest].concat(), passed + 1)
        }
        _ => module,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let texts = files.iter().map(|(module, text)| {
            let module = module.split("::").filter(|part| !part.is_empty());
            (module.map(str::to_owned).collect(), (*text).to_owned())
        });
        Modules::read(&texts.collect()).circles()
    }

    #[test]
    fn a_circle_is_found_however_it_is_written() {
        let lib = ("", "mod a;\nmod b;\npub use a::A;\n");
        for (a, b) in [
            ("use crate::b::B;", "use crate::a::A;"),
            (
                "use super::b::{self, B};",
                "pub(crate) use crate::{a::{A as C}, x};",
            ),
            ("use std::fmt;\nfn f() { crate::b::f() }", "use crate::A;"),
            ("mod inner;\npub use inner::A;", "use super::A;"),
        ] {
            let files = [lib, ("a", a), ("a::inner", "use crate::b::B;"), ("b", b)];
            assert_eq!(circles(&files), [": a, b"], "{a:?} and {b:?}");
        }
        let inner = [
            ("", "mod a;"),
            ("a", "mod b;\nmod c;"),
            ("a::b", "use super::c::C;"),
            ("a::c", "use super::b::B;"),
        ];
        assert_eq!(circles(&inner), ["a: b, c"]);
    }

    #[test]
    fn what_only_looks_like_a_circle_is_none() {
        for (a, b) in [
            ("use crate::b::B;", "// use crate::a::A;"),
            (
                "use crate::b::B;",
                "#[cfg(test)]\nmod tests {\n use crate::a::A;\n}",
            ),
            ("use crate::b::B;", "use std::a::A;\nuse a_crate::A;"),
            ("use crate::b::B;\nuse super::X;", "use super::X;"),
        ] {
            assert_eq!(
                circles(&[("", "mod a;\nmod b;"), ("a", a), ("b", b)]),
                [] as [&str; 0]
            );
        }
    }
}
