//! Imports among the files of `src/` point one way: from folder to folder in one order, and never in a circle. Unit
//! tests may import anything.

mod file;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;

use support::documents::files_below;
use support::repository;

use file::{File, read};

/// Each folder may import from itself and the lines before. ARCHITECTURE.md shows this order.
const ORDER: &[&[&str]] = &[
    &["kinds"],
    &["keys"],
    &["api"],
    &["settings"],
    &["snapshot"],
    &["baseline"],
    &["policy"],
    &["certs"],
    &["registration"],
    &["report"],
    &["telemetry"],
    &["sources"],
    &["webhook", "audit"],
    &["controller", "doctor"],
    &["cli"],
];

/// Imports that the search for circles leaves out: the importing file, the imported file or folder, and the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

struct Import {
    from: usize,
    to: usize,
    line: usize,
    /// The first folder of the path as the code writes it, which may re-export what another one defines.
    folder: Option<String>,
}

struct Files {
    files: Vec<File>,
    modules: BTreeMap<Vec<String>, usize>,
}

impl Files {
    fn of_src() -> Self {
        let paths = files_below("src", "rs").into_iter().filter(|path| path != "src/main.rs");
        let texts: Vec<(String, String)> =
            paths.map(|path| (path.clone(), fs::read_to_string(repository(&path)).unwrap())).collect();
        Self::read(texts.iter().map(|(path, text)| (path.strip_prefix("src/").unwrap(), text.as_str())))
    }

    fn read<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let files: Vec<File> = texts.into_iter().map(|(name, text)| read(name, text)).collect();
        let modules = files.iter().enumerate().map(|(index, file)| (file.module.clone(), index)).collect();
        Self { files, modules }
    }

    /// A path from the crate's root; `None` for a path into another crate or to a name of the file itself.
    fn path(&self, file: &File, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        if first == "crate" {
            return Some(path.to_vec());
        }
        let child = [file.module.as_slice(), path].concat();
        if self.modules.contains_key(&child[..=file.module.len()]) {
            return Some(child);
        }
        let (_, used) = file.uses.iter().find(|(name, used)| name == first && used.path[0] != *first)?;
        Some([self.path(file, &used.path)?.as_slice(), rest].concat())
    }

    /// The file that defines the item with this path; `None` for a module or an item of another crate.
    fn definition(&self, path: &[String]) -> Option<usize> {
        let length = (1..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let index = self.modules[&path[..length]];
        let file = &self.files[index];
        let (item, rest) = path[length..].split_first()?;
        match file.uses.iter().find(|(name, _)| name == item) {
            Some((_, used)) => self.definition(&[self.path(file, &used.path)?.as_slice(), rest].concat()),
            None => Some(index),
        }
    }

    fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (from, file) in self.files.iter().enumerate() {
            let used = file.uses.iter().map(|(name, reference)| (Some(name), reference));
            for (name, reference) in used.chain(file.paths.iter().map(|reference| (None, reference))) {
                let Some(path) = self.path(file, &reference.path) else { continue };
                let Some(to) = self.definition(&path) else { continue };
                let mut line = reference.line;
                // A module imports from its child what its own code uses, not what it re-exports.
                if let Some(name) = name
                    && self.files[to].module.starts_with(&file.module)
                {
                    let Some(used) = file.names.get(name) else { continue };
                    line = *used;
                }
                let folder = path.get(1).filter(|folder| {
                    self.modules.contains_key(["crate".to_owned(), (*folder).clone()].as_slice())
                });
                if from != to {
                    imports.push(Import { from, to, line, folder: folder.cloned() });
                }
            }
        }
        imports
    }

    fn name(&self, file: usize) -> &str {
        &self.files[file].name
    }
}

/// The shortest circle of imports from a file back to itself, by index.
fn circle(imports: &[Import], start: usize) -> Option<Vec<usize>> {
    // The import by which the search first reached each file.
    let mut reached: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for (index, import) in imports.iter().enumerate().filter(|(_, import)| import.from == file) {
            if let Entry::Vacant(entry) = reached.entry(import.to) {
                entry.insert(index);
                queue.push_back(import.to);
            }
        }
    }
    let mut circle = Vec::new();
    let mut file = start;
    while circle.is_empty() || file != start {
        let index = *reached.get(&file)?;
        circle.push(index);
        file = imports[index].from;
    }
    circle.reverse();
    Some(circle)
}

#[test]
fn folders_import_in_one_order() {
    let files = Files::of_src();
    let place = |folder: &str| ORDER.iter().position(|layers| layers.contains(&folder));
    let mut wrong = BTreeSet::new();
    for import in files.imports() {
        let from = files.name(import.from).split_once('/').map(|(folder, _)| folder);
        let to = files.name(import.to).split_once('/').map(|(folder, _)| folder);
        for folder in [to, import.folder.as_deref()].into_iter().flatten() {
            if from.is_some_and(|from| from != folder && place(folder) >= place(from)) {
                wrong.insert(format!("{}:{} imports from {folder}", files.name(import.from), import.line));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let folders: BTreeSet<&str> =
        files.files.iter().filter_map(|file| file.name.split_once('/')).map(|(folder, _)| folder).collect();
    assert_eq!(folders, ORDER.iter().copied().flatten().copied().collect());
}

#[test]
fn files_import_in_no_circle() {
    let files = Files::of_src();
    let mut imports = files.imports();
    for (from, to, reason) in EXCEPTIONS {
        let count = imports.len();
        let is_excepted =
            |import: &Import| files.name(import.from) == *from && files.name(import.to).starts_with(to);
        imports.retain(|import| !is_excepted(import));
        assert_ne!(imports.len(), count, "{from} does not import {to} ({reason}): remove the exception");
    }
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for file in 0..files.files.len() {
        let Some(circle) = circle(&imports, file).filter(|_| !seen.contains(&file)) else { continue };
        seen.extend(circle.iter().map(|index| imports[*index].from));
        let lines = circle.iter().map(|index| &imports[*index]).map(|import| {
            format!("  src/{}:{} imports src/{}", files.name(import.from), import.line, files.name(import.to))
        });
        circles.push(lines.collect::<Vec<_>>().join("\n"));
    }
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n\n"));
}

#[test]
fn imports_are_read_from_every_form_of_path() {
    let files = Files::read([
        ("lib.rs", "pub mod a;\npub mod b;"),
        (
            "a/mod.rs",
            "mod inner;\npub use inner::{Thing as Renamed, call};\nuse crate::b;\nfn run() { b::run() }",
        ),
        (
            "a/inner.rs",
            "use super::super::b::{self, run as start};\npub struct Thing;\n// crate::c\npub fn call() {}",
        ),
        (
            "b.rs",
            "use crate::a::Renamed;\nuse std::fmt;\npub fn run() { json!({ \"crate::a\": crate::a::call() }) }",
        ),
    ]);
    let found = files.imports();
    let found: Vec<String> = found
        .iter()
        .map(|import| format!("{}:{} {}", files.name(import.from), import.line, files.name(import.to)))
        .collect();
    assert_eq!(found, ["a/mod.rs:4 b.rs", "a/inner.rs:1 b.rs", "b.rs:1 a/inner.rs", "b.rs:3 a/inner.rs"]);
    assert_eq!(circle(&files.imports(), 2), Some(vec![1, 2]));
}
