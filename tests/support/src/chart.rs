//! Helm charts of tenants' applications.

use std::fs;
use std::path::PathBuf;

use bulkhead_harness::cluster::folder;
use serde_json::{Value, json};

use crate::objects::changed;

/// A chart `web` of these objects, for the namespace of the release. The value `image` is that of the first container of a
/// Deployment.
pub fn chart(objects: &[Value]) -> PathBuf {
    let folder = folder("chart").unwrap();
    fs::create_dir(folder.join("templates")).unwrap();
    fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: web\nversion: 0.1.0\n").unwrap();
    fs::write(folder.join("values.yaml"), "image: registry.example.com/app:1\n").unwrap();
    for object in objects {
        let object = changed(object.clone(), |object| {
            object["metadata"]["namespace"] = json!("{{ .Release.Namespace }}");
            if let Some(image) = object.pointer_mut("/spec/template/spec/containers/0/image") {
                *image = json!("{{ .Values.image }}");
            }
        });
        let name = object["kind"].as_str().unwrap().to_lowercase();
        fs::write(folder.join(format!("templates/{name}.yaml")), object.to_string()).unwrap();
    }
    folder
}
