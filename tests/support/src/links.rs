//! Links and headings of Markdown texts, as GitHub reads them.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// True for a line that begins or ends a code block. A line with inline code between several backticks is none.
pub fn is_fence(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("```") && !line.trim_start_matches('`').contains('`')
}

/// The lines of a Markdown text; true for those of code blocks and their fences.
fn lines(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut is_code = false;
    text.lines().map(move |line| {
        is_code ^= is_fence(line);
        (line, is_code || is_fence(line))
    })
}

/// The targets of the links in a Markdown text, each with its line.
pub fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, (line, is_code)) in (1..).zip(lines(text)) {
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
pub fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (line, is_code) in lines(text) {
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
pub fn normalized(path: &Path) -> Option<PathBuf> {
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

/// The text with other targets of its inline links: what `change` returns for each, or the text of the link alone if it
/// returns `None`.
pub fn with_links(text: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let mut changed = String::new();
    for (line, is_code) in lines(text) {
        changed.push_str(&if is_code { line.to_owned() } else { line_with_links(line, &change) });
        changed.push('\n');
    }
    changed
}

fn line_with_links(line: &str, change: &impl Fn(&str) -> Option<String>) -> String {
    let mut changed = String::new();
    let mut rest = line;
    let is_outside_of_code = |text: &str| text.matches('`').count().is_multiple_of(2);
    while let Some((at, end)) = rest.match_indices("](").find_map(|(at, _)| {
        let outside = is_outside_of_code(&changed) == is_outside_of_code(&rest[..at]);
        Some((at, at + rest[at..].find(')')?)).filter(|_| outside)
    }) {
        let (text, target) = (&rest[..at], &rest[at + 2..end]);
        if let Some(target) = change(target) {
            changed.extend([text, "](", &target, ")"]);
        } else {
            let start = text.rfind('[').expect("a link has a text");
            changed.extend([&text[..start], &text[start + 1..]]);
        }
        rest = &rest[end + 1..];
    }
    changed + rest
}
