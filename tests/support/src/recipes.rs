//! The recipes of docs/works-with.md: a section for each tool, with files in its code blocks and a link to its test.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::repository;

pub const PAGE: &str = "docs/works-with.md";
/// The folder of the tests, as the page links to it.
const TESTS: &str = "../tests/cluster/works_with/";

/// A section of the page.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// The heading.
    pub tool: String,
    /// The modules of the tests to which the section links.
    pub tests: Vec<String>,
    /// The code blocks by their names, which the first line of each has in a comment.
    pub files: BTreeMap<String, String>,
}

/// The sections of the page, in their order.
pub fn recipes() -> Vec<Recipe> {
    let text = fs::read_to_string(repository(PAGE)).unwrap();
    let mut found: Vec<Recipe> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(tool) = line.strip_prefix("## ") {
            found.push(Recipe { tool: tool.to_owned(), ..Recipe::default() });
        } else if line.starts_with("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let name = block.first().and_then(|line| line.strip_prefix("# "));
            let name = name.unwrap_or_else(|| panic!("a code block begins with `{}`", block[0])).to_owned();
            let recipe = found.last_mut().unwrap();
            let earlier = recipe.files.insert(name, block[1..].join("\n"));
            assert!(earlier.is_none(), "{}: two files have the name of `{}`", recipe.tool, block[0]);
        } else {
            for link in line.split(TESTS).skip(1) {
                let module = link.split(".rs").next().unwrap();
                found.last_mut().unwrap().tests.push(module.to_owned());
            }
        }
    }
    found
}

/// The recipe with this test.
pub fn recipe(test: &str) -> Recipe {
    let mut all = recipes().into_iter();
    all.find(|recipe| recipe.tests == [test]).unwrap_or_else(|| panic!("{PAGE} has no recipe of `{test}`"))
}

impl Recipe {
    pub fn file(&self, name: &str) -> &str {
        self.files.get(name).unwrap_or_else(|| panic!("{}: no file `{name}`", self.tool))
    }

    /// The documents of a file in YAML.
    pub fn documents(&self, name: &str) -> Vec<Value> {
        serde_saphyr::from_multiple(self.file(name)).unwrap()
    }

    /// The first document of this kind.
    pub fn document(&self, name: &str, kind: &str) -> Value {
        let found = self.documents(name).into_iter().find(|document| document["kind"] == kind);
        found.unwrap_or_else(|| panic!("{}: no {kind} in `{name}`", self.tool))
    }
}
