//! Cleans up when this process ends, in any way. A shell reads the names of this process's children, folders and
//! network namespaces from a pipe. The pipe closes when the process ends. Then the shell ends the children by their
//! ids and removes the folders and network namespaces.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// Reads one line for each thing to clean up: a verb and a name.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=' ' dirs= networks=
while read -r verb what; do
    case $verb in
    pid) pids="$pids$what " ;;
    ended) case $pids in *" $what "*) pids="${pids%% $what *} ${pids#* $what }" ;; esac ;;
    dir) dirs="$dirs $what" ;;
    network) networks="$networks $what" ;;
    esac
done
[ "$pids" = ' ' ] || kill $pids 2>/dev/null
for tenth in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    alive=
    for pid in $pids; do kill -0 $pid 2>/dev/null && alive=1; done
    [ -n "$alive" ] || break
    sleep 0.1
done
for pid in $pids; do kill -9 $pid 2>/dev/null; done
for network in $networks; do ip netns del $network; done
[ -z "$dirs" ] || rm -rf $dirs
"#;

struct Guard {
    pipe: ChildStdin,
    _shell: Child,
}

/// Ends `pid` when this process ends, unless [`ended`] is called first.
pub(crate) fn end_with_us(pid: u32) {
    tell("pid", &pid.to_string());
}

/// Forgets `pid`, which has been waited for: another process may get the id.
pub(crate) fn ended(pid: u32) {
    tell("ended", &pid.to_string());
}

/// Removes `folder` when this process ends.
pub(crate) fn remove_with_us(folder: &Path) {
    tell("dir", &folder.display().to_string());
}

/// Removes the network namespace `name` when this process ends.
pub(crate) fn network_with_us(name: &str) {
    tell("network", name);
}

fn tell(verb: &str, what: &str) {
    static GUARD: OnceLock<Mutex<Guard>> = OnceLock::new();
    let guard = GUARD.get_or_init(|| {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a POSIX shell named `sh`");
        let pipe = shell.stdin.take().expect("stdin was asked for");
        Mutex::new(Guard { pipe, _shell: shell })
    });
    let mut guard = guard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    writeln!(guard.pipe, "{verb} {what}").expect("the guard reads until we end");
}
