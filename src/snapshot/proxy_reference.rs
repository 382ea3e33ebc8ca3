use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The ConfigMap with the references, one key for each mesh revision.
pub const PROXY_REFERENCES_CONFIG_MAP: &str = "bulkhead-proxy-references";

/// The revision of the injector for namespaces with the label `istio-injection: enabled`.
pub const DEFAULT_REVISION: &str = "default";

/// Time for which a reference stays valid after a newer one is learned, in seconds. During an upgrade, istiod's
/// replicas inject both.
const OVERLAP: i64 = 600;

/// Number of references that are kept for one revision.
const MAX_REFERENCES: usize = 4;

/// The references of all revisions, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyReferences(BTreeMap<String, Vec<ProxyReference>>);

/// The containers and volumes that the cluster's own injector adds to a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyReference {
    /// The Unix time after which it is no longer valid, in seconds; none for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<i64>,
    /// With the proxy as a native sidecar, which is an init container; none if the mesh cannot inject it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<InjectedPod>,
    /// With the proxy among the pod's other containers; none if the mesh cannot inject it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classic: Option<InjectedPod>,
    /// Of a gateway's pod; none if the mesh has no template for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<InjectedPod>,
}

/// The injected parts of a pod, as the API server writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InjectedPod {
    pub init_containers: Vec<InjectedObject>,
    pub containers: Vec<InjectedObject>,
    pub volumes: Vec<InjectedObject>,
}

/// An injected container or volume.
#[derive(Clone, Debug)]
pub struct InjectedObject {
    pub name: String,
    fields: BTreeMap<String, InjectedField>,
}

#[derive(Clone, Debug)]
pub struct InjectedField {
    raw: Box<RawValue>,
    /// The elements, if the field is a list.
    pub elements: Vec<InjectedElement>,
}

/// The limits and requests of a container, by resource name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    pub limits: BTreeMap<String, String>,
    pub requests: BTreeMap<String, String>,
}

/// An element of a list.
#[derive(Clone, Debug)]
pub struct InjectedElement {
    /// Its field `name`, if it has one.
    pub name: Option<String>,
    pub raw: Box<RawValue>,
}

impl ProxyReferences {
    /// Reads the data of the ConfigMap.
    pub fn from_data(data: &BTreeMap<String, String>) -> Result<Self, String> {
        let read = |(revision, text): (&String, &String)| {
            let references = serde_json::from_str(text).map_err(|error| format!("{revision}: {error}"))?;
            Ok((revision.clone(), references))
        };
        data.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the data of the ConfigMap.
    pub fn to_data(&self) -> serde_json::Result<BTreeMap<String, String>> {
        let write = |(revision, references): (&String, &Vec<_>)| {
            Ok((revision.clone(), serde_json::to_string(references)?))
        };
        self.0.iter().map(write).collect()
    }

    /// Returns the references of a revision that are valid at `now`, the newest first.
    pub fn valid(&self, revision: &str, now: i64) -> impl Iterator<Item = &ProxyReference> {
        let known = self.0.get(revision).into_iter().flatten();
        known.filter(move |reference| reference.valid_until.is_none_or(|until| now <= until))
    }

    /// Returns the newest reference of a revision.
    pub fn newest(&self, revision: &str) -> Option<&ProxyReference> {
        self.0.get(revision)?.first()
    }

    /// Adds what the injector of a revision makes now. The earlier references stay valid for a while.
    pub fn add(&mut self, revision: &str, learned: ProxyReference, now: i64) {
        let known = self.0.entry(revision.to_owned()).or_default();
        if known.first().is_some_and(|newest| newest.has_same_form(&learned)) {
            return;
        }
        known.retain(|earlier| {
            !earlier.has_same_form(&learned) && earlier.valid_until.is_none_or(|until| now <= until)
        });
        for earlier in known.iter_mut().filter(|earlier| earlier.valid_until.is_none()) {
            earlier.valid_until = Some(now + OVERLAP);
        }
        known.insert(0, learned);
        known.truncate(MAX_REFERENCES);
    }

    /// Adds a reference that is valid for a while only.
    pub fn add_temporary(&mut self, revision: &str, learned: ProxyReference, now: i64) {
        let learned = ProxyReference { valid_until: Some(now + OVERLAP), ..learned };
        self.0.insert(revision.to_owned(), vec![learned]);
    }

    /// Adds every reference of `other`, as the older ones.
    pub fn extend(&mut self, other: &Self) {
        for (revision, references) in &other.0 {
            self.0.entry(revision.clone()).or_default().extend(references.iter().cloned());
        }
    }

    /// Removes revisions for which `is_used` is false.
    pub fn retain(&mut self, is_used: impl Fn(&str) -> bool) {
        self.0.retain(|revision, _| is_used(revision));
    }
}

impl ProxyReference {
    /// True if the injector makes the same of a pod as when it was asked for `other`.
    pub fn has_same_form(&self, other: &Self) -> bool {
        self.forms() == other.forms()
    }

