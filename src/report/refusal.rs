use std::collections::BTreeSet;
use std::fmt::Write;

use crate::policy::Violation;

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

/// The codes of the violations, each once.
pub fn codes(violations: &[Violation]) -> String {
    let codes: BTreeSet<&str> = violations.iter().map(|violation| violation.code).collect();
    codes.into_iter().collect::<Vec<_>>().join(",")
}
