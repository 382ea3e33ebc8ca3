//! Unit tests of the rules: the examples in their manuals. Each line marked `# BH301` must be reported by
//! that rule, once for each mark, and no other line by any.

use bulkhead::policy::RULES;

use support::command::bulkhead;

use crate::examples::examples;

#[test]
fn manual_examples_are_judged_as_marked() {
    for rule in RULES {
        let examples = examples(rule);
        for example in &examples {
            let reports = example.judged().reports();
            assert_eq!(reports, example.marks(), "{}:\n{}", rule.code(), example.text);
        }
        let refused = examples.iter().filter(|example| !example.marks().is_empty()).count();
        assert!(
            refused > 0 && refused < examples.len(),
            "{}: one refused and one admitted example at least",
            rule.code()
        );
    }
}

/// Every manual has the same headings in the same order, and a summary that fits the list of `bulkhead explain`.
#[test]
fn manuals_have_the_same_headings() {
    for rule in RULES {
        let manual = rule.manual();
        assert!(manual.starts_with(&format!("# {} `{}`\n", rule.code(), rule.name())), "{}", rule.code());
        let headings: Vec<_> =
            manual.lines().filter(|line| line.starts_with("## ") && *line != "## Limits").collect();
        assert_eq!(
            headings,
            [
                "## What it refuses",
                "## Why",
                "## What to write instead",
                "## How to get it allowed",
                "## Refused",
                "## Admitted"
            ],
            "{}",
            rule.code()
        );
        let limits = manual.lines().position(|line| line == "## Limits");
        let last = manual.lines().position(|line| line == "## Admitted");
        assert!(limits.is_none_or(|limits| Some(limits) > last), "{}: limits come last", rule.code());
        let summary = rule.summary();
        assert!(summary.starts_with("Refuses ") && summary.ends_with('.'), "{}: {summary}", rule.code());
        assert!(summary.chars().count() <= 66, "{}: {summary}", rule.code());
    }
}

#[test]
fn list_of_rules_fits_100_columns() {
    let (_, out, _) = bulkhead(&["explain"], "");
    for line in out.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}
