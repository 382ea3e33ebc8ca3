//! The book: its list of pages, and the links between its files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bulkhead::policy::RULES;
use support::book::{book, documents_of_the_book};
use support::documents::{documents, files_below};
use support::links::{anchors, links, normalized, with_links};
use support::repository;

#[test]
fn summary_and_index_list_every_page_once() {
    let listed = documents_of_the_book();
    let pages: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(pages.len(), listed.len(), "{listed:?}");
    let expected = documents().into_iter().filter(|path| path != "docs/SUMMARY.md");
    assert_eq!(pages, expected.collect());
    let index = fs::read_to_string(repository("docs/README.md")).unwrap();
    let indexed: BTreeSet<String> = links(&index).into_iter().map(|(_, target)| target).collect();
    for page in files_below("docs", "md") {
        let name = page.trim_start_matches("docs/");
        let is_index = ["README.md", "SUMMARY.md"].contains(&name);
        assert!(is_index || indexed.contains(name), "docs/README.md does not list {name}");
    }
}

fn is_page(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "md")
}

#[test]
fn links_of_the_book_lead_to_its_pages_and_files() {
    let book = book();
    let summary: BTreeSet<String> = links(&book["SUMMARY.md"]).into_iter().map(|(_, page)| page).collect();
    let (mut broken, mut count) = (Vec::new(), 0);
    for (place, text) in book.iter().filter(|(place, _)| is_page(place)) {
        assert!(place == "SUMMARY.md" || summary.contains(place), "SUMMARY.md does not list {place}");
        for (line, link) in links(text).into_iter().filter(|(_, link)| !link.contains("://")) {
            count += 1;
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let path = normalized(&Path::new(place).parent().unwrap().join(file));
            let path = path.map_or_else(String::new, |path| path.to_string_lossy().into_owned());
            let path = if file.is_empty() { place } else { &path };
            let target = book.get(path).filter(|_| !is_page(path) || summary.contains(path));
            if !target.is_some_and(|target| heading.is_empty() || anchors(target).contains(heading)) {
                broken.push(format!("{place}:{line}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{} broken links:\n{}", broken.len(), broken.join("\n"));
    assert!(count > 500, "{count}");
}

#[test]
fn each_rule_has_a_page_to_which_the_list_links() {
    let book = book();
    let listed: BTreeSet<String> = links(&book["rules.md"]).into_iter().map(|(_, page)| page).collect();
    for rule in RULES {
        let page = format!("rules/{}.md", rule.code());
        assert!(book[&page].starts_with(&format!("# {} `{}`\n", rule.code(), rule.name())), "{page}");
        assert!(listed.contains(&page), "{page}");
    }
}

#[test]
fn links_are_changed_outside_of_code_alone() {
    let text = "[`a`](a.md#b) and `[c](c.md)`, [d `e`](f.md)\n```\n[g](g.md)\n```\n";
    let changed = with_links(text, |target| (target != "f.md").then(|| format!("x/{target}")));
    assert_eq!(changed, "[`a`](x/a.md#b) and `[c](c.md)`, d `e`\n```\n[g](g.md)\n```\n");
}
