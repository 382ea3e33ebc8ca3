//! A child process: started, with its output in files, and ended by its id.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::guard;

pub struct Process {
    child: Option<Child>,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts `command`. Its output goes to `NAME.log` (stderr) and `NAME.out` (stdout) in `folder`.
    pub fn start(name: &str, folder: &Path, command: &mut Command) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(log.with_extension("out"))?)
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        guard::end_with_us(child.id());
        Ok(Self { child: Some(child), name: name.to_owned(), log })
    }

    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    #[must_use]
    pub fn stdout(&self) -> String {
        std::fs::read_to_string(self.log.with_extension("out")).unwrap_or_default()
    }

    /// Polls `ready` until it returns a value; fails if the process ends or after `limit`.
    pub fn wait_for<T>(&mut self, limit: Duration, mut ready: impl FnMut(&Self) -> Option<T>) -> Result<T> {
        let end = Instant::now() + limit;
        loop {
            if let Some(found) = ready(self) {
                return Ok(found);
            }
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                bail!("{} ended with {status}:\n{}", self.name, tail(&self.log()));
            }
            if Instant::now() > end {
                bail!("{} was not ready within {limit:?}:\n{}", self.name, tail(&self.log()));
            }
            sleep(Duration::from_millis(50));
        }
    }

    pub fn terminate(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// Stops the process until it is resumed, as when its machine is suspended.
    pub fn suspend(&self) -> Result<()> {
        self.signal("STOP")
    }

    pub fn resume(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Sends a signal. The shell has `kill` everywhere; as a program it is in a package of its own.
    fn signal(&self, signal: &str) -> Result<()> {
        let kill = ["-c", "kill -s \"$0\" \"$1\"", signal, &self.id()?.to_string()];
        let status = Command::new("sh").args(kill).status()?;
        if status.success() { Ok(()) } else { bail!("{} is not running", self.name) }
    }

    /// Kills the process at once, as when a machine fails.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("it has been waited for")?;
        child.kill()?;
        child.wait()?;
        guard::ended(child.id());
        Ok(())
    }

    /// Waits until the process ends by itself.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            sleep(Duration::from_millis(20));
        }
        bail!("{} did not end within {limit:?}:\n{}", self.name, tail(&self.log()))
    }

    /// True if the process has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The result of the process, if it has ended by itself.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let child = self.child.as_mut().context("it has been waited for")?;
        let status = child.try_wait()?;
        if status.is_some() {
            guard::ended(child.id());
            self.child = None;
        }
        Ok(status)
    }

    /// Resident memory in MiB, from `/proc`.
    pub fn resident_mib(&self) -> Result<f64> {
        memory_mib(self.id()?, "VmRSS:")
    }

    /// The peak of the resident memory in MiB.
    pub fn peak_mib(&self) -> Result<f64> {
        peak_mib(self.id()?)
    }

    /// The number of open files, of which each connection is one.
    pub fn open_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.id()?))?.count())
    }

    pub fn threads(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/task", self.id()?))?.count())
    }

    /// Processor time so far.
    pub fn processor_time(&self) -> Result<Duration> {
        processor_time(self.id()?)
    }

    fn id(&self) -> Result<u32> {
        let child = self.child.as_ref();
        child.map(Child::id).with_context(|| format!("{} has been waited for", self.name))
    }
}

/// The processor time of a process so far, from `/proc`. Its unit there is a hundredth of a second on every Linux.
pub fn processor_time(id: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // After the name, which can have spaces.
    let (_, fields) = stat.rsplit_once(')').context("a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>()?))
}

/// The peak of the resident memory of a process, in MiB, from `/proc`.
pub fn peak_mib(id: u32) -> Result<f64> {
    memory_mib(id, "VmHWM:")
}

fn memory_mib(id: u32, what: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).context("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let id = child.id();
            let _ = child.kill();
            let _ = child.wait();
            guard::ended(id);
        }
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
