//! The container image, with its own user, environment and files, which nothing may write.

use std::fs;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::image::Image;
use support::BINARY;

/// Where a container's resolver asks, as the kubelet writes it.
const NAME_SERVER: &str = "127.53.0.1";

/// A name in the certificate of the API server, which the image must resolve by DNS.
const API_SERVER: &str = "kubernetes.default.svc";

#[test]
fn image_reaches_an_api_server_by_name() {
    if !crate::can_send_packets() {
        return;
    }
    let cluster = Cluster::start().unwrap();
    let admin = cluster.admin().unwrap();
    let image = Image::of(&BINARY).unwrap();
    let kubeconfig = fs::read_to_string(&admin.kubeconfig).unwrap();
    image.mount("kubeconfig", &kubeconfig.replace("127.0.0.1", API_SERVER)).unwrap();
    image.mount("etc/resolv.conf", &format!("nameserver {NAME_SERVER}\n")).unwrap();
    let questions = answer_questions();

    let kinds = image.command().unwrap().args(["manifests", "crds"]).output().unwrap();
    assert!(kinds.status.success(), "{}", String::from_utf8_lossy(&kinds.stderr));
    admin.apply(&String::from_utf8(kinds.stdout).unwrap()).unwrap();

    image.mount("settings.yaml", "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\n").unwrap();
    let read = ["snapshot", "--kubeconfig", "/kubeconfig", "--settings", "/settings.yaml"];
    let snapshot = image.command().unwrap().args(read).output().unwrap();
    assert!(snapshot.status.success(), "{}", String::from_utf8_lossy(&snapshot.stderr));
    assert!(String::from_utf8_lossy(&snapshot.stdout).contains("name: kube-system"));
    assert_ne!(questions.load(Ordering::Relaxed), 0, "the name was not resolved by DNS");

    assert_eq!(image.remove_libraries("libgcc_s").unwrap(), 1);
    let broken = image.command().unwrap().arg("--version").output().unwrap();
    assert!(String::from_utf8_lossy(&broken.stderr).contains("libgcc_s"), "{broken:?}");
}

/// Answers DNS questions with this machine's address, and counts them.
fn answer_questions() -> Arc<AtomicUsize> {
    let socket = UdpSocket::bind((NAME_SERVER, 53)).unwrap();
    let questions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&questions);
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut question) {
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = socket.send_to(&answer(&question[..length]), client);
        }
    });
    questions
}

/// An answer of one address to a question for an IPv4 address, and an empty one to any other question.
fn answer(message: &[u8]) -> Vec<u8> {
    let (header, question) = message.split_at(12);
    // The name ends with an empty label; the type and the class follow.
    let name = question.iter().position(|byte| *byte == 0).unwrap() + 1;
    let is_ipv4 = question[name..name + 2] == [0, 1];
    let mut answer = header[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_ipv4), 0, 0, 0, 0]);
    answer.extend(&question[..name + 4]);
    if is_ipv4 {
        // A pointer to the name, type and class, a minute, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    answer
}
