//! The resources that istiod pushes to the ztunnel of a node.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Dataplane, ROOT, TOKEN};
use crate::components;

/// Every address and every AuthorizationPolicy, in the JSON form of the workload API.
#[derive(Debug)]
pub struct Pushed {
    pub addresses: Vec<Value>,
    pub policies: Vec<Value>,
}

impl Dataplane<'_> {
    /// Everything that istiod pushes to a client with the token of an account, which says that it is the ztunnel of a pod
    /// in the same namespace or in another one.
    pub fn pushed(&self, [namespace, account]: [&str; 2], claimed_namespace: &str) -> Result<Pushed> {
        let home = self.folder.join(format!("{account}.{namespace}"));
        let [root_file, token_file] = [ROOT, TOKEN].map(|file| home.join(file));
        if !token_file.exists() {
            for file in [&root_file, &token_file] {
                fs::create_dir_all(file.parent().context("a folder")?)?;
            }
            let root = ["get", "configmap", "istio-ca-root-cert", "-n", namespace];
            let root = [&root[..], &["-o", "jsonpath={.data.root-cert\\.pem}"]].concat();
            fs::write(&root_file, self.cluster.admin()?.ok(&root)?)?;
            let token = ["create", "token", account, "-n", namespace, "--audience=istio-ca"];
            fs::write(&token_file, self.node.ok(&token)?)?;
        }
        let output = Command::new(components::double()?)
            .args(["pushed", &format!("127.0.0.1:{}", self.discovery)])
            .args([&root_file, &token_file])
            .arg(format!("ztunnel.{claimed_namespace}"))
            .output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let mut printed: Value = serde_json::from_slice(&output.stdout).context("the double prints JSON")?;
        let mut part = |name: &str| match printed[name].take() {
            Value::Array(items) => Ok(items),
            other => bail!("{name}: {other}"),
        };
        Ok(Pushed { addresses: part("addresses")?, policies: part("policies")? })
    }
}
