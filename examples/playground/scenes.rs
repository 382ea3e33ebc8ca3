//! The scenes of the playground. `docs/transcript.md` shows their transcript, and the README a part of it.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;

struct Scene {
    title: &'static str,
    user: &'static str,
    command: &'static str,
    expect: Expect,
    needs_istio: bool,
}

#[derive(Clone, Copy)]
enum Expect {
    Success,
    /// Fails and prints this.
    Refusal(&'static str),
    /// Succeeds and prints this and no error, within half a minute. The controller gives the owner of a new namespace their
    /// permissions a moment after it exists.
    Soon(&'static str),
}

use Expect::{Refusal, Soon, Success};

const SCENES: &[Scene] = &[
    scene(
        "The platform creates two tenants, and a shared service that both may call.",
        "admin",
        "kubectl apply -f examples/snapshot/tenants.yaml -f examples/snapshot/shared-services.yaml",
        Success,
    ),
    scene("", "admin", "kubectl apply -f examples/log-collector.yaml", Success),
    scene(
        "Alice is an owner of tenant acme. She creates a namespace without labels. The webhook adds the labels of her tenant.",
        "alice",
        "kubectl create namespace tenant-acme",
        Soon("created"),
    ),
    scene(
        "",
        "alice",
        "kubectl get namespace tenant-acme -o custom-columns=LABELS:.metadata.labels",
        Soon("acme"),
    ),
    scene(
        "The controller applies the baseline. Until then, pods are refused.",
        "alice",
        "kubectl wait --for=condition=bulkhead.dev/BaselineReady namespace/tenant-acme",
        Soon("condition met"),
    ),
    scene("", "alice", "kubectl get networkpolicies -n tenant-acme -o name", Soon("allow-granted")),
    scene(
        "Istio injects its proxy into the pods that she deploys.",
        "alice",
        "kubectl apply -f examples/good/web.yaml",
        Success,
    )
    .with_istio(),
    scene(
        "",
        "alice",
        "kubectl get pods -n tenant-acme -o custom-columns=PHASE:.status.phase,INIT:.spec.initContainers[*].name,\
         CONTAINERS:.spec.containers[*].name",
        Soon("istio-proxy"),
    ),
    scene(
        "1. Refused: a Deployment with pods that opt out of the Istio sidecar.",
        "alice",
        "kubectl apply -f examples/bad/opted-out.yaml",
        Refusal("BH302"),
    ),
    scene(
        "Refused: a pod without the Istio sidecar. The refusal lists every violation.",
        "alice",
        "kubectl apply -f examples/bad/opted-out-pod.yaml",
        Refusal("BH301"),
    ),
    scene(
        "Refused: a pod on the host network.",
        "alice",
        "kubectl apply -f examples/bad/host-network.yaml",
        Refusal("BH301"),
    ),
    scene(
        "Refused: a container of the tenant's own with the name istio-proxy.",
        "alice",
        "kubectl apply -f examples/bad/own-proxy.yaml",
        Refusal("BH304"),
    ),
    scene(
        "Refused: a job with the rights of root on the node.",
        "alice",
        "kubectl apply -f examples/bad/image-build.yaml",
        Refusal("BH307"),
    ),
    scene(
        "A dry run gets the same answer.",
        "alice",
        "kubectl apply --dry-run=server -f examples/bad/opted-out.yaml",
        Refusal("BH302"),
    ),
    scene(
        "2. A tenant cannot take the identity of a shared service. Refused: a token for its service account. RBAC gives Alice \
         no right there.",
        "alice",
        "kubectl create token log-collector -n shared-services",
        Refusal("is forbidden"),
    ),
    scene(
        "Refused by Bulkhead: the same from Carol, an owner of acme to whom RBAC allows everything by mistake.",
        "carol",
        "kubectl create token log-collector -n shared-services",
        Refusal("BH401"),
    ),
    scene(
        "Refused: a service account with the name of the shared service's account.",
        "alice",
        "kubectl create serviceaccount log-collector -n tenant-acme",
        Refusal("BH402"),
    ),
    scene(
        "Refused: a service account token that the mesh accepts.",
        "alice",
        "kubectl create token default -n tenant-acme --audience=istio-ca",
        Refusal("BH403"),
    ),
    scene(
        "Refused: a route that sets the header with the caller's identity.",
        "alice",
        "kubectl apply -f examples/bad/forged-header.yaml",
        Refusal("BH605"),
    ),
    scene(
        "3. Refused: the deletion of the default-deny policy.",
        "alice",
        "kubectl delete networkpolicy default-deny-all -n tenant-acme",
        Refusal("BH201"),
    ),
    scene(
        "Refused, to the platform too: a rule in the default-deny policy that allows traffic.",
        "admin",
        "kubectl apply --server-side --force-conflicts -f examples/bad/opened.yaml",
        Refusal("BH202"),
    ),
    scene(
        "4. Refused: a namespace with the label of another tenant.",
        "alice",
        "kubectl apply -f examples/bad/forged-namespace.yaml",
        Refusal("BH102"),
    ),
    scene(
        "Refused: a move of a namespace to another tenant.",
        "alice",
        "kubectl label namespace tenant-acme bulkhead.dev/tenant=beta --overwrite",
        Refusal("BH102"),
    ),
    scene(
        "bulkhead check judges the same files in CI, without a cluster.",
        "alice",
        "bulkhead check --snapshot examples/snapshot examples/bad",
        Refusal("BH304"),
    ),
];

const fn scene(title: &'static str, user: &'static str, command: &'static str, expect: Expect) -> Scene {
    Scene { title, user, command, expect, needs_istio: false }
}

/// Played before Istio runs, outside of the transcript.
const EARLY: Scene = scene(
    "Istio does not run yet. The template of a Deployment is judged without it.",
    "alice",
    "kubectl apply -f examples/bad/opted-out.yaml",
    Refusal("BH302"),
);

/// Played once Istio runs, outside of the transcript: a pod gets its sidecar when it is created.
const RESTART: Scene = scene(
    "Istio runs. The platform replaces the pods that started without it.",
    "admin",
    "kubectl delete pods --all -n shared-services",
    Success,
);

/// Plays every scene and returns the transcript. Calls `show` with each part as soon as it is known, also with the
/// scenes around the start of Istio, which are not in the transcript.
pub(crate) fn play(installation: &Installation, mut show: impl FnMut(&str)) -> Result<String> {
    let mut transcript = String::new();
    for scene in SCENES {
        if scene.needs_istio && !installation.has_istio() {
            show(&format!("\n{}", EARLY.part(installation)?));
            installation.istio()?;
            show(&format!("\n{}", RESTART.part(installation)?));
        }
        let gap = if scene.title.is_empty() || transcript.is_empty() { "" } else { "\n" };
        let part = format!("{gap}{}", scene.part(installation)?);
        show(&part);
        transcript += &part;
    }
    Ok(transcript)
}

impl Scene {
    const fn with_istio(mut self) -> Self {
        self.needs_istio = true;
        self
    }

    /// The title, the prompt with the command, and the output.
    fn part(&self, installation: &Installation) -> Result<String> {
        let mut part = String::new();
        if !self.title.is_empty() {
            let _ = writeln!(part, "# {}", self.title);
        }
        let prompt = if self.user == "admin" { "platform" } else { self.user };
        let _ = write!(part, "{prompt}$ {}\n{}", self.command, self.play(installation)?);
        Ok(part)
    }

    /// The output of the command, once it is the expected one.
    fn play(&self, installation: &Installation) -> Result<String> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let output = self.command(installation)?.output()?;
            let is_quiet = output.stderr.is_empty();
            let said = String::from_utf8([output.stdout, output.stderr].concat())?;
            let expected = match self.expect {
                Success => output.status.success(),
                Refusal(code) => !output.status.success() && said.contains(code),
                Soon(text) => output.status.success() && said.contains(text) && is_quiet,
            };
            if expected {
                return Ok(said);
            }
            let again = matches!(self.expect, Soon(_)) && Instant::now() < end;
            ensure!(again, "not as expected: {}\n{said}", self.command);
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn command(&self, installation: &Installation) -> Result<Command> {
        let mut words = self.command.split(' ');
        let program = words.next().unwrap_or_default();
        let arguments: Vec<&str> = words.collect();
        let mut command = if program == "kubectl" {
            as_user(installation, self.user)?.command(&arguments)?
        } else {
            let mut bulkhead = Command::new(&installation.binary);
            bulkhead.args(&arguments);
            bulkhead
        };
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
        Ok(command)
    }
}

/// kubectl as a user of the playground: a platform administrator, or an owner of a tenant, who has no rights but those that
/// Bulkhead gives. Carol is also an administrator of the cluster.
pub(crate) fn as_user(installation: &Installation, user: &str) -> Result<Kubectl> {
    match user {
        "admin" => installation.cluster.admin(),
        "carol" => {
            installation.cluster.powerful("carol", "cluster-operators")?;
            installation.cluster.user("carol", &["acme-developers", "cluster-operators"])
        }
        "bob" => installation.cluster.certified_user("bob", "beta-developers"),
        user => installation.cluster.certified_user(user, "acme-developers"),
    }
}
