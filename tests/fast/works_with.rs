//! The recipes of docs/works-with.md and their tests in tests/cluster/works_with, which apply the files of the page.

use std::collections::BTreeSet;
use std::fs;

use support::documents::files_below;
use support::recipes::recipes;
use support::repository;

const FOLDER: &str = "tests/cluster/works_with";

fn source(module: &str) -> String {
    fs::read_to_string(repository(&format!("{FOLDER}/{module}.rs"))).unwrap()
}

#[test]
fn each_recipe_has_its_test_and_each_test_its_recipe() {
    let recipes = recipes();
    for recipe in &recipes {
        assert_eq!(recipe.tests.len(), 1, "{} links to one test: {:?}", recipe.tool, recipe.tests);
    }
    let linked: BTreeSet<String> = recipes.iter().flat_map(|recipe| recipe.tests.clone()).collect();
    assert_eq!(linked.len(), recipes.len(), "no test has two recipes");
    let files = files_below(FOLDER, "rs").into_iter();
    let modules = files.filter_map(|path| Some(path.strip_suffix(".rs")?.rsplit_once('/')?.1.to_owned()));
    let modules: BTreeSet<String> = modules.filter(|module| module != "mod").collect();
    assert_eq!(modules, linked);
    let declared = source("mod");
    for module in &modules {
        assert!(declared.contains(&format!("\nmod {module};\n")), "{FOLDER}/mod.rs declares {module}");
        assert!(source(module).contains("#[test]\n"), "{module} has a test");
    }
}

#[test]
fn each_file_of_a_recipe_is_used_by_its_test() {
    let mut count = 0;
    for recipe in recipes() {
        let source = source(&recipe.tests[0]);
        for name in recipe.files.keys() {
            let is_read = source.contains(&format!("\"{name}\""))
                || (name == "settings.yaml" && source.contains(".apply_settings()"));
            assert!(is_read, "{}: no test reads {name}", recipe.tool);
            count += 1;
        }
    }
    assert!(count >= 13, "each recipe has a file: {count}");
}
