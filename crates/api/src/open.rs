//! The whole program in a process: opened once by a host, shared by all its threads.
//!
//! Invariants: this file alone reads the environment ([`OpenOptions::from_environment`]); everything below is told.
//! Dropping the api cancels what runs here and gives every lease back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use keepwell_catalog::KeyringChoice;
use keepwell_catalog::{Catalog, Credentials, Presence};
use keepwell_jobs::{
    Clock, DeviceKey, Due, Engine, EngineOptions, Fault, FaultKind, Live, MachineWork, Origin, Repositories,
    Scheduler, Scope, Syncs, SystemClock, Trees,
};
pub use keepwell_repository::secret::Cost;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::error::{ApiError, ErrorCode};
use crate::logs::{Logs, LogsOptions};
use crate::use_cases;
use crate::use_cases::restore::Previews;
use crate::volumes;
pub use crate::volumes::Space;

/// How to open the program.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Where all state is kept.
    pub home: PathBuf,
    /// The person's own folder.
    pub user_folder: Option<PathBuf>,
    /// Where secrets go.
    pub keyring: KeyringChoice,
    /// What other processes tell their person about this one.
    pub label: String,
    /// Whether this process runs the schedules (if no other does).
    pub schedules: bool,
    /// Whether logs are written, and whether they are shown as well.
    pub logs: Option<LogsOptions>,
    /// This machine's name.
    pub host: String,
    /// The account's name.
    pub user: String,
    /// The cost of the slow hash for new passwords; only tests take a cheaper one.
    pub cost: Cost,
    /// The space at a path.
    pub space: fn(&Path) -> Space,
}

impl OpenOptions {
    /// As the environment says: `KEEPWELL_HOME` or the platform's data folder; `KEEPWELL_KEYRING=file` keeps secrets in
    /// the encrypted file; `KEEPWELL_MASTER_PASSWORD` seals that file.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let home = variable("KEEPWELL_HOME")
            .map(PathBuf::from)
            .or_else(|| dirs::data_local_dir().map(|folder| folder.join("keepwell")))
            .unwrap_or_else(|| PathBuf::from(".keepwell"));
        let keyring = match (text("KEEPWELL_MASTER_PASSWORD"), text("KEEPWELL_KEYRING").as_deref()) {
            (Some(password), _) => KeyringChoice::MasterPassword(Zeroizing::new(password)),
            (None, Some("file")) => KeyringChoice::File,
            (None, _) => KeyringChoice::Automatic,
        };
        Self {
            home: std::path::absolute(&home).unwrap_or(home),
            user_folder: dirs::home_dir(),
            keyring,
            label: "the Keepwell window".to_owned(),
            schedules: true,
            logs: Some(LogsOptions::default()),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            user: ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| text(name)).unwrap_or_default(),
            cost: Cost::RECOMMENDED,
            space: volumes::space,
        }
    }
}

/// The program.
pub struct Api {
    // Dropped in this order: first nothing new is started, then what runs ends, then the rest goes.
    pub(crate) scheduler: Option<Scheduler>,
    pub(crate) live: Option<Live>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) repositories: Arc<Repositories>,
    pub(crate) syncs: Arc<Syncs>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) zone: jiff::tz::TimeZone,
    pub(crate) options: OpenOptions,
    pub(crate) notices: Vec<String>,
    pub(crate) previews: Mutex<Previews>,
    _logs: Option<Logs>,
}

/// This program with its version, as snapshots and receipts name it.
pub(crate) fn program() -> String {
    format!("keepwell {}", env!("CARGO_PKG_VERSION"))
}

