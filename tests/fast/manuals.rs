//! Unit tests of the rules: the examples in their manuals. Each line marked `# BH301` must be reported by
//! that rule, once for each mark, and no other line by any.

use bulkhead::policy::RULES;

use crate::examples::{examples, world};

#[test]
fn manual_examples_are_judged_as_marked() {
    let world = world();
    for rule in RULES {
        let examples = examples(rule);
        for example in &examples {
            let reports = example.judged(&world).reports();
            assert_eq!(reports, example.marks(), "{}:\n{}", rule.code, example.text);
        }
        let refused = examples.iter().filter(|example| !example.marks().is_empty()).count();
        assert!(
            refused > 0 && refused < examples.len(),
            "{}: one refused and one admitted example at least",
            rule.code
        );
    }
}

/// A manual's headings, in the order a reader expects.
#[test]
fn manuals_have_the_same_headings() {
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
