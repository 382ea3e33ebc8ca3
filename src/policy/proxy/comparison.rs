use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::keys::PROXY_CONFIG_ANNOTATION;
use crate::policy::RuleReport;
use crate::policy::object::{ContainerAt, Path};
use crate::settings::Settings;

/// Error for a field that differs from the template; the difference is already reported.
pub(super) struct Reported;

/// The comparison of one container with the template.
pub(super) struct Comparison<'o, 'a> {
    pub(super) container: ContainerAt<'o, 'a>,
    pub(super) name: &'static str,
    pub(super) settings: &'o Settings,
    pub(super) report: &'o mut RuleReport,
}

impl<'a> Comparison<'_, 'a> {
    /// Reports a difference at `path`, relative to the container.
    pub(super) fn report(&mut self, path: &[&'static str], index: Option<usize>, message: impl Into<String>) {
        let path = match index {
            Some(index) => self.container.element_path(path, index),
            None => self.container.field_path(path),
        };
        self.report_at(&path, message);
    }

    pub(super) fn report_at(&mut self, path: &Path<'_>, message: impl Into<String>) {
        let fix = format!(
            "remove your own `{}` container, or the annotation (`{PROXY_CONFIG_ANNOTATION}`, `sidecar.istio.io/…`) that sets this.",
            self.name
        );
        self.report.add(path, message, fix);
    }

    /// Reads a field of the container. Reports a field with another shape than in the template.
    pub(super) fn read<T: Deserialize<'a>>(&mut self, field: &'static str) -> Result<Option<T>, Reported> {
        let Some(raw) = self.field(field) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|error| {
            self.report(&[field], None, format!("Istio writes this field in another form: {error}"));
            Reported
        })
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
            self.report(&[field], Some(index), format!("Istio writes this element in another form: {error}"));
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