impl Api {
    /// Opens the program: state folder, catalog, secrets, engine, schedules.
    ///
    /// # Errors
    /// The state folder can not be used, or a newer Keepwell made what is in it.
    pub fn open(options: OpenOptions) -> Result<Self, ApiError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        // The zone of the machine, whatever its rules; UTC where it has none.
        let zone = jiff::tz::TimeZone::system();
        let opened = Catalog::open(&options.home, clock.now_ms())?;
        let logs = options.logs.as_ref().map(|logs| Logs::start(&options.home, logs)).transpose()?;
        let catalog = Arc::new(opened.catalog);
        let presence = Arc::new(Presence::announce(&options.home, &options.label)?);
        let credentials = Arc::new(Credentials::open(&options.home, options.keyring.clone()));
        let device = Arc::new(DeviceKey::load_or_make(&catalog, &credentials)?);
        let trees = Arc::new(Trees::new(
            Arc::clone(&credentials),
            options.user_folder.clone(),
            options.home.clone(),
            options.user.clone(),
        ));
        let repositories = Repositories::new(Arc::clone(&catalog), Arc::clone(&credentials))?;
        let repositories = Arc::new(repositories.with_places(Arc::clone(&trees)));
        let syncs = Arc::new(Syncs::new(Arc::clone(&catalog), trees, Arc::clone(&clock), zone.clone()));
        let work = MachineWork {
            catalog: Arc::clone(&catalog),
            repositories: Arc::clone(&repositories),
            syncs: Arc::clone(&syncs),
            clock: Arc::clone(&clock),
            host: options.host.clone(),
            user: options.user.clone(),
            program: program(),
        };
        let engine = Arc::new(Engine::start(EngineOptions {
            catalog: Arc::clone(&catalog),
            presence: Arc::clone(&presence),
            clock: Arc::clone(&clock),
            work: Arc::new(work),
            device,
            host: options.host.clone(),
            program: program(),
        })?);
        let mut api = Self {
            scheduler: None,
            live: None,
            engine,
            repositories,
            syncs,
            credentials,
            catalog,
            presence,
            clock,
            zone,
            options,
            notices: opened.notices,
            previews: Mutex::default(),
            _logs: logs,
        };
        use_cases::app::apply_settings(&api, &use_cases::app::settings(&api)?);
        if api.options.schedules {
            api.start_scheduler(Scope::All)?;
        }
        tracing::info!(version = env!("CARGO_PKG_VERSION"), host = %api.options.host, "Keepwell is open");
        Ok(api)
    }

    fn start_scheduler(&mut self, scope: Scope) -> Result<(), ApiError> {
        let (catalog, engine, clock, syncs) = (
            Arc::clone(&self.catalog),
            Arc::clone(&self.engine),
            Arc::clone(&self.clock),
            Arc::clone(&self.syncs),
        );
        let starter = move |due| match due {
            Due::Plan(plan) => {
                use_cases::plan::start_plan(&catalog, &engine, &*clock, plan).map(drop).map_err(|error| {
                    Fault { hint: error.hint, ..Fault::new(FaultKind::Failed, error.message, "") }
                })
            }
            Due::Replica(replica) => {
                let started = use_cases::replica::start_due(&catalog, &engine, &*clock, replica);
                started.map(drop).map_err(|error| Fault {
                    hint: error.hint,
                    ..Fault::new(FaultKind::Failed, error.message, "")
                })
            }
            Due::Pair(pair) => syncs.start(&engine, pair, false, Origin::Schedule, None).map(drop),
        };
        let scheduler = Scheduler::start(
            Arc::clone(&self.catalog),
            Arc::clone(&self.presence),
            Arc::clone(&self.clock),
            self.zone.clone(),
            scope,
            Arc::new(starter),
        )
        .map_err(|error| {
            ApiError::new(ErrorCode::Failed, format!("The schedules can not be started: {error}."))
                .hint("Close some programs, then start Keepwell again.")
        })?;
        self.scheduler = Some(scheduler);
        self.start_live()
    }

    /// Looks after pairs from now on, unless another process does: watches live ones, and runs the others by the clock.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start_pairs(&mut self) -> Result<(), ApiError> {
        self.start_scheduler(Scope::Pairs)
    }

    fn start_live(&mut self) -> Result<(), ApiError> {
        let started = Live::start(
            Arc::clone(&self.catalog),
            Arc::clone(&self.presence),
            Arc::clone(&self.clock),
            Arc::clone(&self.engine),
            Arc::clone(&self.syncs),
        );
        let live = started.map_err(|error| {
            ApiError::new(ErrorCode::Failed, format!("Live pairs can not be watched: {error}."))
                .hint("Close some programs, then start Keepwell again.")
        })?;
        self.live = Some(live);
        Ok(())
    }

    /// Stops everything that runs here and waits for it. Hosts call it before they end.
    pub fn stop(&self) {
        self.engine.stop();
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
