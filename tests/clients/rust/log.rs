//! The driver's log: a line a record, `PHASE LEVEL LOGGER MESSAGE`, as the harness reads it.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Where the lines are collected.
#[derive(Clone)]
pub struct Log(Arc<Mutex<Lines>>);

struct Lines {
    phase: &'static str,
    lines: Vec<String>,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let told = if field.name() == "message" {
            write!(self.0, " {value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
        told.unwrap();
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        if *about.level() > Level::INFO {
            return;
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let mut log = self.0.lock().unwrap();
        let line = format!(
            "{} {} {}{}",
            log.phase,
            about.level(),
            about.target(),
            fields.0
        );
        log.lines.push(line.replace('\n', "\\n"));
    }
}

impl Log {
    /// Collects from now on what is logged anywhere in this process.
    pub fn begin() -> Self {
        let lines = Vec::new();
        let log = Self(Arc::new(Mutex::new(Lines {
            phase: "run",
            lines,
        })));
        let subscriber = tracing_subscriber::registry().with(log.clone());
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    }

    /// Begins (or ends) the time in which the driver rightly complains.
    pub fn fault(&self, there: bool) {
        self.0.lock().unwrap().phase = if there { "fault" } else { "run" };
    }

    /// What was logged.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().lines.clone()
    }
}
