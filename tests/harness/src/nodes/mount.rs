use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{list, text};
use crate::kubectl::Kubectl;

/// The mount of an account's token, which the admission of the API server adds.
const TOKEN_MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A ConfigMap or Secret in the file system of a container.
pub(super) struct Mount {
    /// `configmap` or `secret`, and its name.
    source: [String; 2],
    /// Each key with the name of its file; all keys if it is empty.
    items: Vec<[String; 2]>,
    /// The path in the container, with a slash at its end, and the folder that takes its place.
    path: String,
    folder: PathBuf,
}

/// The mounts of a container, apart from its account's token.
pub(super) fn of_container(spec: &Value, container: &Value, folder: &Path) -> Result<Vec<Mount>> {
    let mounts = list(&container["volumeMounts"]).filter(|mount| mount["mountPath"] != TOKEN_MOUNT);
    let read = |mount: &Value| {
        let name = text(&mount["name"])?;
        let volume = list(&spec["volumes"]).find(|volume| volume["name"] == name);
        let volume = volume.with_context(|| format!("there is no volume `{name}`"))?;
        let (kind, source) = match (&volume["configMap"], &volume["secret"]) {
            (Value::Object(_), _) => ("configmap", &volume["configMap"]["name"]),
            (_, Value::Object(_)) => ("secret", &volume["secret"]["secretName"]),
            _ => bail!("the volume `{name}` is neither a ConfigMap nor a Secret"),
        };
        let items = list(&volume["configMap"]["items"]).chain(list(&volume["secret"]["items"]));
        Ok(Mount {
            source: [kind.to_owned(), text(source)?],
            items: items
                .map(|item| Ok([text(&item["key"])?, text(&item["path"])?]))
                .collect::<Result<_>>()?,
            path: format!("{}/", text(&mount["mountPath"])?),
            folder: folder.join(name),
        })
    };
    mounts.map(read).collect()
}

impl Mount {
    /// The path that takes the place of a path in the container, if that is in this mount.
    pub(super) fn path(&self, path: &str) -> Option<PathBuf> {
        Some(self.folder.join(path.strip_prefix(&self.path)?))
    }

    /// Writes the files that have changed.
    pub(super) fn write(&self, admin: &Kubectl, namespace: &str) -> Result<()> {
        let [kind, name] = &self.source;
        let shown = admin.ok(&["get", kind, name, "-n", namespace, "-o", "json"])?;
        let object: Value = serde_json::from_str(&shown)?;
        fs::create_dir_all(&self.folder)?;
        for (key, value) in object["data"].as_object().into_iter().flatten() {
            let item = self.items.iter().find(|[item, _]| item == key);
            if item.is_none() && !self.items.is_empty() {
                continue;
            }
            let value = text(value)?;
            let bytes = if kind == "secret" { STANDARD.decode(value)? } else { value.into_bytes() };
            let file = self.folder.join(item.map_or(key, |[_, path]| path));
            if fs::read(&file).ok().as_ref() != Some(&bytes) {
                // As a kubelet does, so that no reader sees half a file.
                let unfinished = file.with_extension("unfinished");
                fs::write(&unfinished, bytes)?;
                fs::rename(unfinished, file)?;
            }
        }
        Ok(())
    }
}
