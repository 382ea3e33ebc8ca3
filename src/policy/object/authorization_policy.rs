use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// Spec of an Istio AuthorizationPolicy, limited to its action, to the callers that it names, and to what ztunnel knows of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationPolicy<'a> {
    target_ref: Option<IgnoredAny>,
    #[serde(deserialize_with = "nullable")]
    target_refs: Vec<IgnoredAny>,
    #[serde(borrow)]
    action: Option<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    rules: Vec<CallRule<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CallRule<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    from: Vec<Origin<'a>>,
    #[serde(deserialize_with = "nullable")]
    to: Vec<Destination>,
    #[serde(borrow, deserialize_with = "nullable")]
    when: Vec<Condition<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Destination {
    #[serde(deserialize_with = "nullable")]
    operation: Ports,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Ports {
    #[serde(deserialize_with = "nullable")]
    ports: Vec<IgnoredAny>,
    #[serde(deserialize_with = "nullable")]
    not_ports: Vec<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Origin<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    source: Source<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    principals: Vec<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    not_principals: Vec<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    namespaces: Vec<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    service_accounts: Vec<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    trust_domains: Vec<JsonStr<'a>>,
    #[serde(deserialize_with = "nullable")]
    not_namespaces: Vec<IgnoredAny>,
    #[serde(deserialize_with = "nullable")]
    not_service_accounts: Vec<IgnoredAny>,
    #[serde(deserialize_with = "nullable")]
    ip_blocks: Vec<IgnoredAny>,
    #[serde(deserialize_with = "nullable")]
    not_ip_blocks: Vec<IgnoredAny>,
}

impl Source<'_> {
    fn is_known_to_ztunnel(&self) -> bool {
        let named = [&self.principals, &self.not_principals, &self.namespaces, &self.service_accounts];
        let counted =
            [&self.not_namespaces, &self.not_service_accounts, &self.ip_blocks, &self.not_ip_blocks];
        named.iter().any(|list| !list.is_empty()) || counted.iter().any(|list| !list.is_empty())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition<'a> {
    #[serde(borrow)]
    key: Option<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    values: Vec<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    not_values: Vec<JsonStr<'a>>,
}

/// A caller, or a pattern of callers.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'o> {
    pub form: CallerForm,
    pub text: &'o str,
    /// True if the policy allows the caller. False if it denies them, or allows every other.
    pub is_allowed: bool,
}

/// The form in which a policy names callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerForm {
    /// `TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
    Principal,
    Namespace,
    /// `NAMESPACE/ACCOUNT`, or an account of the policy's own namespace.
    ServiceAccount,
    TrustDomain,
}

impl CallerForm {
    /// Returns the form of the values of a condition; `None` if it is about something else.
    fn of_condition(key: &str) -> Option<Self> {
        Some(match key {
            "source.principal" => Self::Principal,
            "source.namespace" => Self::Namespace,
            "source.serviceAccount" => Self::ServiceAccount,
            "source.trustDomain" => Self::TrustDomain,
            _ => return None,
        })
    }
}

/// The conditions that ztunnel knows.
const ZTUNNEL_CONDITIONS: [&str; 5] =
    ["destination.ip", "destination.port", "source.ip", "source.namespace", "source.principal"];

impl AuthorizationPolicy<'_> {
    /// True if the policy is enforced by waypoints or gateways, and not by ztunnel.
    pub fn selects_waypoints(&self) -> bool {
        self.target_ref.is_some() || !self.target_refs.is_empty()
    }

    /// Returns the action `CUSTOM`, which asks another service.
    pub fn custom_action(&self) -> Option<Located<'static, &str>> {
        let action = self.action.as_deref().filter(|action| *action == "CUSTOM")?;
        Some(Located { value: action, path: Path::of(&["spec", "action"]) })
    }

    /// Returns the parts of a policy that denies in which ztunnel knows no field, each with what to write there. istiod
    /// leaves an empty match of such a part, and ztunnel applies none that is empty.
    pub fn parts_unknown_to_ztunnel(&self) -> impl Iterator<Item = Located<'static, &'static str>> {
        let denies = self.action.as_deref().is_some_and(|action| action == "DENY");
        let rules = Located { value: self.rules.as_slice(), path: Path::of(&["spec", "rules"]) };
        rules.elements().filter(move |_| denies).flat_map(Located::parts_unknown_to_ztunnel)
    }

    /// Returns the callers that the policy names.
    pub fn callers(&self) -> impl Iterator<Item = Located<'static, Caller<'_>>> {
        let allows = self.action.as_deref().is_none_or(|action| action == "ALLOW");
        let rules = Located { value: self.rules.as_slice(), path: Path::of(&["spec", "rules"]) };
        rules.elements().flat_map(Located::callers).flat_map(move |(form, is_named, names)| {
            names.elements().map(move |name| Located {
                value: Caller { form, text: name.value, is_allowed: allows && is_named },
                path: name.path,
            })
        })
    }
}

/// A list of callers: their form, true if it names them and not all others, and the list.
type Callers<'o, 'a> = (CallerForm, bool, Located<'static, &'o [JsonStr<'a>]>);

impl<'o, 'a> Located<'static, &'o CallRule<'a>> {
    fn parts_unknown_to_ztunnel(self) -> impl Iterator<Item = Located<'static, &'static str>> {
        let sources = self.field("from", self.value.from.as_slice()).elements();
        let sources = sources.filter(|from| !from.value.source.is_known_to_ztunnel());
        let operations = self.field("to", self.value.to.as_slice()).elements();
        let operations = operations.filter(|to| {
            let Ports { ports, not_ports } = &to.value.operation;
            ports.is_empty() && not_ports.is_empty()
        });
        let conditions = self.field("when", self.value.when.as_slice()).elements();
        let conditions = conditions.filter(|condition| {
            let key = condition.value.key.as_deref().unwrap_or_default();
            !ZTUNNEL_CONDITIONS.contains(&key)
        });
        let sources =
            sources.map(|from| from.field("source", "name callers by `principals` or `namespaces`"));
        let operations = operations.map(|to| to.field("operation", "add `ports`"));
        let conditions = conditions.map(|condition| condition.field("key", "remove the condition"));
        sources.chain(operations).chain(conditions)
    }

    fn callers(self) -> impl Iterator<Item = Callers<'o, 'a>> {
        let sources = self.field("from", self.value.from.as_slice()).elements();
        let conditions = self.field("when", self.value.when.as_slice()).elements();
        let of_sources = sources.flat_map(|from| {
            let Source { principals, not_principals, namespaces, service_accounts, trust_domains, .. } =
                &from.value.source;
            let source = from.field("source", ());
            [
                (CallerForm::Principal, true, source.field("principals", principals.as_slice())),
                (CallerForm::Principal, false, source.field("notPrincipals", not_principals.as_slice())),
                (CallerForm::Namespace, true, source.field("namespaces", namespaces.as_slice())),
                (
                    CallerForm::ServiceAccount,
                    true,
                    source.field("serviceAccounts", service_accounts.as_slice()),
                ),
                (CallerForm::TrustDomain, true, source.field("trustDomains", trust_domains.as_slice())),
            ]
        });
        let of_conditions = conditions.flat_map(|condition| {
            let Condition { key, values, not_values } = condition.value;
            let form = key.as_deref().and_then(CallerForm::of_condition);
            form.into_iter().flat_map(move |form| {
                [
                    (form, true, condition.field("values", values.as_slice())),
                    (form, false, condition.field("notValues", not_values.as_slice())),
                ]
            })
        });
        of_sources.chain(of_conditions)
    }
}
