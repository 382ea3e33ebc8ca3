//! The sources of the book that `scripts/book` renders: the documents that docs/SUMMARY.md lists, a page for each rule with
//! its manual, and the files to which they link.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bulkhead::policy::RULES;

use crate::links::{links, normalized, with_links};
use crate::repository;

/// The folder of the documents, which is the root of the book.
const DOCUMENTS: &str = "docs";
const RULES_FOLDER: &str = "src/policy/rules";
const RULES_PAGE: &str = "docs/rules.md";
const SUMMARY: &str = "docs/SUMMARY.md";
/// The first chapter, which mdBook also copies to the root.
const FIRST_PAGE: &str = "README.md";

/// The documents of the book in their order, as paths of the repository.
pub fn documents_of_the_book() -> Vec<String> {
    let summary = read(SUMMARY);
    let targets = links(&summary).into_iter();
    targets.map(|(_, target)| resolved(DOCUMENTS, &target).expect("a page in the repository")).collect()
}

/// The files of the book, with their texts.
pub fn book() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut linked = Vec::new();
    let mut add = |place: String, folder: &str, text: &str| {
        let targets = links(text).into_iter().filter_map(|(_, target)| resolved(folder, &target));
        linked.extend(targets);
        let text = with_links(text, |target| moved(folder, &place, target));
        files.insert(place, text);
    };
    for document in documents_of_the_book() {
        let mut text = read(&document);
        if document == RULES_PAGE {
            for rule in RULES {
                let code = rule.code();
                let link = format!("\n| [{code}](../{RULES_FOLDER}/{}) |", file_of_rule(code));
                text = text.replace(&format!("\n| {code} |"), &link);
            }
        }
        add(place(&document), folder_of(&document), &text);
    }
    for rule in RULES {
        add(page_of_rule(rule.code()), RULES_FOLDER, &rule.manual());
    }
    for path in linked {
        let place = place(&path);
        if repository(&path).is_file() && path != SUMMARY && !files.contains_key(&place) {
            files.insert(place, read(&path));
        }
    }
    files.insert("SUMMARY.md".to_owned(), summary());
    files.insert("book.toml".to_owned(), read("docs/book.toml"));
    files
}

/// docs/SUMMARY.md with the pages of the rules below the list of rules.
fn summary() -> String {
    let mut summary = String::new();
    for line in with_links(&read(SUMMARY), |target| moved(DOCUMENTS, "SUMMARY.md", target)).lines() {
        summary.push_str(line);
        summary.push('\n');
        if line.ends_with("(rules.md)") {
            summary.extend(RULES.iter().map(|rule| {
                format!("  * [{} {}]({})\n", rule.code(), rule.name(), page_of_rule(rule.code()))
            }));
        }
    }
    summary
}

/// The target of a link in a document below `folder`, from the page at `place`; `None` if the book does not have it.
fn moved(folder: &str, place: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with('#') {
        return Some(target.to_owned());
    }
    // The summary is no page.
    let path = resolved(folder, target).filter(|path| repository(path).is_file() && path != SUMMARY)?;
    let up = "../".repeat(place.matches('/').count());
    let heading = target.split_once('#').map_or(String::new(), |(_, heading)| format!("#{heading}"));
    Some(format!("{up}{}{heading}", self::place(&path)))
}

/// The place of a file of the repository in the book.
fn place(path: &str) -> String {
    if path == FIRST_PAGE {
        return "index.md".to_owned();
    }
    if let Some(code) = path.strip_prefix(&format!("{RULES_FOLDER}/bh")).and_then(|name| name.get(..3)) {
        return page_of_rule(&format!("BH{code}"));
    }
    let document = path.strip_prefix(&format!("{DOCUMENTS}/"));
    document.map_or_else(|| format!("repository/{path}"), ToOwned::to_owned)
}

/// The page of a rule, which the rule's `helpUri` in SARIF names.
fn page_of_rule(code: &str) -> String {
    format!("rules/{code}.md")
}

fn file_of_rule(code: &str) -> String {
    let prefix = format!("{}_", code.to_lowercase());
    let files = fs::read_dir(repository(RULES_FOLDER)).unwrap();
    let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.find(|name| name.starts_with(&prefix)).expect("each rule has a file")
}

/// The path of the repository to which a relative link in a file below `folder` leads.
fn resolved(folder: &str, target: &str) -> Option<String> {
    let (file, _) = target.split_once('#').unwrap_or((target, ""));
    if file.is_empty() || file.contains("://") {
        return None;
    }
    let path: PathBuf = normalized(&Path::new(folder).join(file))?;
    Some(path.to_string_lossy().into_owned())
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap()
}
