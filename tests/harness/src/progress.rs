//! Numbered steps on stderr, each with a count and a time: a first run compiles for minutes.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The time between two lines where stderr is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(30);
/// The time between two updates of the line on a terminal.
const BETWEEN_UPDATES: Duration = Duration::from_millis(200);

static RUN: Mutex<Run> = Mutex::new(Run { steps: Vec::new(), planned: 0 });

struct Run {
    /// The planned steps in their order, then the others.
    steps: Vec<Entry>,
    planned: usize,
}

struct Entry {
    title: String,
    start: Option<Instant>,
    end: Option<Instant>,
    done: usize,
    expected: usize,
    unit: &'static str,
    shown: Option<Instant>,
}

/// A step that is under way. Dropped without [`Step::finish`], it has failed, and the caller's error says why.
pub struct Step {
    index: usize,
}

/// Announces the steps of a run, so that each can be shown as "step 2 of 5". Only the first plan of a process counts.
pub fn plan(titles: impl IntoIterator<Item = String>) {
    let mut run = run();
    if run.steps.is_empty() {
        run.steps.extend(titles.into_iter().map(Entry::new));
        run.planned = run.steps.len();
    }
}

/// Starts a step. One that is in no plan is shown if it has a count.
pub fn begin(title: &str) -> Step {
    static TICKER: Once = Once::new();
    TICKER.call_once(|| drop(thread::spawn(tick)));
    let mut run = run();
    let known = run.steps.iter().position(|step| step.title == title && step.start.is_none());
    let index = known.unwrap_or_else(|| {
        run.steps.push(Entry::new(title.to_owned()));
        run.steps.len() - 1
    });
    let now = Instant::now();
    run.update(index, |step| (step.start, step.shown) = (Some(now), Some(now)));
    if !is_terminal() && run.is_shown(index) {
        run.line(index);
    }
    Step { index }
}

/// Marks a moment that the summary shows.
pub fn mark(title: &str) {
    let now = Some(Instant::now());
    run().steps.push(Entry { start: now, end: now, ..Entry::new(title.to_owned()) });
}

/// Prints a line on stderr beside the progress.
pub fn note(text: &str) {
    let _run = cleared();
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints on stdout beside the progress.
pub fn print(text: &str) {
    let _run = cleared();
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// The time at which each step began, and the time that it took.
pub fn summary() -> String {
    let run = run();
    let Some(start) = run.steps.iter().filter_map(|step| step.start).min() else { return String::new() };
    let mut steps: Vec<(Instant, &Entry)> =
        run.steps.iter().filter_map(|step| Some((step.start?, step))).collect();
    steps.sort_by_key(|(began, _)| *began);
    let mut text = "  began    took\n".to_owned();
    for (began, step) in steps {
        let took = step.end.unwrap_or_else(Instant::now) - began;
        let took = if step.end == step.start { String::new() } else { format!("{} s", took.as_secs()) };
        let _ = writeln!(text, "{:>5} s {took:>7}  {}", (began - start).as_secs(), step.title);
    }
    let _ = writeln!(text, "{:>5} s          the end", start.elapsed().as_secs());
    text
}

impl Step {
    /// The step will be done after `count` units. The count is shown as "about".
    pub fn expect(&self, count: usize, unit: &'static str) {
        run().update(self.index, |step| (step.expected, step.unit) = (count, unit));
    }

    /// One unit is done.
    pub fn advance(&self) {
        run().update(self.index, |step| step.done += 1);
    }

    pub fn finish(self) {
        let mut run = cleared();
        run.end(self.index);
        if run.is_shown(self.index) {
            run.line(self.index);
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        cleared().end(self.index);
    }
}

impl Entry {
    fn new(title: String) -> Self {
        Self { title, start: None, end: None, done: 0, expected: 0, unit: "", shown: None }
    }

    fn is_running(&self) -> bool {
        self.start.is_some() && self.end.is_none()
    }

    fn text(&self) -> String {
        let mut text = self.title.clone();
        let took = self.start.map(|start| self.end.unwrap_or_else(Instant::now) - start).unwrap_or_default();
        if self.end.is_some() {
            let _ = write!(text, ": took {} s", took.as_secs());
            return text;
        }
        if self.expected > 0 {
            let (done, expected) = (grouped(self.done), grouped(self.expected.max(self.done)));
            let _ = write!(text, ", {done} of about {expected} {}", self.unit);
        }
        if took.as_secs() > 0 {
            let _ = write!(text, ", {} s", took.as_secs());
        }
        text
    }
}

impl Run {
    fn update(&mut self, index: usize, change: impl FnOnce(&mut Entry)) {
        if let Some(step) = self.steps.get_mut(index) {
            change(step);
        }
    }

    fn end(&mut self, index: usize) {
        self.update(index, |step| step.end = step.end.or_else(|| Some(Instant::now())));
    }

    fn is_shown(&self, index: usize) -> bool {
        index < self.planned || self.steps.get(index).is_some_and(|step| step.expected > 0)
    }

    fn text(&self, index: usize) -> String {
        let text = self.steps.get(index).map(Entry::text).unwrap_or_default();
        if index < self.planned { format!("step {} of {}: {text}", index + 1, self.planned) } else { text }
    }

    fn line(&self, index: usize) {
        let _ = writeln!(std::io::stderr(), "{}", self.text(index));
    }
}

fn run() -> MutexGuard<'static, Run> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The line is gone from the terminal for as long as this value is held.
fn cleared() -> MutexGuard<'static, Run> {
    let run = run();
    if is_terminal() {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    run
}

fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Keeps the first of the running steps on the terminal's last line; elsewhere writes a line for each now and then.
fn tick() {
    loop {
        thread::sleep(BETWEEN_UPDATES);
        let mut run = run();
        let running: Vec<usize> = (0..run.steps.len())
            .filter(|index| run.is_shown(*index) && run.steps.get(*index).is_some_and(Entry::is_running))
            .collect();
        if is_terminal() {
            if let Some(first) = running.first() {
                let _ = write!(std::io::stderr(), "\r{}\x1b[K", run.text(*first));
            }
            continue;
        }
        for index in running {
            let shown = run.steps.get(index).and_then(|step| step.shown);
            if shown.is_some_and(|shown| shown.elapsed() >= BETWEEN_LINES) {
                run.line(index);
                run.update(index, |step| step.shown = Some(Instant::now()));
            }
        }
    }
}

/// `2711` as `2,711`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
