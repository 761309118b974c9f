//! The planner with its threads and its memory.

use super::errors::inward;
use super::guard;
use super::query::CATALOG;
use super::token::Token;
use super::types;
use crate::cql::virtual_tables::{CatalogView, Registry};
use crate::error::{Error, Result};
use crate::random::Random;
use crate::schema::{Column, Table};
use crate::storage::{DecimalShape, Engine, TableStatistics};
use arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionConfig;
use std::future::Future;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// How far below other threads those of batch queries stand.
const NICENESS: i32 = 10;
/// A column of decimals without one.
const NO_DECIMALS: DecimalShape = DecimalShape {
    scale_max: 0,
    integer_digits_max: 1,
};
/// How many consumers an error about memory names.
const NAMED_MAX: usize = 3;

/// The bounds of batch queries.
#[derive(Clone, Debug)]
pub struct AnalyticsOptions {
    /// The memory of all queries together, in bytes; beyond it they spill or fail.
    pub memory_bytes_max: usize,
    /// Where they spill; the system's directory for temporary files where none is given.
    pub spill_dir: Option<PathBuf>,
    /// How many threads they have.
    pub threads: usize,
}

impl Default for AnalyticsOptions {
    fn default() -> Self {
        Self {
            memory_bytes_max: 1 << 30,
            spill_dir: None,
            threads: std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
        }
    }
}

/// Batch SQL over an engine. Threads and planner are made at the first query.
#[derive(Clone)]
pub struct Analytics {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    view: Arc<CatalogView>,
    options: AnalyticsOptions,
    session: Mutex<Option<Arc<Session>>>,
}

impl std::fmt::Debug for Analytics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analytics")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

/// The planner's threads and its state without tables.
#[derive(Debug)]
pub(super) struct Session {
    pub state: SessionState,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Analytics {
    /// Batch SQL over `engine`.
    pub fn new(engine: Engine, options: AnalyticsOptions) -> Self {
        let random = Arc::new(Random::from_system());
        let view = CatalogView::new(Registry::new(engine.clock(), random));
        Self::with_view(engine, Arc::new(view), options)
    }

    /// The same; the system's own tables tell what `view` knows.
    pub fn with_view(engine: Engine, view: Arc<CatalogView>, options: AnalyticsOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                engine,
                view,
                options,
                session: Mutex::new(None),
            }),
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    pub(super) fn view(&self) -> &CatalogView {
        &self.shared.view
    }

    pub(super) fn session(&self) -> Result<Arc<Session>> {
        let mut held = self
            .shared
            .session
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*held {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::new(&self.shared.options)?);
        *held = Some(Arc::clone(&session));
        Ok(session)
    }

    /// A table's schema as of the moment of which something is known of its contents.
    pub(super) fn schema_of(&self, table: &Table, known: &TableStatistics) -> SchemaRef {
        let shape = |column: &Column| {
            let found = known.columns.get(&column.id).and_then(|it| it.decimal);
            // Where there is no value, the narrowest type is as good as any.
            Some(found.unwrap_or(NO_DECIMALS))
        };
        types::schema_of(table, &shape)
    }
}

impl Session {
    fn new(options: &AnalyticsOptions) -> Result<Self> {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        threads
            .worker_threads(options.threads.max(1))
            .thread_name("batch")
            .thread_stack_size(guard::STACK_BYTES)
            .on_thread_start(|| {
                // Where the system refuses, they run like others.
                let _ = rustix::process::nice(NICENESS);
            })
            .enable_all();
        let runtime = threads
            .build()
            .map_err(|error| Error::io("batch queries", "start their threads", &error))?;
        let pool = FairSpillPool::new(options.memory_bytes_max);
        let named = NonZeroUsize::new(NAMED_MAX).unwrap_or(NonZeroUsize::MIN);
        let spill = options.spill_dir.clone().unwrap_or_else(std::env::temp_dir);
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, named)))
            .with_temp_file_path(spill)
            .build_arc()
            .map_err(inward)?;
        let mut config = SessionConfig::new()
            .with_target_partitions(options.threads.max(1))
            .with_default_catalog_and_schema(CATALOG, "public")
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(false)
            .with_collect_statistics(true);
        config.options_mut().optimizer.subset_repartition_threshold = 1;
        let mut state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(environment)
            .with_default_features()
            .build();
        datafusion::execution::FunctionRegistry::register_udf(
            &mut state,
            Arc::new(ScalarUDF::from(Token::new())),
        )
        .map_err(inward)?;
        Ok(Self {
            state,
            runtime: Some(runtime),
        })
    }

    /// Runs a future to its end on the planner's threads, which have the stack that plans need; the
    /// caller may be a thread of another runtime.
    pub fn block_on<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let runtime = self.handle();
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("batch-plan".to_owned())
                .stack_size(guard::STACK_BYTES)
                .spawn_scoped(scope, move || runtime.block_on(work));
            match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(done)) => done,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(error) => std::panic::panic_any(error),
            }
        })
    }

    /// Starts a task on the planner's threads.
    pub fn spawn(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        self.handle().spawn(task)
    }

    /// How many tasks are under way.
    #[cfg(test)]
    pub fn tasks(&self) -> usize {
        self.handle().metrics().num_alive_tasks()
    }

    fn handle(&self) -> tokio::runtime::Handle {
        match &self.runtime {
            Some(runtime) => runtime.handle().clone(),
            None => tokio::runtime::Handle::current(),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
