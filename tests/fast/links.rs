//! Relative links in the documents lead to files, and anchors to headings.

use std::fs;
use std::path::{Path, PathBuf};

use support::documents::documents;
use support::links::{anchors, links, normalized};
use support::repository;

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
    let text = "See [`a`](a.md#b) and ![c](../c.png \"C\"), `[no](no.md)`.\n```\n[no](no.md)\n```\n\
                ```` ```yaml ````\n[e](e.md)\n[d]: d.md";
    let expected = [(1, "a.md#b"), (1, "../c.png"), (6, "e.md"), (7, "d.md")];
    assert_eq!(links(text), expected.map(|(line, link)| (line, link.to_owned())));
    let text =
        "# Uninstall, `now`\n## A [link](x.md) & more\n### A\n### A\n<a id=\"own\"></a>\n```\n# no\n```\n";
    let expected = ["a", "a-1", "a-link--more", "own", "uninstall-now"];
    assert_eq!(anchors(text), expected.map(ToOwned::to_owned).into());
}
