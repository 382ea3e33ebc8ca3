use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::policy::{Admitted, Violation, Why};

/// Returns the refusal for the user, with one line for each violation. It begins with a line break, because the API
/// server puts its own text before it.
pub fn message(violations: &[Violation], contact: Option<&str>) -> String {
    let mut text = String::new();
    for violation in violations {
        let _ = write!(text, "\n{} {}: {}", violation.code, violation.field, sentence(violation));
    }
    if let Some(first) = violations.first() {
        let _ = write!(text, "\n(see: bulkhead explain {}", first.code);
        if let Some(contact) = contact {
            let _ = write!(text, "; ask: {contact}");
        }
        text.push(')');
    }
    text
}

/// Returns the message and the fix of a violation.
pub fn sentence(violation: &Violation) -> String {
    format!("{}; {}", violation.message, violation.fix)
}

/// Returns the audit annotations for admitted violations: for each reason the codes, and the names of Exemptions.
pub fn audit_annotations(admitted: &[Admitted]) -> BTreeMap<&'static str, String> {
    let mut ways: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for Admitted { violation, why } in admitted {
        let said = match why {
            Why::Before | Why::Observed => continue,
            Why::BrokenGlass => violation.code.to_owned(),
            Why::Exempted(exemption) => format!("{} by {exemption}", violation.code),
        };
        ways.entry(why.word()).or_default().insert(said);
    }
    ways.into_iter().map(|(way, said)| (way, Vec::from_iter(said).join(","))).collect()
}
