//! The alerts and the dashboard in `deploy/chart/files/monitoring`, evaluated by Prometheus' own promtool on what a real
//! installation reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bulkhead_harness::cluster::folder;
use bulkhead_harness::components;
use serde_json::{Value, json};
use support::cluster::{controller_metrics, new_namespace, new_tenant_in};
use support::metrics::{expect_closed_sets, metrics, samples, value};
use support::repository;
use support::self_managed::SelfManaged;
use support::wait::until;

const DAY: u64 = 24 * 60 * 60;
/// The time that the tests of alerts cover, in minutes: longer than any alert waits.
const MINUTES: u64 = 240;
/// The account of the controller: the webhook lets it change the baseline.
const CONTROLLER: [&str; 2] =
    ["--as=system:serviceaccount:bulkhead-system:bulkhead-controller", "--as-group=system:masters"];

/// Series with their values over time, in promtool's notation.
#[derive(Clone)]
struct Series(BTreeMap<String, String>);

/// The metrics of a running installation: two replicas of the webhook and the controller.
struct Scrape {
    series: Series,
    /// Seconds since 1970.
    time: u64,
}

static SCRAPE: LazyLock<Scrape> = LazyLock::new(scrape);

/// Runs an installation, with admitted, refused and repaired writes, and scrapes it.
fn scrape() -> Scrape {
    let installed = SelfManaged::start(365 * DAY, 30 * DAY);
    let member = new_tenant_in(&installed.cluster, "monitored");
    let namespace = new_namespace(&member, "monitored");
    let admin = installed.cluster.admin().unwrap();
    let delete = ["delete", "limitrange", "tenant-limits", "-n", &namespace];
    admin.ok(&[&delete[..], &CONTROLLER].concat()).unwrap();
    let mut controller = String::new();
    until(|| {
        controller = controller_metrics(&installed.controller);
        value(&controller, "bulkhead_baseline_repairs_total{kind=\"LimitRange\"}") == 1
            && value(&controller, "bulkhead_webhook_registration{state=\"enforced\"}") == 1
            && value(&controller, "bulkhead_baseline_out_of_sync{target=\"namespace\"}") == 0
    });
    let replicas = installed.replicas.iter().map(|replica| metrics(replica.admin));
    let texts: Vec<String> = replicas.chain([controller]).collect();
    let mut series = BTreeMap::new();
    for (text, instance) in texts.iter().zip(["webhook-1", "webhook-2", "controller"]) {
        expect_closed_sets(text);
        for sample in samples(text) {
            let labels = sample.labels.iter().map(|(label, value)| format!("{label}=\"{value}\""));
            let labels = labels.chain([format!("instance=\"{instance}\"")]).collect::<Vec<_>>().join(",");
            series.insert(format!("{}{{{labels}}}", sample.name), constant(sample.value));
        }
    }
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Scrape { series: Series(series), time }
}

fn constant(value: impl Display + Copy) -> String {
    format!("{value}x{MINUTES}")
}

/// A counter that increases by this number each minute.
fn rising(each_minute: u64) -> String {
    format!("0+{each_minute}x{MINUTES}")
}

impl Series {
    /// Gives all series of this name with these labels, of which there are some, other values.
    fn set(mut self, name: &str, labels: &[&str], values: &str) -> Self {
        let prefix = format!("{name}{{");
        let is_meant = |series: &&String| {
            series.starts_with(&prefix) && labels.iter().all(|label| series.contains(label))
        };
        let meant: Vec<String> = self.0.keys().filter(is_meant).cloned().collect();
        assert!(!meant.is_empty(), "the installation reports no {name} with {labels:?}");
        self.0.extend(meant.into_iter().map(|series| (series, values.to_owned())));
        self
    }

    fn without(mut self, name: &str) -> Self {
        let prefix = format!("{name}{{");
        let before = self.0.len();
        self.0.retain(|series, _| !series.starts_with(&prefix));
        assert!(self.0.len() < before, "the installation reports no {name}");
        self
    }

    fn with(mut self, series: &str, values: &str) -> Self {
        self.0.insert(series.to_owned(), values.to_owned());
        self
    }

    fn in_promtool(&self) -> Value {
        self.0.iter().map(|(series, values)| json!({ "series": series, "values": values })).collect()
    }
}

/// Series of an installation with one fault, and the alerts that fire.
type Fault = (Series, &'static [&'static str]);

