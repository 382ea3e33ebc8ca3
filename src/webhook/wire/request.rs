use std::fmt;

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{API_VERSION, KIND};
use crate::kinds::Kind;
use crate::policy::object::{JsonStr, Stage};
use crate::policy::{ReadObject, Review, ReviewObject, kind_to_read};
use crate::snapshot::{Snapshot, User};

/// A review, with the uid that its answer must carry.
#[derive(Debug)]
pub struct Envelope<'a> {
    uid: JsonStr<'a>,
    resource: GroupResource<'a>,
    subresource: Option<JsonStr<'a>>,
    namespace: Option<JsonStr<'a>>,
    name: Option<JsonStr<'a>>,
    operation: JsonStr<'a>,
    is_dry_run: bool,
    user_info: UserInfo<'a>,
    object: Option<Object<'a>>,
    old_object: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct GroupResource<'a> {
    #[serde(borrow)]
    group: JsonStr<'a>,
    #[serde(borrow)]
    resource: JsonStr<'a>,
}

#[derive(Debug, Deserialize)]
struct UserInfo<'a> {
    #[serde(borrow, default)]
    username: Option<JsonStr<'a>>,
    #[serde(borrow, default)]
    groups: Option<Vec<JsonStr<'a>>>,
}

#[derive(Debug)]
enum Object<'a> {
    Raw(&'a RawValue),
    /// An object that was read with the review, and the JSON text that begins with it.
    Read(Box<ReadObject<'a>>, &'a str),
}

/// Error of a request that is not a review, and so cannot be answered with one.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error("not an AdmissionReview: {}", json(.0))]
    Json(#[from] serde_json::Error),
    #[error("not an AdmissionReview: {0}")]
    Utf8(#[from] std::str::Utf8Error),
    #[error("not an AdmissionReview of admission.k8s.io/v1")]
    OtherKind,
}

/// Describes the position of a JSON error, without the text at that position.
fn json(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}

/// Reads the envelope of a review. An object of most kinds in a tenant's namespace, as `snapshot` has it, is read in the
/// same pass if the fields have an API server's order. Any other object stays raw JSON.
pub fn read<'a>(bytes: &'a [u8], snapshot: Option<&Snapshot>) -> Result<Envelope<'a>, ReviewError> {
    let text = std::str::from_utf8(bytes)?;
    let read = |snapshot| {
        let mut json = serde_json::Deserializer::from_str(text);
        let envelope = json.deserialize_map(AdmissionReview { text, snapshot })?;
        json.end().map(|()| envelope)
    };
    // An unreadable object in a readable envelope is refused by a review.
    let with_object = snapshot.and_then(|snapshot| read(Some(snapshot)).ok());
    with_object.map_or_else(|| read(None), Ok)?.ok_or(ReviewError::OtherKind)
}

impl Envelope<'_> {
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Returns the name of the object; `None` if the API server is about to make one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }

    /// True if the API server stores nothing.
    pub fn is_dry_run(&self) -> bool {
        self.is_dry_run
    }

    /// Returns the review to judge, at the current time.
    pub fn review(&self) -> Review<'_> {
        Review {
            operation: &self.operation,
            group: &self.resource.group,
            resource: &self.resource.resource,
            subresource: self.subresource.as_deref().unwrap_or_default(),
            namespace: self.namespace.as_deref().unwrap_or_default(),
            is_in_unowned_namespace: false,
            user: User {
                name: self.user_info.username.as_deref().unwrap_or_default(),
                groups: self.user_info.groups.iter().flatten().map(|group| &**group).collect(),
            },
            stage: Stage::Mutated,
            time: Timestamp::now().as_second(),
            object: self.object.as_ref().map(|object| match object {
                Object::Raw(raw) => ReviewObject::Raw(raw),
                Object::Read(object, text) => ReviewObject::Read(object, text),
            }),
            old_object: self.old_object,
        }
    }
}

/// Visits an `AdmissionReview`. Its value is `None` if it is of another kind or version.
struct AdmissionReview<'de, 's> {
    text: &'de str,
    snapshot: Option<&'s Snapshot>,
}

