//! Builds a snapshot, or settings, from YAML files.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde::Deserialize;
use serde_path_to_error::Segment;

use super::follow::{API_SERVERS, DNS_NAMESPACE, read_addresses, read_api_servers, read_namespace};
use super::yaml::{self, Document};
use crate::api;
use crate::settings::{self, Settings};
use crate::snapshot::{Exemption, ClusterState, Namespace, RESERVED_NAMES_CONFIG_MAP, ReservedNames, SharedService, Tenant, Snapshot};

/// A document, with its file.
#[derive(Debug)]
pub struct Found {
    pub file: PathBuf,
    pub document: Document,
}

/// Error in the files of a snapshot or of settings.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    #[error("{}: {error}", file.display())]
    Unreadable { file: PathBuf, error: std::io::Error },
    #[error("{}: {error}", file.display())]
    Yaml { file: PathBuf, error: Box<yaml::Invalid> },
    #[error("{}:{line}:{column}: {what}: {error}", file.display())]
    Object { file: PathBuf, line: u64, column: u64, what: &'static str, error: String },
    #[error("{}: no document of `kind: Settings` and `apiVersion: bulkhead.dev/v1alpha1`", file.display())]
    NoSettings { file: PathBuf },
    #[error("{}:{line}: duplicate Settings; a cluster has exactly one", file.display())]
    TwoSettings { file: PathBuf, line: u64 },
}

/// Returns every document in `paths`: files, folders (the `.yaml`, `.yml` and `.json` files below them), and `-` for
/// stdin.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Found>, Invalid> {
    let mut found = Vec::new();
    for path in paths {
        read_path(path, &mut found)?;
    }
    Ok(found)
}

fn read_path(path: &Path, found: &mut Vec<Found>) -> Result<(), Invalid> {
    let unreadable = |error| Invalid::Unreadable { file: path.to_owned(), error };
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(unreadable)?;
        let mut below =
            entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        below.sort();
        let is_manifest = |path: &Path| {
            path.extension()
                .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
        };
        return below
            .iter()
            .filter(|path| path.is_dir() || is_manifest(path))
            .try_for_each(|path| read_path(path, found));
    }
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
    } else {
        text = std::fs::read_to_string(path).map_err(unreadable)?;
    }
    let documents =
        yaml::read(&text).map_err(|error| Invalid::Yaml { file: path.to_owned(), error: Box::new(error) })?;
    found.extend(documents.into_iter().map(|document| Found { file: path.to_owned(), document }));
    Ok(())
}

/// Returns the settings in one file. An error names the line.
pub fn settings(path: &Path) -> Result<Settings, Invalid> {
    let found = read(&[path.to_owned()])?;
    settings_among(&found)?.ok_or_else(|| Invalid::NoSettings { file: path.to_owned() })
}

