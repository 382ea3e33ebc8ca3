use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::policy::{Violation, WaivedViolation, WaiverReason};

/// Returns the refusal for the user, with one line for each violation. It begins with a line break, because the API
/// server puts its own text before it.
pub fn message(violations: &[Violation], contact: Option<&str>) -> String {
    let mut text = String::new();
    for violation in violations {
        let _ = write!(text, "\n{} {}: {}", violation.code, violation.field, violation_text(violation));
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
pub fn violation_text(violation: &Violation) -> String {
    format!("{}; {}", violation.message, violation.fix)
}

/// Returns the codes of violations, each once.
pub fn codes(violations: &[Violation]) -> String {
    let codes: BTreeSet<&str> = violations.iter().map(|violation| violation.code).collect();
    Vec::from_iter(codes).join(",")
}

/// Returns the audit annotations for admitted violations: for each reason the codes, and the names of Exemptions.
pub fn audit_annotations(admitted: &[WaivedViolation]) -> BTreeMap<&'static str, String> {
    let mut codes_by_reason: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for WaivedViolation { violation, reason } in admitted {
        let code = match reason {
            WaiverReason::Preexisting | WaiverReason::Observed => continue,
            WaiverReason::Warned | WaiverReason::Audited | WaiverReason::BreakGlass => {
                violation.code.to_owned()
            }
            WaiverReason::Exempted(exemption) => format!("{} by {exemption}", violation.code),
        };
        codes_by_reason.entry(reason.as_label()).or_default().insert(code);
    }
    codes_by_reason.into_iter().map(|(label, codes)| (label, Vec::from_iter(codes).join(","))).collect()
}
