//! The tree in ARCHITECTURE.md is the one on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use support::documents::files_below;
use support::repository;

/// Folders of many files of one sort: the tree does not name the files.
const WITHOUT_FILES: &[&str] = &["src/policy/rules"];

/// Returns the folders of the tree, each with the names of its files.
fn drawn() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(repository("ARCHITECTURE.md")).unwrap();
    let (_, tree) = text.split_once("```text\nsrc/").unwrap();
    let (tree, _) = tree.split_once("```").unwrap();
    let mut path: Vec<&str> = Vec::new();
    let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in format!("src/{tree}").lines() {
        let depth = (line.len() - line.trim_start().len()) / 2;
        let first = line.split_whitespace().next().unwrap_or_default();
        if let Some(folder) = first.strip_suffix('/') {
            path.truncate(depth);
            path.push(folder);
            folders.entry(path.join("/")).or_default();
        } else {
            let names = line.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            folders.entry(path.join("/")).or_default().extend(names);
        }
    }
    folders
}

#[test]
fn tree_in_the_documentation_is_the_one_on_disk() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files_below("src", "rs") {
        let (folder, name) = path.rsplit_once('/').unwrap();
        let names = found.entry(folder.to_owned()).or_default();
        if name != "mod.rs" && !WITHOUT_FILES.contains(&folder) {
            names.insert(name.trim_end_matches(".rs").to_owned());
        }
    }
    let drawn = drawn();
    let folders: BTreeSet<&String> = found.keys().chain(drawn.keys()).collect();
    for folder in folders {
        assert_eq!(drawn.get(folder), found.get(folder), "the tree in ARCHITECTURE.md, {folder}");
    }
}