fn faults(Scrape { series, time }: &Scrape) -> Vec<Fault> {
    let healthy = || series.clone();
    [webhook_faults(&healthy), controller_faults(&healthy), certificate_faults(&healthy, *time)].concat()
}

fn webhook_faults(healthy: &dyn Fn() -> Series) -> Vec<Fault> {
    let webhook = &["part=\"webhook\""];
    let requests = "bulkhead_admission_requests_total";
    let slow = "bulkhead_admission_duration_seconds_bucket";
    let unjudged = "bulkhead_unjudged_requests_total";
    vec![
        (
            healthy().set("bulkhead_ready", webhook, &constant(0)),
            &["BulkheadReplicaNotReady", "BulkheadWebhookUnavailable"],
        ),
        (healthy().without("bulkhead_ready"), &["BulkheadWebhookUnavailable"]),
        (
            healthy().set("bulkhead_ready", &["instance=\"webhook-1\""], &constant(0)),
            &["BulkheadReplicaNotReady"],
        ),
        (
            healthy().set(requests, &["webhook=\"namespaces\""], &rising(60)).set(
                unjudged,
                &["reason=\"deadline\""],
                &rising(6),
            ),
            &["BulkheadRequestsNotJudged"],
        ),
        (healthy().set(unjudged, &["reason=\"unreadable\""], &rising(6)), &[]),
        (
            healthy().set("bulkhead_invalid_requests_total", &["status=\"503\""], &rising(6)),
            &["BulkheadRequestsFailed"],
        ),
        (healthy().set("bulkhead_invalid_requests_total", &["status=\"400\""], &rising(6)), &[]),
        (
            healthy().set(slow, &["webhook=\"namespaces\"", "le=\"5.0\""], &rising(6)).set(
                slow,
                &["webhook=\"namespaces\"", "le=\"+Inf\""],
                &rising(6),
            ),
            &["BulkheadAdmissionSlow"],
        ),
        (
            healthy().set("bulkhead_refused_connections_total", &["reason=\"source-limit\""], &rising(60)),
            &["BulkheadConnectionsRefused"],
        ),
        (
            healthy().set("bulkhead_watch_staleness_seconds", &["resource=\"tenants\""], &rising(60)),
            &["BulkheadWatchStale"],
        ),
        (
            healthy().set(
                "bulkhead_waived_violations_total",
                &["code=\"BH301\"", "reason=\"break-glass\"", "webhook-1"],
                &format!("0x{} 1x5", MINUTES - 6),
            ),
            &["BulkheadBreakGlassUsed"],
        ),
        (
            healthy().with(
                "bulkhead_waived_violations_total{code=\"BH301\",reason=\"warned\",instance=\"webhook-1\"}",
                &rising(1),
            ),
            &["BulkheadViolationsWaived"],
        ),
    ]
}

fn controller_faults(healthy: &dyn Fn() -> Series) -> Vec<Fault> {
    let registered = "bulkhead_webhook_registration";
    let namespaces = &["target=\"namespace\""];
    let with_state = |state: &str| {
        let series = format!("{registered}{{state=\"{state}\",instance=\"controller\"}}");
        healthy().without(registered).with(&series, &constant(1))
    };
    vec![
        (with_state("unverified"), &["BulkheadNotEnforced"]),
        (with_state("unknown"), &["BulkheadNotEnforced"]),
        (with_state("unmanaged"), &[]),
        (
            healthy().set("bulkhead_ca_bundle_in_sync", &["configuration=\"mutating\""], &constant(0)),
            &["BulkheadCaBundleOutOfSync"],
        ),
        (healthy().set("bulkhead_leader", &[], &constant(0)), &["BulkheadLeaderMissing"]),
        (healthy().without("bulkhead_leader"), &["BulkheadLeaderMissing"]),
        (healthy().set("bulkhead_leader", &[], &constant(1)), &["BulkheadSeveralLeaders"]),
        (healthy().set("bulkhead_baseline_failing", namespaces, &constant(2)), &["BulkheadBaselineFailing"]),
        (
            healthy().set("bulkhead_baseline_out_of_sync", namespaces, &constant(2)),
            &["BulkheadBaselineOutOfSync"],
        ),
        (healthy().set("bulkhead_baseline_repairs_total", &[], &rising(1)), &["BulkheadBaselineRepaired"]),
        (
            healthy().set("bulkhead_settings_valid", &["webhook-2"], &constant(0)),
            &["BulkheadSettingsInvalid"],
        ),
        (healthy().set("bulkhead_settings_hash", &["webhook-2"], &constant(7)), &["BulkheadSettingsDiffer"]),
        (
            healthy().with("bulkhead_build_info{version=\"0.0.1\",instance=\"webhook-3\"}", &constant(1)),
            &["BulkheadVersionsDiffer"],
        ),
    ]
}

