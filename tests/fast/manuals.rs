//! Unit tests of the rules: the examples in their manuals. Each line marked `# BH301` must be reported by
//! that rule, once for each mark, and no other line by any.

use std::collections::BTreeMap;

use bulkhead::policy::kind::DOORS;
use bulkhead::policy::object::Form;
use bulkhead::policy::{RULES, Review, Rule, Verdict, judge};
use bulkhead::sources::files;
use bulkhead::sources::yaml::{self, Document};
use bulkhead::world::{User, World};

/// What a fence says after `yaml`: who writes, and what; on update the first document is the object as it was.
struct Example {
    user: String,
    groups: Vec<String>,
    /// Lower-case, as the manual writes it.
    operation: &'static str,
    text: String,
}

fn examples(rule: &Rule) -> Vec<Example> {
    let manual = rule.manual();
    let mut blocks = Vec::new();
    let mut lines = manual.lines();
    while let Some(fence) = lines.by_ref().find_map(|line| line.strip_prefix("```yaml")) {
        let text: String =
            lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
        let words = fence.trim().trim_start_matches("as ");
        let operation = ["update", "delete"].into_iter().find(|verb| words.ends_with(&format!("on {verb}")));
        let operation = operation.unwrap_or("create");
        let who = words.trim_end_matches(&format!("on {operation}")).trim_end_matches(", ");
        let (user, groups) = who.split_once(" in ").unwrap_or((who, ""));
        let groups = groups.split(", ").filter(|group| !group.is_empty()).map(ToOwned::to_owned).collect();
        blocks.push(Example { user: user.to_owned(), groups, operation, text });
    }
    blocks
}

/// How often each line is marked with each code.
fn marks(text: &str) -> BTreeMap<(u64, String), usize> {
    let mut marks = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        for code in line
            .split_once(" # BH")
            .map(|(_, codes)| format!("BH{codes}"))
            .iter()
            .flat_map(|codes| codes.split(' '))
        {
            *marks.entry((number, code.to_owned())).or_insert(0) += 1;
        }
    }
    marks
}

fn world() -> World {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/world").into();
    files::world(&files::read(&[path]).unwrap()).unwrap()
}

fn reports(example: &Example, world: &World) -> BTreeMap<(u64, String), usize> {
    let documents = yaml::read(&example.text).unwrap();
    let update = example.operation == "update";
    let (old, new): (Option<&Document>, &Document) = match documents.as_slice() {
        [old, new] if update => (Some(old), new),
        [new] if example.operation == "delete" => (Some(new), new),
        [new] if !update => (None, new),
        _ => panic!(
            "one document, or two on update:
{}",
            example.text
        ),
    };
    let (version, kind) = (new.text(&["apiVersion"]).unwrap(), new.text(&["kind"]).unwrap());
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let door = DOORS.iter().find(|door| door.kind.name() == kind && door.kind.group() == group).unwrap();
    let review = Review {
        operation: &example.operation.to_uppercase(),
        group: door.kind.resource_group(),
        resource: door.resource,
        subresource: door.subresource,
        namespace: new.text(&["metadata", "namespace"]).unwrap_or_default(),
        user: User { name: &example.user, groups: example.groups.iter().map(String::as_str).collect() },
        form: Form::Final,
        // In June of 2026.
        time: 1_780_272_000,
        object: Some(&*new.json).filter(|_| example.operation != "delete"),
        old_object: old.map(|old| &*old.json),
    };
    let Verdict::Judged { refused, .. } = judge(&review, world) else {
        panic!("could not be judged:\n{}", example.text)
    };
    let mut reports = BTreeMap::new();
    for violation in refused {
        *reports.entry((new.line(&violation.pointer), violation.code.to_owned())).or_insert(0) += 1;
    }
    reports
}

#[test]
fn examples_in_the_manuals_hold() {
    let world = world();
    for rule in RULES {
        let examples = examples(rule);
        for example in &examples {
            assert_eq!(reports(example, &world), marks(&example.text), "{}:\n{}", rule.code, example.text);
        }
        let refused = examples.iter().filter(|example| !marks(&example.text).is_empty()).count();
        assert!(
            refused > 0 && refused < examples.len(),
            "{}: one refused and one admitted example at least",
            rule.code
        );
    }
}

/// A manual's headings, in the order a reader expects.
#[test]
fn manuals_have_one_shape() {
    for rule in RULES {
        let manual = rule.manual();
        assert!(manual.starts_with(&format!("# {} `{}`\n", rule.code, rule.name)), "{}", rule.code);
        let headings: Vec<_> =
            manual.lines().filter(|line| line.starts_with("## ") && *line != "## Limits").collect();
        assert_eq!(
            headings,
            ["## What it does", "## Why it matters", "## Refused", "## Admitted"],
            "{}",
            rule.code
        );
        assert!(rule.summary().starts_with("Refuses "), "{}", rule.code);
    }
}
