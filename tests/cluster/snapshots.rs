//! `bulkhead snapshot`: a file with which `check` judges elsewhere as it would beside the cluster.

use std::process::Command;

use serde_json::json;

use support::BINARY;
use support::cluster::{new_namespace, new_tenant, shared};
use support::command::bulkhead_as;

#[test]
fn snapshot_of_a_cluster_is_enough_for_check() {
    let it = shared();
    let member = new_tenant(&it, "snap-shot");
    let namespace = new_namespace(&member, "snap-shot");
    let admin = it.cluster.admin().unwrap();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "snap", "namespace": namespace },
        "stringData": { "key": "not-in-a-snapshot" },
    });
    admin.apply(&secret.to_string()).unwrap();
    let (code, said) = bulkhead_as(&admin, &["snapshot"]);
    assert_eq!((code, said.stderr.as_str()), (0, ""));
    assert!(!said.stdout.contains("not-in-a-snapshot") && !said.stdout.contains("kind: Secret"));
    assert!(said.stdout.contains("name: tenant-snap-shot") && said.stdout.contains("kind: Settings"));

    let folder = tempfile();
    let snapshot = folder.join("snapshot.yaml");
    std::fs::write(&snapshot, &said.stdout).unwrap();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "app", "namespace": namespace },
        "spec": { "hostNetwork": true, "containers": [{ "name": "app", "image": "registry.example.com/app:1" }] },
    });
    let manifest = folder.join("pod.json");
    std::fs::write(&manifest, pod.to_string()).unwrap();
    let check = |snapshot: &std::path::Path| {
        let output = Command::new(&*BINARY)
            .arg("check")
            .arg("--snapshot")
            .arg(snapshot)
            .arg(&manifest)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        (output.status.code(), said.concat())
    };
    let (code, found) = check(&snapshot);
    assert_eq!(code, Some(1), "{found}");
    assert!(found.contains("Pod tenant-snap-shot/app: BH301 spec.hostNetwork"), "{found}");

    // Without the namespace nothing can be said.
    std::fs::write(&snapshot, said.stdout.replace("name: tenant-snap-shot", "name: another")).unwrap();
    assert_eq!(check(&snapshot).0, Some(3));
    std::fs::remove_dir_all(folder).unwrap();
}

fn tempfile() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("bulkhead-snapshot-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
