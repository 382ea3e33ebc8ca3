//! Calls of the API server without kubectl, for tests that make thousands.

use bulkhead_harness::kubectl::Kubectl;
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Client, Config};
use serde_json::Value;

/// A client as an administrator.
pub async fn client(admin: &Kubectl) -> Client {
    Client::try_from(config(admin).await).unwrap()
}

/// A client as a user in these groups, whom the administrator impersonates.
pub async fn client_as(admin: &Kubectl, user: &str, groups: &[&str]) -> Client {
    let mut config = config(admin).await;
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups = Some(groups.iter().map(ToString::to_string).collect());
    Client::try_from(config).unwrap()
}

/// A request with a body of JSON; without one if it is `null`.
pub fn request(method: &str, path: &str, media: &str, body: &Value) -> Request<Vec<u8>> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let head = Request::builder().method(method).uri(path);
    head.header("content-type", format!("application/{media}")).body(body).unwrap()
}

/// The object in the answer, or the refusal.
pub async fn call(client: &Client, request: Request<Vec<u8>>) -> Result<Value, Box<Status>> {
    client.request(request).await.map_err(|error| match error {
        kube::Error::Api(status) => status,
        other => panic!("{other}"),
    })
}

async fn config(admin: &Kubectl) -> Config {
    let kubeconfig = Kubeconfig::read_from(&admin.kubeconfig).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}
