use kube::api::{DynamicObject, ListParams};
use kube::core::Request;
use kube::{Client, Resource as _};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::policy::kind::{Resource, Kind};
use crate::policy::rules::SERVICE_ACCOUNT_TOKEN;
use crate::sources::api_resource;

/// How many objects are held at once.
const PAGE: u32 = 200;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(default)]
    metadata: ListMetadata,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

/// Lists what is written through `resource`, in one namespace or in all, and hands every page to `take`.
pub(super) async fn each_page(
    client: &Client,
    resource: &Resource,
    namespace: Option<&str>,
    mut take: impl FnMut(&[&RawValue]),
) -> Result<(), kube::Error> {
    let request = Request::new(DynamicObject::url_path(&api_resource(resource), namespace));
    let mut parameters = ListParams::default().limit(PAGE);
    if resource.kind == Kind::Secret {
        parameters = parameters.fields(&format!("type={SERVICE_ACCOUNT_TOKEN}"));
    }
    loop {
        let asked = request.list(&parameters).map_err(kube::Error::BuildRequest)?;
        let next = match client.request_text(asked).await {
            Ok(text) => {
                let list: List<'_> = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
                take(&list.items);
                list.metadata.next
            }
            // The list has changed too much since it began: it goes on from here as it is now.
            Err(kube::Error::Api(status)) if status.code == 410 && parameters.continue_token.is_some() => {
                let next = status.metadata.as_ref().and_then(|metadata| metadata.continue_.clone());
                if next.is_none() {
                    return Err(kube::Error::Api(status));
                }
                next
            }
            Err(error) => return Err(error),
        };
        match next.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(()),
        }
    }
}
