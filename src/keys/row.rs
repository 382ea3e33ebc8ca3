use crate::kinds::Kind;

/// A map of an object's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    Labels,
    Annotations,
}

/// A key, or all keys of a domain, on the objects on which a component acts on it.
#[derive(Debug)]
pub struct Row {
    pub pattern: Pattern,
    pub maps: &'static [Map],
    pub objects: Objects,
    pub writer: Writer,
    /// The values that any user may write who can write the object.
    pub values: Values,
    /// Code of the rule that judges the key.
    pub rule: Option<&'static str>,
    /// Predicate of a sentence about the key.
    pub effect: &'static str,
    /// Documentation of the component that acts on the key: a URL, or a page in `docs`.
    pub documentation: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    Key(&'static str),
    /// All keys with this prefix or a subdomain of it.
    Domain(&'static str),
}

/// Objects on which a component acts on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objects {
    Namespaces,
    /// Pods, pod templates, and the bindings from which Kubernetes copies annotations to pods.
    Pods,
    /// Objects of the kinds that the baseline has objects of.
    Managed,
    Of(&'static [&'static [Kind]]),
}

/// Users who may write a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Any user who can write the object, as far as `values` allows.
    Anyone,
    ApiServer,
    Bulkhead,
    Injector,
    /// Istiod, as a record that nothing acts on.
    Istiod,
    Nobody,
    /// The platform, and others as far as `values` allows.
    Platform,
    /// The platform, and a tenant's owners for their tenant.
    TenantOwner,
}

/// Values that a key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Any value: another field decides, or no value has an effect on the isolation.
    Any,
    None,
    Only(&'static [&'static str]),

    /// The label that the baseline has for this namespace.
    Baseline,
    /// The name of the namespace.
    NamespaceName,
    /// The name of a tenant of which the user is an owner.
    OwnTenant,
    /// The value of the tenant label.
    SameTenant,
    /// The mesh revision of the settings or of the namespace.
    NamespaceRevision,

    /// A revision of the mesh, as the injector writes it.
    Name,
    /// The revision of the tenants' namespaces.
    Revision,
    Bool,
    /// A duration such as `45s`.
    Duration,
    Number,
    /// A quantity such as `500m` or `1Gi`.
    Quantity,
    /// Log levels such as `default:info,xds:debug`.
    LogLevels,
    /// Ports separated by commas, or `*`.
    Ports,
    /// Ports of the proxy itself.
    MeshPorts,
    /// Text that is written into Envoy's bootstrap unescaped: letters, digits and the characters that patterns need.
    StatsPatterns,
    StatsTags,
    StatsBuckets,
    ProxyConfig,
    /// An AppArmor profile that limits the container.
    AppArmorProfile,
    /// A waypoint of the tenant's own namespace, as the settings name it.
    Waypoint,
    /// Only the namespaces of the object's tenant, separated by commas, or `.` or `~`.
    OwnNamespaces,
    /// Any name but those of Kubernetes' own controllers.
    OtherThanController,
    /// The network that istio-cni needs, on a cluster that chains it with Multus.
    MeshNetwork,
}

impl Map {
    pub const ALL: [Self; 2] = [Self::Labels, Self::Annotations];

    /// Returns the name of the field.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Annotations => "annotations",
        }
    }

    /// Returns the word for one entry.
    pub const fn item(self) -> &'static str {
        match self {
            Self::Labels => "label",
            Self::Annotations => "annotation",
        }
    }
}

impl Pattern {
    pub fn matches(self, key: &str) -> bool {
        let domain = match self {
            Self::Key(text) => return key == text,
            Self::Domain(domain) => domain,
        };
        key.split_once('/')
            .and_then(|(of_key, _)| of_key.strip_suffix(domain))
            .is_some_and(|subdomain| subdomain.is_empty() || subdomain.ends_with('.'))
    }

    /// Returns the key or the domain.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Key(text) | Self::Domain(text) => text,
        }
    }
}

impl Objects {
    pub fn contain(self, kind: Kind) -> bool {
        match self {
            Self::Namespaces => kind == Kind::Namespace,
            Self::Pods => kind.is_workload() || kind == Kind::Binding,
            Self::Managed => kind.is_managed(),
            Self::Of(kinds) => kinds.iter().any(|kinds| kinds.contains(&kind)),
        }
    }
}

const LABEL: &[Map] = &[Map::Labels];
const ANNOTATION: &[Map] = &[Map::Annotations];

impl Row {
    /// A key that no user may write, and no rule judges.
    const fn new(objects: Objects, pattern: Pattern, maps: &'static [Map], effect: &'static str) -> Self {
        let (writer, values) = (Writer::Nobody, Values::None);
        Self { pattern, maps, objects, writer, values, rule: None, effect, documentation: "" }
    }

    pub(super) const fn label(objects: Objects, key: &'static str, effect: &'static str) -> Self {
        Self::new(objects, Pattern::Key(key), LABEL, effect)
    }

    pub(super) const fn annotation(objects: Objects, key: &'static str, effect: &'static str) -> Self {
        Self::new(objects, Pattern::Key(key), ANNOTATION, effect)
    }

    /// A key that is a label and an annotation.
    pub(super) const fn both(objects: Objects, key: &'static str, effect: &'static str) -> Self {
        Self::new(objects, Pattern::Key(key), &Map::ALL, effect)
    }

    /// All labels and annotations of a domain that have no row of their own.
    pub(super) const fn domain(objects: Objects, domain: &'static str, effect: &'static str) -> Self {
        Self::new(objects, Pattern::Domain(domain), &Map::ALL, effect)
    }

    pub(super) const fn written_by(self, writer: Writer, values: Values) -> Self {
        Self { writer, values, ..self }
    }

    pub(super) const fn judged_by(self, rule: &'static str) -> Self {
        Self { rule: Some(rule), ..self }
    }

    pub(super) const fn see(self, documentation: &'static str) -> Self {
        Self { documentation, ..self }
    }
}
