//! Builds a snapshot, or settings, from YAML files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde::Deserialize;
use serde_path_to_error::Segment;

use super::watch::{API_SERVERS, read_addresses, read_api_servers, read_namespace};
use super::yaml::{self, Document};
use crate::api;
use crate::policy::rules::check_modes;
use crate::settings::{self, Settings};
use crate::snapshot::{
    ClusterState, Exemption, Namespace, PROXY_REFERENCES_CONFIG_MAP, ProxyReferences, ReservedNames,
    SharedService, Snapshot, Tenant,
};

/// A document, with its file.
#[derive(Debug)]
pub struct SourceDocument {
    pub file: PathBuf,
    pub yaml: Document,
}

/// Error in the files of a snapshot or of settings.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{}: {error}", file.display())]
    Unreadable { file: PathBuf, error: std::io::Error },
    #[error("{}: {error}", file.display())]
    Yaml { file: PathBuf, error: Box<yaml::ParseError> },
    #[error("{}:{line}:{column}: {kind}: {error}", file.display())]
    Object { file: PathBuf, line: u64, column: u64, kind: &'static str, error: String },
    #[error("{}: no document of `kind: Settings` and `apiVersion: bulkhead.dev/v1alpha1`", file.display())]
    NoSettings { file: PathBuf },
    #[error("{}:{line}: duplicate Settings; a cluster has exactly one", file.display())]
    DuplicateSettings { file: PathBuf, line: u64 },
}

/// Returns every document in `paths`: files, folders (the `.yaml`, `.yml` and `.json` files below them), and `-` for
/// stdin.
pub fn read(paths: &[PathBuf]) -> Result<Vec<SourceDocument>, ReadError> {
    let mut documents = Vec::new();
    for path in paths {
        read_path(path, &mut documents)?;
    }
    Ok(documents)
}

fn read_path(path: &Path, documents: &mut Vec<SourceDocument>) -> Result<(), ReadError> {
    let unreadable = |error| ReadError::Unreadable { file: path.to_owned(), error };
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(unreadable)?;
        let mut entries =
            entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        entries.sort();
        let is_manifest = |path: &Path| {
            path.extension()
                .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
        };
        return entries
            .iter()
            .filter(|path| path.is_dir() || is_manifest(path))
            .try_for_each(|path| read_path(path, documents));
    }
    documents.extend(parse(&text(path)?, path)?);
    Ok(())
}

/// Returns the text of a file, or of stdin for `-`.
pub fn text(path: &Path) -> Result<String, ReadError> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| ReadError::Unreadable { file: path.to_owned(), error })
}

/// Returns the documents in the text of a file.
fn parse(text: &str, file: &Path) -> Result<Vec<SourceDocument>, ReadError> {
    let documents = yaml::read(text)
        .map_err(|error| ReadError::Yaml { file: file.to_owned(), error: Box::new(error) })?;
    Ok(documents.into_iter().map(|yaml| SourceDocument { file: file.to_owned(), yaml }).collect())
}

/// Returns the settings in one file. An error names the line.
pub fn settings(path: &Path) -> Result<Settings, ReadError> {
    parse_settings(&text(path)?, path)
}

/// Returns the settings in the text of a file. An error names the line.
pub fn parse_settings(text: &str, file: &Path) -> Result<Settings, ReadError> {
    find_settings(&parse(text, file)?)?.ok_or_else(|| ReadError::NoSettings { file: file.to_owned() })
}

