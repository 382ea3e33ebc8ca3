use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::policy::{Admitted, Violation, Why};

/// What a person reads, a line a violation; begins a line of its own, because the API server puts its own
/// words before it.
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

/// What is wrong and what to write instead.
pub fn sentence(violation: &Violation) -> String {
    format!("{}; {}", violation.message, violation.fix)
}

/// What the API server's audit log must keep of violations that somebody let through: for each way the codes,
/// and by which exemption.
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
