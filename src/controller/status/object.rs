use kube::core::DeserializeGuard;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::condition::ConditionType;
use super::inputs::StatusInputs;
use crate::snapshot::Snapshot;

/// An object whose status the controller keeps current, as the snapshot has it.
pub(super) trait StatusObject: Sized + 'static {
    /// Its kind in the API.
    type Resource: kube::Resource<DynamicType = ()> + DeserializeOwned;

    const CONDITIONS: &'static [ConditionType<Self>];

    fn read(resource: DeserializeGuard<Self::Resource>) -> Result<Self, String>;

    /// True if the snapshot has this version of the object.
    fn is_in(&self, snapshot: &Snapshot) -> bool;

    /// Returns the fields that the status of the object `name` has beside its conditions.
    fn further_fields(_name: &str, _inputs: &StatusInputs<'_>) -> Map<String, Value> {
        Map::new()
    }
}
