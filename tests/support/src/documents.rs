//! The Markdown documents of the repository.

use std::fs;

use crate::repository;

/// Documents outside `docs/`, if they are there.
const OTHERS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "deploy/chart/README.md",
    "tests/README.md",
];

/// The paths of all documents.
pub fn documents() -> Vec<String> {
    let mut found: Vec<String> =
        OTHERS.iter().filter(|path| repository(path).is_file()).map(|path| (*path).to_owned()).collect();
    found.extend(files_below("docs", "md"));
    found
}

/// The example of a document whose first line is `# TITLE`, without this line and the indentation.
pub fn example(document: &str, title: &str) -> String {
    let text = fs::read_to_string(repository(document)).unwrap();
    let mut lines = text.lines().skip_while(|line| line.trim() != format!("# {title}")).peekable();
    let first = lines.next().unwrap_or_else(|| panic!("{document} has no example `# {title}`"));
    let indentation = first.len() - first.trim_start().len();
    let lines = lines.take_while(|line| line.trim() != "```");
    lines.flat_map(|line| [line.get(indentation..).unwrap_or_default(), "\n"]).collect()
}

/// The paths of the files below a folder with this extension, in their order.
pub fn files_below(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let entries = fs::read_dir(repository(folder)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        let path = format!("{folder}/{name}");
        if repository(&path).is_dir() {
            found.extend(files_below(&path, extension));
        } else if name.ends_with(&format!(".{extension}")) {
            found.push(path);
        }
    }
    found
}
