//! Lists of stored objects, page by page.

use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::Request;
use kube::{Client, Resource as _};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The number of objects in memory at once.
const PAGE_SIZE: u32 = 200;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(default)]
    metadata: ListMetadata,
    /// `null` in a list of metadata without objects.
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    continue_token: Option<String>,
}

/// The part of each object that is listed.
enum Content {
    Whole,
    Metadata,
}

/// Lists the objects of `resource`, in one namespace or in all, that `parameters` select, and hands every page to
/// `handle`, whose error ends the list.
pub(crate) async fn each_page(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
    parameters: ListParams,
    handle: impl FnMut(&[&RawValue]) -> Result<(), serde_json::Error>,
) -> Result<(), kube::Error> {
    list(client, resource, namespace, parameters, Content::Whole, handle).await
}

/// Lists the objects without their spec and status.
pub(crate) async fn each_page_of_metadata(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
    parameters: ListParams,
    handle: impl FnMut(&[&RawValue]) -> Result<(), serde_json::Error>,
) -> Result<(), kube::Error> {
    list(client, resource, namespace, parameters, Content::Metadata, handle).await
}

async fn list(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
    parameters: ListParams,
    content: Content,
    mut handle: impl FnMut(&[&RawValue]) -> Result<(), serde_json::Error>,
) -> Result<(), kube::Error> {
    let request = Request::new(DynamicObject::url_path(resource, namespace));
    let mut parameters = parameters.limit(PAGE_SIZE);
    loop {
        let list_request = match content {
            Content::Whole => request.list(&parameters),
            Content::Metadata => request.list_metadata(&parameters),
        };
        let list_request = list_request.map_err(kube::Error::BuildRequest)?;
        let continue_token = match client.request_text(list_request).await {
            Ok(text) => {
                let list: List<'_> = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
                handle(&list.items.unwrap_or_default()).map_err(kube::Error::SerdeError)?;
                list.metadata.continue_token
            }
            // The list expired. The API server continues it with the current objects.
            Err(kube::Error::Api(status)) if status.code == 410 && parameters.continue_token.is_some() => {
                let continue_token = status.metadata.as_ref().and_then(|metadata| metadata.continue_.clone());
                if continue_token.is_none() {
                    return Err(kube::Error::Api(status));
                }
                continue_token
            }
            Err(error) => return Err(error),
        };
        match continue_token.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(()),
        }
    }
}