    fn forms(&self) -> [Option<&InjectedPod>; 3] {
        [&self.native, &self.classic, &self.gateway].map(Option::as_ref)
    }

    /// Returns the network of the mesh in which the injector places pods, if it has a name.
    pub fn network(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Variable {
            value: String,
        }

        let mut containers = self.forms().into_iter().flatten().flat_map(InjectedPod::all_containers);
        let variable =
            containers.find_map(|container| container.field("env")?.named("ISTIO_META_NETWORK").next())?;
        serde_json::from_str(variable.raw.get()).ok().map(|Variable { value }| value)
    }

    /// Returns the volume of this name in each form.
    pub fn volumes<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r InjectedObject> {
        let volumes = self.forms().into_iter().flatten().flat_map(|pod| &pod.volumes);
        volumes.filter(move |volume| volume.name == name)
    }

    /// Returns the fields in which `newer` differs, with both values.
    pub fn differences(&self, newer: &Self) -> Vec<String> {
        let pods = self.forms().into_iter().zip(newer.forms()).filter_map(|(old, new)| old.zip(new));
        let mut found: Vec<String> = pods.flat_map(|(old, new)| old.differences(new)).collect();
        found.sort();
        found.dedup();
        found
    }
}

impl InjectedPod {
    pub fn all_containers(&self) -> impl Iterator<Item = &InjectedObject> {
        self.init_containers.iter().chain(&self.containers)
    }

    pub fn container(&self, name: &str) -> Option<&InjectedObject> {
        self.all_containers().find(|container| container.name == name)
    }

    fn differences(&self, newer: &Self) -> Vec<String> {
        let named = |pod: &Self| -> BTreeMap<String, InjectedObject> {
            pod.all_containers()
                .chain(&pod.volumes)
                .map(|object| (object.name.clone(), object.clone()))
                .collect()
        };
        let (old, new) = (named(self), named(newer));
        let mut found = Vec::new();
        for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
            match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) => found.extend(old.differences(new)),
                (Some(_), None) => found.push(format!("{name}: removed")),
                (None, _) => found.push(format!("{name}: added")),
            }
        }
        found
    }
}

impl InjectedObject {
    pub fn field(&self, name: &str) -> Option<&InjectedField> {
        self.fields.get(name)
    }

    /// Returns the fields, apart from `name`.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &InjectedField)> {
        self.fields.iter().map(|(name, field)| (name.as_str(), field))
    }

    /// Returns the resources of a container.
    pub fn resources(&self) -> Resources {
        let written = self.field("resources").and_then(|field| serde_json::from_str(field.raw.get()).ok());
        written.unwrap_or_default()
    }

    /// Returns a field that is a text.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.field(name)?.raw.get()).ok()
    }

    fn differences(&self, newer: &Self) -> Vec<String> {
        let names =
            self.fields.keys().chain(newer.fields.keys().filter(|name| !self.fields.contains_key(*name)));
        let text =
            |field: Option<&InjectedField>| field.map_or("nothing", |field| field.raw.get()).to_owned();
        let difference = |name: &String| {
            let (old, new) = (self.fields.get(name), newer.fields.get(name));
            (old != new).then(|| format!("{}.{name}: {} is now {}", self.name, text(old), text(new)))
        };
        names.filter_map(difference).collect()
    }
}