fn certificate_faults(healthy: &dyn Fn() -> Series, time: u64) -> Vec<Fault> {
    let (from, until) = (
        "bulkhead_certificate_not_before_timestamp_seconds",
        "bulkhead_certificate_not_after_timestamp_seconds",
    );
    let end = time + MINUTES * 60;
    let with_days_left = |role: &'static str, left: u64, life: u64| {
        let not_after = end + left * DAY;
        let role = format!("role=\"{role}\"");
        healthy().set(from, &[&role], &constant(not_after - life * DAY)).set(
            until,
            &[&role],
            &constant(not_after),
        )
    };
    let both = &["BulkheadCertificateExpiring", "BulkheadCertificateNotRenewed"];
    vec![
        (with_days_left("leaf", 11, 30), &[]),
        (with_days_left("leaf", 5, 30), &["BulkheadCertificateNotRenewed"]),
        (with_days_left("leaf", 1, 30), both),
        (with_days_left("ca", 25, 365), &["BulkheadCertificateNotRenewed"]),
        (with_days_left("ca", 400, 3650), &[]),
    ]
}

/// Runs promtool on tests of the rules in `deploy/chart/files/monitoring`.
fn run_promtool(name: &str, tests: &[Value]) {
    let folder = folder(name).unwrap();
    fs::write(folder.join("rules.yaml"), json!({ "groups": rules() }).to_string()).unwrap();
    let tests =
        json!({ "rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests }).to_string();
    fs::write(folder.join("tests.yaml"), tests).unwrap();
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "tests.yaml"]] {
        let promtool = components::promtool().unwrap();
        let output = Command::new(promtool).args(arguments).current_dir(&folder).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&said));
    }
}

/// The groups of rules.
fn rules() -> Value {
    let text = fs::read_to_string(repository("deploy/chart/files/monitoring/prometheus-rule.yaml")).unwrap();
    serde_saphyr::from_str::<Value>(&text).unwrap()["spec"]["groups"].take()
}

fn test_of(name: &str, scrape: &Scrape, series: &Series, expressions: &[Value]) -> Value {
    json!({
        "name": name, "interval": "1m", "start_timestamp": scrape.time.to_string(),
        "input_series": series.in_promtool(), "promql_expr_test": expressions,
    })
}

#[test]
fn each_alert_fires_on_its_fault_and_none_on_a_healthy_installation() {
    let faults = [vec![(SCRAPE.series.clone(), [].as_slice())], faults(&SCRAPE)].concat();
    let groups = rules();
    let alerts = groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let alerts: BTreeSet<&str> = alerts.map(|rule| rule["alert"].as_str().unwrap()).collect();
    let firing: BTreeSet<&str> = faults.iter().flat_map(|(_, firing)| firing.iter().copied()).collect();
    assert_eq!(firing, alerts);
    let tests = faults.iter().enumerate().map(|(number, (series, firing))| {
        let expected =
            firing.iter().map(|alert| json!({ "labels": format!("{{alertname=\"{alert}\"}}"), "value": 1 }));
        let expression = json!({
            "expr": "group by (alertname) (ALERTS{alertstate=\"firing\"})",
            "eval_time": format!("{MINUTES}m"), "exp_samples": expected.collect::<Value>(),
        });
        test_of(&format!("fault {number}: {firing:?}"), &SCRAPE, series, &[expression])
    });
    run_promtool("alerts", &tests.collect::<Vec<_>>());
}

#[test]
fn each_panel_of_the_dashboard_shows_what_an_installation_reports() {
    let text =
        fs::read_to_string(repository("deploy/chart/files/monitoring/grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let expressions: Vec<Value> = targets
        .map(|target| {
            let expression = target["expr"].as_str().unwrap();
            let expression = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
            json!({
                "expr": format!("count({expression}) > bool 0"), "eval_time": format!("{MINUTES}m"),
                "exp_samples": [{ "labels": "{}", "value": 1 }],
            })
        })
        .collect();
    assert!(expressions.len() > 20, "{}", expressions.len());
    run_promtool("dashboard", &[test_of("dashboard", &SCRAPE, &SCRAPE.series, &expressions)]);
}