/// Builds the snapshot that `found` describes: Bulkhead's kinds, Namespaces, reserved names, Settings, and the
/// objects that have the addresses of the API servers and of DNS. Ignores all other documents.
pub fn snapshot<'f>(found: impl IntoIterator<Item = &'f Found> + Clone) -> Result<Snapshot, Invalid> {
    let settings = settings_among(found.clone())?.unwrap_or_default();
    let mut state = ClusterState::default();
    let mut namespaces = BTreeMap::new();
    for file in found {
        let name = file.document.text(&["metadata", "name"]).unwrap_or_default().to_owned();
        let within = file.document.text(&["metadata", "namespace"]).unwrap_or_default();
        match (file.group(), file.document.text(&["kind"])) {
            (Some(api::GROUP), Some("Tenant")) => {
                state.tenants.push(Arc::new(Tenant::new(name, 0, file.parse::<Written<_>>("Tenant")?.spec)));
            }
            (Some(api::GROUP), Some("SharedService")) => {
                state
                    .shared_services
                    .push(SharedService::new(name, file.parse::<Written<_>>("SharedService")?.spec));
            }
            (Some(api::GROUP), Some("Exemption")) => {
                let exemption = Exemption::new(name, file.parse::<Written<_>>("Exemption")?.spec);
                state.exemptions.push(exemption.map_err(|error| file.invalid("Exemption", "", &error))?);
            }
            (Some(""), Some("ConfigMap")) if name == RESERVED_NAMES_CONFIG_MAP => {
                let map: core::ConfigMap = file.parse("ConfigMap")?;
                state.reserved_names = ReservedNames::from_data(&map.data.unwrap_or_default());
            }
            (Some(""), Some("Namespace")) => {
                let namespace: core::Namespace = file.parse("Namespace")?;
                let written = read_namespace(&namespace);
                let known: &mut Namespace = namespaces.entry(name).or_default();
                // A manifest without the tenant label keeps the label of an earlier one, because the webhook would
                // add it. A namespace without a status counts as ready, because a file describes the wanted state, in
                // which the baseline is applied.
                *known = Namespace {
                    tenant: written.tenant.clone().or(known.tenant.take()),
                    ready: written.ready || namespace.status.is_none(),
                    ..written
                };
            }
            (Some("discovery.k8s.io"), Some("EndpointSlice")) if (within, name.as_str()) == API_SERVERS => {
                let slice: EndpointSlice = file.parse("EndpointSlice")?;
                state.endpoints.api_servers.extend(read_api_servers(&slice));
            }
            (Some(""), Some("Service"))
                if within == DNS_NAMESPACE && settings.dns_services.contains(&name) =>
            {
                state.endpoints.dns.extend(read_addresses(&file.parse("Service")?));
            }
            _ => {}
        }
    }
    let shared = |(name, namespace): (String, Namespace)| (name.into(), Arc::new(namespace));
    state.namespaces = namespaces.into_iter().map(shared).collect();
    Ok(Snapshot::new(Arc::new(settings), state))
}

#[derive(Deserialize)]
struct Written<S> {
    spec: S,
}

fn settings_among<'f>(found: impl IntoIterator<Item = &'f Found>) -> Result<Option<Settings>, Invalid> {
    let mut settings = None;
    for file in found.into_iter().filter(|file| file.is_settings()) {
        let line = file.document.line("");
        if settings.is_some() {
            return Err(Invalid::TwoSettings { file: file.file.clone(), line });
        }
        let written: settings::File = file.parse("Settings")?;
        settings = Some(Settings::try_from(written).map_err(|error| file.invalid("Settings", "", &error))?);
    }
    Ok(settings)
}

impl Found {
    /// Returns the API group, empty for the core group; `None` if the document is not an object.
    pub fn group(&self) -> Option<&str> {
        let version = self.document.text(&["apiVersion"])?;
        Some(version.rsplit_once('/').map_or("", |(group, _)| group))
    }

    pub fn is_settings(&self) -> bool {
        self.group() == Some(api::GROUP) && self.document.text(&["kind"]) == Some("Settings")
    }

    fn parse<'a, T: Deserialize<'a>>(&'a self, what: &'static str) -> Result<T, Invalid> {
        let mut json = serde_json::Deserializer::from_str(self.document.json.get());
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let pointer: String = error.path().iter().fold(String::new(), |pointer, step| match step {
                Segment::Seq { index } => format!("{pointer}/{index}"),
                Segment::Map { key } => format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
                Segment::Enum { .. } | Segment::Unknown => pointer,
            });
            let message = error.inner().to_string();
            // The position in our JSON does not help the reader of the file.
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            self.invalid(what, &pointer, &format!("{}: {message}", error.path()))
        })
    }

    fn invalid(&self, what: &'static str, pointer: &str, error: &dyn std::fmt::Display) -> Invalid {
        let (line, column) = self.document.place(pointer);
        Invalid::Object { file: self.file.clone(), line, column, what, error: error.to_string() }
    }
}
