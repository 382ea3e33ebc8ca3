//! The manifest of the kubectl plugin, by the fields that krew documents:
//! <https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest>.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use aws_lc_rs::digest::{SHA256, digest};
use bulkhead_harness::cluster::folder;
use serde_json::{Value, json};
use support::repository;

const URL: &str = "https://downloads.example.com/v0.1.0/";

/// Writes an archive with these files, which are empty, in a folder with its name.
fn archive(folder: &Path, name: &str, files: &[&str]) -> String {
    let packed = name.strip_suffix(".tar.gz").unwrap();
    fs::create_dir(folder.join(packed)).unwrap();
    for file in files {
        fs::write(folder.join(packed).join(file), "").unwrap();
    }
    let packed = Command::new("tar").current_dir(folder).args(["-czf", name, packed]).status();
    assert!(packed.unwrap().success());
    folder.join(name).display().to_string()
}

fn print(arguments: &[&str]) -> Output {
    Command::new(repository("scripts/krew-manifest")).args(arguments).output().unwrap()
}

/// The keys of an object, in their order.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn krew_manifest_has_the_documented_fields() {
    let folder = folder("krew").unwrap();
    let files = ["bulkhead", "LICENSE"];
    let names = ["bulkhead-v0.1.0-linux-amd64.tar.gz", "bulkhead-v0.1.0-darwin-arm64.tar.gz"];
    let archives = names.map(|name| archive(&folder, name, &files));
    let output = print(&[URL, &archives[0], &archives[1]]);
    assert!(output.status.success(), "{output:?}");
    let manifest: Value = serde_saphyr::from_slice(&output.stdout).unwrap();
    assert_eq!(keys(&manifest), ["apiVersion", "kind", "metadata", "spec"]);
    assert_eq!(manifest["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(
        (&manifest["kind"], &manifest["metadata"]),
        (&json!("Plugin"), &json!({ "name": "bulkhead" }))
    );
    let spec = &manifest["spec"];
    let documented = ["description", "homepage", "platforms", "shortDescription", "version"];
    assert_eq!(keys(spec), documented);
    assert_eq!(spec["version"], concat!("v", env!("CARGO_PKG_VERSION")));
    assert_eq!(spec["homepage"], env!("CARGO_PKG_HOMEPAGE"));
    let short = spec["shortDescription"].as_str().unwrap();
    assert!(short.len() <= 50 && !short.ends_with('.') && !short.contains('\n'), "{short}");
    let platforms = spec["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), names.len());
    for ((platform, name), [os, arch]) in
        platforms.iter().zip(names).zip([["linux", "amd64"], ["darwin", "arm64"]])
    {
        assert_eq!(platform["selector"]["matchLabels"], json!({ "os": os, "arch": arch }));
        assert_eq!(platform["uri"], format!("{URL}{name}"));
        let sum = digest(&SHA256, &fs::read(folder.join(name)).unwrap());
        let sum = sum.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(platform["sha256"], sum);
        let packed = name.strip_suffix(".tar.gz").unwrap();
        let unpacked = files.map(|file| json!({ "from": format!("{packed}/{file}"), "to": "." }));
        assert_eq!((&platform["files"], &platform["bin"]), (&json!(unpacked), &json!("bulkhead")));
        assert_eq!(keys(platform), ["bin", "files", "selector", "sha256", "uri"]);
    }
}

#[test]
fn krew_manifest_of_an_incomplete_release_is_an_error() {
    let folder = folder("krew").unwrap();
    let complete = archive(&folder, "a-linux-amd64.tar.gz", &["bulkhead", "LICENSE"]);
    let unlicensed = archive(&folder, "b-linux-amd64.tar.gz", &["bulkhead"]);
    let renamed = archive(&folder, "c-plan9-amd64.tar.gz", &["bulkhead", "LICENSE"]);
    for (arguments, error) in [
        (vec![URL], "usage:"),
        (vec!["http://downloads.example.com", &complete], "must begin with https://"),
        (vec![URL, &complete, &unlicensed], "lacks the file LICENSE"),
        (vec![URL, &renamed], "must end with -OS-ARCH.tar.gz"),
        (vec![URL, "none-linux-amd64.tar.gz"], "none-linux-amd64.tar.gz"),
    ] {
        let output = print(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(error), "{arguments:?}: {said}");
    }
}
