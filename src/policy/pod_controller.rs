//! The controller that creates a refused pod.

use std::fmt::Write;

use super::object::{ControllerRef, OwnerInfo};
use super::request::Request;
use super::rules::Rule;
use super::verdict::{Violation, quote};
use crate::kinds::{Kind, Operation};

impl Request<'_> {
    /// Adds a sentence about the controller that creates the pod to the last violation of a rule about pods: only the
    /// template can be corrected.
    pub(super) fn name_controller(&self, rules: &[Rule], refused: &mut [Violation]) {
        let is_about_pods = |violation: &&mut Violation| {
            rules.iter().any(|rule| rule.code() == violation.code && rule.is_about_pods())
        };
        let is_new_pod = self.kind == Kind::Pod && self.operation == Operation::Create;
        let last = refused.iter_mut().rev().find(is_about_pods).filter(|_| is_new_pod);
        if let (Some(last), Some(ControllerRef { kind, name, .. })) = (last, self.controller()) {
            let controller = quote(&format!("{kind} {name}"));
            let _ = write!(
                last.fix,
                " {controller} creates this pod: correct its pod template, or that of the object that owns it."
            );
        }
    }

    /// Returns the controller of the object.
    fn controller(&self) -> Option<ControllerRef<'_>> {
        OwnerInfo::read(self.review.object?.raw().ok()?).ok()?.controller
    }
}
