//! Relative links in the documents lead to files, and anchors to headings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use support::documents::documents;
use support::repository;

/// The targets of the links in a Markdown text, each with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            continue;
        }
        if is_code {
            continue;
        }
        // A link may have inline code as its text, but inline code has no links.
        let parts = line.split('`').enumerate().filter(|(index, _)| index % 2 == 0);
        let line: String = parts.map(|(_, part)| part).collect();
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let reference = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        let targets = inline.chain(reference.map(|(_, target)| target));
        let target = |target: &str| target.split_whitespace().next().unwrap_or_default().to_owned();
        found.extend(targets.map(|text| (number, target(text))));
    }
    found
}

/// The anchors of a document: its headings as GitHub writes them, and the names that it gives itself.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if let Some(heading) =
            line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))
            && !is_code
        {
            let anchor = anchor(heading);
            let again = (1..).map(|number| format!("{anchor}-{number}"));
            let free = std::iter::once(anchor.clone()).chain(again).find(|anchor| !anchors.contains(anchor));
            anchors.extend(free);
        }
        for attribute in ["id=\"", "name=\""] {
            let names = line.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
            anchors.extend(names.map(ToOwned::to_owned));
        }
    }
    anchors
}

fn anchor(heading: &str) -> String {
    // Of a link in a heading, the text counts.
    let mut text = String::new();
    for (index, part) in heading.split("](").enumerate() {
        text += if index == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) };
    }
    let letters =
        text.trim().chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    letters.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The path without `.` and `..`; `None` if it leaves the repository.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir if normal.pop() => {}
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(normal)
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut broken = Vec::new();
    let mut count = 0;
    for document in documents() {
        let text = fs::read_to_string(repository(&document)).unwrap();
        for (line, link) in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, heading) =
                link.split_once('#').map_or((link.as_str(), None), |(file, heading)| (file, Some(heading)));
            let folder = Path::new(&document).parent().unwrap();
            let path =
                if file.is_empty() { Some(PathBuf::from(&document)) } else { normalized(&folder.join(file)) };
            let target = path.map(|path| repository(&path.to_string_lossy())).filter(|path| path.exists());
            let is_there = target.is_some_and(|path| match heading {
                Some(heading) if path.extension().is_some_and(|extension| extension == "md") => {
                    anchors(&fs::read_to_string(path).unwrap()).contains(heading)
                }
                _ => true,
            });
            if !is_there {
                broken.push(format!("{document}:{line}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{} broken links:\n{}", broken.len(), broken.join("\n"));
    assert!(count > 0, "the documents have links");
}

#[test]
fn links_and_anchors_are_read_as_github_does() {
    let text = "See [`a`](a.md#b) and ![c](../c.png \"C\"), `[no](no.md)`.\n```\n[no](no.md)\n```\n[d]: d.md";
    let expected = [(1, "a.md#b"), (1, "../c.png"), (5, "d.md")];
    assert_eq!(links(text), expected.map(|(line, link)| (line, link.to_owned())));
    let text =
        "# Uninstall, `now`\n## A [link](x.md) & more\n### A\n### A\n<a id=\"own\"></a>\n```\n# no\n```\n";
    let expected = ["a", "a-1", "a-link--more", "own", "uninstall-now"];
    assert_eq!(anchors(text), expected.map(ToOwned::to_owned).into());
}
