use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::keys::PROXY_CONFIG_ANNOTATION;
use crate::policy::RuleReport;
use crate::policy::object::{ContainerAt, Path};
use crate::settings::Settings;
use crate::snapshot::{InjectedField, InjectedObject, InjectedPod};

/// Error for a field that differs from the template; the difference is already reported.
pub(super) struct Reported;

/// The advice on each difference from a waypoint.
pub(super) const WAYPOINT_FIX: &str = "remove the object, and ask the platform for a Gateway of the class \
                                       `istio-waypoint`, whose pods istiod creates.";

/// The form that a pod's mesh containers must have.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'o> {
    pub settings: &'o Settings,
    /// The parts that the injector adds to a plain pod.
    pub reference: Option<&'o InjectedPod>,
    /// True if the containers must be those of the reference, apart from what a pod's own annotations change. Otherwise
    /// they may be of any version of Istio.
    pub exact: bool,
    pub role: Role,
    /// True if the injector has not yet added its own fields.
    pub is_authored: bool,
}

/// The work of a pod's proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It handles the traffic of the pod's other containers.
    Sidecar,
    /// It is the only container of the pod, and handles the traffic of others.
    Gateway,
    /// The same in an ambient mesh, in a pod that istiod makes without the injector.
    Waypoint,
}

/// The comparison of one container with the reference and with Istio's template.
pub(super) struct Comparison<'o, 'a> {
    pub(super) container: ContainerAt<'o, 'a>,
    pub(super) name: &'static str,
    pub(super) settings: &'o Settings,
    pub(super) reference: Option<&'o InjectedObject>,
    /// The environment of the reference.
    pub(super) variables: Option<&'o InjectedField>,
    pub(super) exact: bool,
    pub(super) role: Role,
    pub(super) is_authored: bool,
    pub(super) report: &'o mut RuleReport,
}

impl<'o, 'a> Comparison<'o, 'a> {
    /// Returns a field of the reference.
    pub(super) fn reference_field(&self, field: &str) -> Option<&'o InjectedField> {
        self.reference?.field(field)
    }

    /// True if the field is as in the reference, or absent in both.
    pub(super) fn is_as_injected(&self, field: &str) -> bool {
        self.reference.is_some()
            && match (self.reference_field(field), self.field(field)) {
                (Some(known), Some(written)) => known.is(written),
                (None, None) => true,
                _ => false,
            }
    }

    /// Reports a difference at `path`, relative to the container.
    pub(super) fn report(&mut self, path: &[&'static str], index: Option<usize>, message: impl Into<String>) {
        let path = match index {
            Some(index) => self.container.element_path(path, index),
            None => self.container.field_path(path),
        };
        self.report_at(&path, message);
    }

    pub(super) fn report_at(&mut self, path: &Path<'_>, message: impl Into<String>) {
        let source = match self.role {
            Role::Sidecar => format!("your own `{}` container", self.name),
            Role::Gateway => "this".to_owned(),
            Role::Waypoint => return self.report.add(path, message, WAYPOINT_FIX),
        };
        let fix = format!(
            "remove {source}, or the annotation (`{PROXY_CONFIG_ANNOTATION}`, `sidecar.istio.io/…`) that sets this."
        );
        self.report.add(path, message, fix);
    }

    /// Reports a hook of the container.
    pub(super) fn report_hook(&mut self, hook: &'static str, handler: &'static str, message: String) {
        if hook != "preStop" || self.role != Role::Sidecar {
            return self.report(&["lifecycle", hook, handler], None, message);
        }
        let fix = format!(
            "remove your own `{}` container. To let calls end before the proxy stops, set `terminationDrainDuration` in \
             the annotation `{PROXY_CONFIG_ANNOTATION}`.",
            self.name
        );
        self.report.add(&self.container.field_path(&["lifecycle", hook, handler]), message, fix);
    }

    /// Reads a field of the container. Reports a field with another shape than in the template.
    pub(super) fn read<T: Deserialize<'a>>(&mut self, field: &'static str) -> Result<Option<T>, Reported> {
        let Some(raw) = self.field(field) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|error| {
            self.report(&[field], None, format!("Istio writes this field in another form: {error}"));
            Reported
        })
    }

    /// Reports an element of a list with another shape than in the template.
    pub(super) fn report_form(&mut self, list: &[&'static str], index: usize, error: &serde_json::Error) {
        self.report(list, Some(index), format!("Istio writes this element in another form: {error}"));
    }

    pub(super) fn field(&self, field: &str) -> Option<&'a RawValue> {
        let fields = &self.container.get().mesh_fields;
        fields.iter().find(|(name, _)| **name == *field).map(|(_, raw)| *raw)
    }

    /// Passes each element of a list to `check`, if the list has the shape that it has in the template.
    pub(super) fn each<T: Deserialize<'a>>(
        &mut self,
        field: &'static str,
        mut check: impl FnMut(&mut Self, usize, T),
    ) {
        let Some(raw) = self.field(field) else { return };
        let mut index = 0;
        let each = Each::new(|element| {
            check(self, index, element);
            index += 1;
        });
        if let Err(error) = each.deserialize(&mut serde_json::Deserializer::from_str(raw.get())) {
            self.report_form(&[field], index, &error);
        }
    }
}

/// Deserializes the elements of a list one after the other; `null` is an empty list.
struct Each<T, F> {
    check: F,
    element: PhantomData<T>,
}

impl<T, F: FnMut(T)> Each<T, F> {
    fn new(check: F) -> Self {
        Self { check, element: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Each<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            (self.check)(element);
        }
        Ok(())
    }
}
