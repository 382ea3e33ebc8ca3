use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Text;
use super::text::nullable;

/// A container, as far as rules read it.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Container<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub image: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub command: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub args: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub restart_policy: Option<Text<'a>>,
    #[serde(default)]
    pub working_dir: Option<IgnoredAny>,
    #[serde(default)]
    pub env_from: Option<IgnoredAny>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub lifecycle: Lifecycle<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub startup_probe: Handler<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub readiness_probe: Handler<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub liveness_probe: Handler<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub security_context: SecurityContext<'a>,
}

/// What the kubelet runs in a container beside its command.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub post_start: Handler<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub pre_stop: Handler<'a>,
}

/// A probe or a hook, as far as it runs a program.
#[derive(Debug, Default, Deserialize, PartialEq)]
pub struct Handler<'a> {
    #[serde(borrow, default)]
    pub exec: Option<Exec<'a>>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct Exec<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub command: Vec<Text<'a>>,
}

/// What of a container's security context rules read.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecurityContext<'a> {
    #[serde(default)]
    pub run_as_user: Option<i64>,
    #[serde(default)]
    pub privileged: Option<bool>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub capabilities: Capabilities<'a>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
pub struct Capabilities<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub add: Vec<Text<'a>>,
}

impl<'a> Container<'a> {
    /// Every program the kubelet runs in it beside its command, and the fields that say so.
    pub fn programs(&self) -> impl Iterator<Item = (&'static [&'static str], &[Text<'a>])> {
        const EXEC: [&[&str]; 5] = [
            &["lifecycle", "postStart", "exec"],
            &["lifecycle", "preStop", "exec"],
            &["startupProbe", "exec"],
            &["readinessProbe", "exec"],
            &["livenessProbe", "exec"],
        ];
        let Lifecycle { post_start, pre_stop } = &self.lifecycle;
        let handlers =
            [post_start, pre_stop, &self.startup_probe, &self.readiness_probe, &self.liveness_probe];
        EXEC.into_iter()
            .zip(handlers)
            .filter_map(|(fields, handler)| Some((fields, handler.exec.as_ref()?.command.as_slice())))
    }
}

impl SecurityContext<'_> {
    /// Whether it grants what an ordinary process does not have.
    pub fn is_more_than_a_user(&self) -> bool {
        self.privileged == Some(true) || !self.capabilities.add.is_empty()
    }
}
