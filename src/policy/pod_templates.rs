//! The pod templates in objects of the kinds that the settings list. Each is judged as a PodTemplate of its own, so that
//! the rules need not know these kinds.

use serde_json::value::RawValue;

use super::object::{ObjectError, Path, values_at};
use super::{JudgeError, Review, Verdict, Violation};
use crate::kinds::{Kind, Operation};
use crate::settings::TemplateKind;

/// Maximum number of pod templates in an object.
const MAX_TEMPLATES: usize = 100;

/// A pod template in an object, as a PodTemplate.
pub(super) struct TemplateAt<'a> {
    path: Path<'a>,
    object: Box<RawValue>,
    /// True if the object had this template here before an update.
    is_old: bool,
}

/// Returns the pod templates in the object of a request.
pub(super) fn read<'a>(
    kind: &'a TemplateKind,
    review: &Review<'a>,
) -> Result<Vec<TemplateAt<'a>>, JudgeError> {
    let object = review.object()?.raw()?;
    let mut templates = Vec::new();
    for path in &kind.paths {
        let old = review.old_object.and_then(|old| values_at(old, path).ok()).unwrap_or_default();
        for (path, template) in values_at(object, path)? {
            // A list would be read as the fields of a struct.
            if !template.get().starts_with('{') {
                return Err(ObjectError::NotTemplate(path.to_string()).into());
            }
            if templates.len() == MAX_TEMPLATES {
                return Err(ObjectError::TooManyTemplates(MAX_TEMPLATES).into());
            }
            let is_old = old.iter().any(|(place, old)| *place == path && old.get() == template.get());
            let object =
                format!(r#"{{"apiVersion":"v1","kind":"PodTemplate","template":{}}}"#, template.get());
            templates.push(TemplateAt {
                path,
                object: RawValue::from_string(object).map_err(ObjectError::from)?,
                is_old,
            });
        }
    }
    Ok(templates)
}

impl TemplateAt<'_> {
    /// Returns the request for this template alone.
    pub(super) fn review<'t>(&'t self, whole: &Review<'t>) -> Review<'t> {
        let operation = if self.is_old { Operation::Update } else { Operation::Create };
        Review {
            operation: operation.name(),
            group: Kind::PodTemplate.group(),
            resource: Kind::PodTemplate.plural(),
            object: Some((&*self.object).into()),
            old_object: self.is_old.then_some(&*self.object),
            ..whole.clone()
        }
    }

    /// Returns an error of this template as one of the whole object.
    pub(super) fn locate_error(&self, error: JudgeError) -> JudgeError {
        match error {
            JudgeError::Unreadable(error) => ObjectError::At(self.path.to_string(), Box::new(error)).into(),
            error => error,
        }
    }

    /// Adds the verdict on this template to the one on the whole object.
    pub(super) fn add(&self, verdict: Verdict, whole: &mut Verdict) {
        match (whole, verdict) {
            (
                Verdict::Judged { refused, admitted, contact, retry, needs_lookup },
                Verdict::Judged {
                    refused: mut more_refused,
                    admitted: mut more_admitted,
                    contact: own_contact,
                    retry: own_retry,
                    needs_lookup: own_lookup,
                },
            ) => {
                let waived = more_admitted.iter_mut().map(|waived| &mut waived.violation);
                more_refused.iter_mut().chain(waived).for_each(|violation| self.locate(violation));
                if !more_refused.is_empty() {
                    *retry = if refused.is_empty() { own_retry } else { own_retry.min(*retry) };
                    *contact = own_contact;
                    *needs_lookup = needs_lookup.take().or(own_lookup);
                }
                refused.append(&mut more_refused);
                admitted.append(&mut more_admitted);
            }
            (whole, verdict) => *whole = verdict,
        }
    }

    /// Replaces the path in the PodTemplate by the path in the whole object.
    fn locate(&self, violation: &mut Violation) {
        if let Some(rest) = violation.field.strip_prefix("template") {
            violation.field = format!("{}{rest}", self.path);
        }
        if let Some(rest) = violation.pointer.strip_prefix("/template") {
            violation.pointer = format!("{}{rest}", self.path.pointer());
        }
    }
}