impl<'de> Visitor<'de> for AdmissionReview<'de, '_> {
    type Value = Option<Envelope<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an AdmissionReview")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (mut api_version, mut kind, mut request) =
            (Field::new("apiVersion"), Field::new("kind"), Field::new("request"));
        while let Some(key) = map.next_key::<JsonStr<'de>>()? {
            match &*key {
                "apiVersion" => api_version.set(map.next_value::<JsonStr<'de>>()?)?,
                "kind" => kind.set(map.next_value::<JsonStr<'de>>()?)?,
                "request" => request.set(
                    map.next_value_seed(AdmissionRequest { text: self.text, snapshot: self.snapshot })?,
                )?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let is_known = *api_version.required()? == *API_VERSION && *kind.required()? == *KIND;
        Ok(Some(request.required()?).filter(|_| is_known))
    }
}

/// Reads the request of a review.
struct AdmissionRequest<'de, 's> {
    text: &'de str,
    snapshot: Option<&'s Snapshot>,
}

impl<'de> DeserializeSeed<'de> for AdmissionRequest<'de, '_> {
    type Value = Envelope<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AdmissionRequest<'de, '_> {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an admission request")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut uid = Field::new("uid");
        let mut resource = Field::<GroupResource<'de>>::new("resource");
        let mut subresource = Field::<Option<JsonStr<'de>>>::new("subResource");
        let mut namespace = Field::<Option<JsonStr<'de>>>::new("namespace");
        let mut name = Field::<Option<JsonStr<'de>>>::new("name");
        let mut operation = Field::<JsonStr<'de>>::new("operation");
        let mut dry_run = Field::<Option<bool>>::new("dryRun");
        let mut user_info = Field::new("userInfo");
        let mut object = Field::new("object");
        let mut old_object = Field::new("oldObject");
        while let Some(key) = map.next_key::<JsonStr<'de>>()? {
            match &*key {
                "uid" => uid.set(map.next_value()?)?,
                "resource" => resource.set(map.next_value()?)?,
                "subResource" => subresource.set(map.next_value()?)?,
                "namespace" => namespace.set(map.next_value()?)?,
                "name" => name.set(map.next_value()?)?,
                "operation" => operation.set(map.next_value()?)?,
                "dryRun" => dry_run.set(map.next_value()?)?,
                "userInfo" => user_info.set(map.next_value()?)?,
                "oldObject" => old_object.set(map.next_value::<Option<&'de RawValue>>()?)?,
                "object" => {
                    let announced = Review {
                        operation: operation.get().map_or("", |operation| operation),
                        group: resource.get().map_or("", |resource| &resource.group),
                        resource: resource.get().map_or("", |resource| &resource.resource),
                        subresource: subresource.get().and_then(Option::as_deref).unwrap_or_default(),
                        namespace: namespace.get().and_then(Option::as_deref).unwrap_or_default(),
                        ..Review::default()
                    };
                    let kind = self.snapshot.and_then(|snapshot| kind_to_read(&announced, snapshot));
                    object.set(match kind {
                        Some(kind) => {
                            let read = Box::new(map.next_value_seed(ObjectOf(kind))?);
                            Some(Object::Read(read, text_after(self.text, &key)?))
                        }
                        None => map.next_value::<Option<&'de RawValue>>()?.map(Object::Raw),
                    })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        // The API server sends `null` for an absent object.
        Ok(Envelope {
            uid: uid.required()?,
            resource: resource.required()?,
            subresource: subresource.optional(),
            namespace: namespace.optional(),
            name: name.optional(),
            operation: operation.required()?,
            is_dry_run: dry_run.optional().unwrap_or_default(),
            user_info: user_info.required()?,
            object: object.optional(),
            old_object: old_object.optional(),
        })
    }
}

/// Reads an object of this kind.
struct ObjectOf(Kind);

impl<'de> DeserializeSeed<'de> for ObjectOf {
    type Value = ReadObject<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        ReadObject::deserialize(self.0, deserializer, Stage::Mutated)
    }
}

/// Returns the text from the value of `key`, which is a part of `text`.
fn text_after<'a, E: Error>(text: &'a str, key: &str) -> Result<&'a str, E> {
    let start = key.as_ptr().addr().checked_sub(text.as_ptr().addr());
    let rest = start.and_then(|start| text.get(start + key.len()..));
    let value = rest.and_then(|rest| rest.strip_prefix('"')?.trim_start().strip_prefix(':'));
    value.map(str::trim_start).ok_or_else(|| E::custom("a key with escapes"))
}

/// A field of a JSON object, which may occur once.
struct Field<T> {
    name: &'static str,
    value: Option<T>,
}

impl<T> Field<T> {
    fn new(name: &'static str) -> Self {
        Self { name, value: None }
    }

    fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    fn set<E: Error>(&mut self, value: T) -> Result<(), E> {
        match self.value.replace(value) {
            None => Ok(()),
            Some(_) => Err(E::duplicate_field(self.name)),
        }
    }

    fn required<E: Error>(self) -> Result<T, E> {
        self.value.ok_or_else(|| E::missing_field(self.name))
    }
}

impl<T> Field<Option<T>> {
    fn optional(self) -> Option<T> {
        self.value.flatten()
    }
}