/// Builds the snapshot that `documents` describes: Bulkhead's kinds, Namespaces, reserved names, Settings, and the
/// objects that have the addresses of the API servers and of DNS. Ignores all other documents.
pub fn snapshot<'f>(
    documents: impl IntoIterator<Item = &'f SourceDocument> + Clone,
) -> Result<Snapshot, ReadError> {
    let settings = find_settings(documents.clone())?.unwrap_or_default();
    let mut state = ClusterState::default();
    let mut namespaces = BTreeMap::new();
    for document in documents {
        let name = document.yaml.text(&["metadata", "name"]).unwrap_or_default().to_owned();
        let namespace_name = document.yaml.text(&["metadata", "namespace"]).unwrap_or_default();
        match (document.group(), document.yaml.text(&["kind"])) {
            (Some(api::GROUP), Some("Tenant")) => {
                let terminating = document.yaml.text(&["metadata", "deletionTimestamp"]).is_some();
                let tenant = Tenant::new(name, 0, document.parse::<WithSpec<_>>("Tenant")?.spec);
                state.tenants.push(Arc::new(Tenant { terminating, ..tenant }));
            }
            (Some(api::GROUP), Some("SharedService")) => {
                state
                    .shared_services
                    .push(SharedService::new(name, document.parse::<WithSpec<_>>("SharedService")?.spec));
            }
            (Some(api::GROUP), Some("Exemption")) => {
                let exemption = Exemption::new(name, document.parse::<WithSpec<_>>("Exemption")?.spec);
                state.exemptions.push(exemption.map_err(|error| document.error("Exemption", "", &error))?);
            }
            (Some(""), Some("ConfigMap")) if ReservedNames::is_stored_in(&name) => {
                let map: core::ConfigMap = document.parse("ConfigMap")?;
                state.reserved_names.extend(ReservedNames::from_data(&map.data.unwrap_or_default()));
            }
            (Some(""), Some("ConfigMap")) if name == PROXY_REFERENCES_CONFIG_MAP => {
                let map: core::ConfigMap = document.parse("ConfigMap")?;
                let references = ProxyReferences::from_data(&map.data.unwrap_or_default());
                state.proxy_references =
                    references.map_err(|error| document.error("ConfigMap", "/data", &error))?;
            }
            (Some(""), Some("Namespace")) => {
                let namespace: core::Namespace = document.parse("Namespace")?;
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
            (Some("discovery.k8s.io"), Some("EndpointSlice"))
                if (namespace_name, name.as_str()) == API_SERVERS =>
            {
                let slice: EndpointSlice = document.parse("EndpointSlice")?;
                state.endpoints.api_servers.extend(read_api_servers(&slice));
            }
            (Some(""), Some("Service"))
                if namespace_name == settings.dns.namespace && settings.dns.services.contains(&name) =>
            {
                state.endpoints.dns.extend(read_addresses(&document.parse("Service")?));
            }
            _ => {}
        }
    }
    let by_name = |(name, namespace): (String, Namespace)| (name.into(), Arc::new(namespace));
    state.namespaces = namespaces.into_iter().map(by_name).collect();
    Ok(Snapshot::new(Arc::new(settings), state))
}

#[derive(Deserialize)]
struct WithSpec<S> {
    spec: S,
}

fn find_settings<'f>(
    documents: impl IntoIterator<Item = &'f SourceDocument>,
) -> Result<Option<Settings>, ReadError> {
    let mut settings = None;
    for document in documents.into_iter().filter(|document| document.is_settings()) {
        let line = document.yaml.line("");
        if settings.is_some() {
            return Err(ReadError::DuplicateSettings { file: document.file.clone(), line });
        }
        let written: settings::File = document.parse("Settings")?;
        let read = Settings::try_from(written).and_then(|read| check_modes(&read).map(|()| read));
        settings = Some(read.map_err(|error| document.error("Settings", "", &error))?);
    }
    Ok(settings)
}

impl SourceDocument {
    /// Returns the API group, empty for the core group; `None` if the document is not an object.
    pub fn group(&self) -> Option<&str> {
        let version = self.yaml.text(&["apiVersion"])?;
        Some(version.rsplit_once('/').map_or("", |(group, _)| group))
    }

    pub fn is_object(&self) -> bool {
        self.group().is_some() && self.yaml.text(&["kind"]).is_some()
    }

    pub fn is_settings(&self) -> bool {
        self.group() == Some(api::GROUP) && self.yaml.text(&["kind"]) == Some("Settings")
    }

    fn parse<'a, T: Deserialize<'a>>(&'a self, kind: &'static str) -> Result<T, ReadError> {
        let mut json = serde_json::Deserializer::from_str(self.yaml.json.get());
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let pointer: String = error.path().iter().fold(String::new(), |pointer, step| match step {
                Segment::Seq { index } => format!("{pointer}/{index}"),
                Segment::Map { key } => format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
                Segment::Enum { .. } | Segment::Unknown => pointer,
            });
            let message = error.inner().to_string();
            // The position in our JSON does not help the reader of the file.
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            self.error(kind, &pointer, &format!("{}: {message}", error.path()))
        })
    }

    fn error(&self, kind: &'static str, pointer: &str, error: &dyn std::fmt::Display) -> ReadError {
        let (line, column) = self.yaml.position(pointer);
        ReadError::Object { file: self.file.clone(), line, column, kind, error: error.to_string() }
    }
}