impl Resources {
    /// Returns what a quota with this key counts of the container. The outer `None` stands for a quota that counts something
    /// else.
    pub fn counted_by(&self, quota: &str) -> Option<Option<&String>> {
        if let Some(resource) = quota.strip_prefix("limits.") {
            return Some(self.limits.get(resource));
        }
        let resource =
            quota.strip_prefix("requests.").or(["cpu", "memory"].contains(&quota).then_some(quota))?;
        // A request that is not set is the limit.
        Some(self.requests.get(resource).or_else(|| self.limits.get(resource)))
    }
}

impl InjectedField {
    /// True if the field has this value, in these bytes.
    pub fn is_written_as(&self, written: &RawValue) -> bool {
        self.raw.get() == written.get()
    }

    /// True if the field has this value.
    pub fn is(&self, written: &RawValue) -> bool {
        is_same(&self.raw, written)
    }

    /// Returns the elements with this name.
    pub fn named<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f InjectedElement> {
        self.elements.iter().filter(move |element| element.name.as_deref() == Some(name))
    }
}

impl InjectedElement {
    /// True if the element has this value, in these bytes.
    pub fn is_written_as(&self, written: &RawValue) -> bool {
        self.raw.get() == written.get()
    }

    /// True if the element has this value.
    pub fn is(&self, written: &RawValue) -> bool {
        is_same(&self.raw, written)
    }
}

/// True if two values are the same. The API server writes both with the same bytes; a file may differ in order and
/// white space.
fn is_same(known: &RawValue, written: &RawValue) -> bool {
    let parse = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
    known.get() == written.get() || parse(known).is_some_and(|known| parse(written) == Some(known))
}

impl PartialEq for InjectedField {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.raw)
    }
}

impl PartialEq for InjectedObject {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.fields == other.fields
    }
}

impl Eq for InjectedObject {}

impl<'de> Deserialize<'de> for InjectedObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = BTreeMap::<String, Box<RawValue>>::deserialize(deserializer)?;
        let name = fields.remove("name").ok_or_else(|| serde::de::Error::missing_field("name"))?;
        let name = serde_json::from_str(name.get()).map_err(serde::de::Error::custom)?;
        let fields = fields.into_iter().map(|(field, raw)| (field, InjectedField::new(raw))).collect();
        Ok(Self { name, fields })
    }
}

impl Serialize for InjectedObject {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = serde_json::value::to_raw_value(&self.name).map_err(serde::ser::Error::custom)?;
        let fields = self.fields.iter().map(|(field, value)| (field.as_str(), &value.raw));
        serializer.collect_map(std::iter::once(("name", &name)).chain(fields))
    }
}

impl InjectedField {
    fn new(raw: Box<RawValue>) -> Self {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }

        let elements: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
        let element = |raw: Box<RawValue>| InjectedElement {
            name: serde_json::from_str(raw.get()).ok().map(|Named { name }| name),
            raw,
        };
        Self { raw, elements: elements.into_iter().map(element).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(image: &str) -> ProxyReference {
        let pod =
            format!(r#"{{"containers":[{{"name":"istio-proxy","image":"{image}","args":["proxy"]}}]}}"#);
        ProxyReference { classic: serde_json::from_str(&pod).ok(), ..ProxyReference::default() }
    }

    #[test]
    fn earlier_reference_stays_valid_for_a_while() {
        let mut references = ProxyReferences::default();
        references.add("default", reference("one"), 0);
        references.add("default", reference("two"), 100);
        references.add("default", reference("two"), 200);
        let images = |now| -> Vec<_> {
            let pods = references.valid("default", now).filter_map(|known| known.classic.as_ref());
            pods.filter_map(|pod| pod.container("istio-proxy")?.text("image")).collect()
        };
        assert_eq!(images(700), ["two", "one"]);
        assert_eq!(images(701), ["two"]);
        assert_eq!(references.valid("canary", 0).count(), 0);

        let data = references.to_data().unwrap_or_default();
        assert_eq!(ProxyReferences::from_data(&data), Ok(references));
    }

    #[test]
    fn differences_name_fields_and_values() {
        let difference = r#"istio-proxy.image: "one" is now "two""#;
        assert_eq!(reference("one").differences(&reference("two")), [difference]);
    }
}
