//! `keepwell-web`: starts the loopback host and prints the address to open.
//!
//! The address carries the token in its fragment, which browsers do not send anywhere. Ends on Ctrl-C or when asked to
//! terminate; what runs is cancelled safely first.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use keepwell_api::logs::LogsOptions;
use keepwell_api::{Api, OpenOptions};
use keepwell_web::{Guard, Page, Token, router};

/// Keepwell's interface in a browser on this machine. Nothing is reachable from other machines.
#[derive(Debug, Parser)]
#[command(name = "keepwell-web", version)]
struct Arguments {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Serves the page from this folder instead of the one built in.
    #[arg(long, value_name = "FOLDER")]
    ui_dir: Option<PathBuf>,
    /// A page of another server on this machine that may ask as well, for work on the interface.
    #[arg(long, value_name = "URL")]
    allow_origin: Vec<String>,
    /// Shows the log.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let page = arguments.ui_dir.clone().map_or(Page::Built, Page::Folder);
    if !page.exists() {
        return Err("There is no page to show. Run `npm run build:ui`, then build keepwell-web again (or give --ui-dir).".into());
    }
    let options = OpenOptions {
        label: "Keepwell in the browser".to_owned(),
        logs: Some(LogsOptions { show: arguments.verbose }),
        ..OpenOptions::from_environment()
    };
    let api = Arc::new(Api::open(options).map_err(|error| {
        format!("{}{}", error.message, error.hint.map(|hint| format!(" {hint}")).unwrap_or_default())
    })?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(serve(arguments, Arc::clone(&api), page));
    api.stop();
    runtime.shutdown_background();
    served
}

async fn serve(arguments: &Arguments, api: Arc<Api>, page: Page) -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await?;
    let port = listener.local_addr()?.port();
    let token = Token::generate()?;
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "http://127.0.0.1:{port}/#token={}", token.reveal())?;
        out.flush()?;
    }
    let app = router(api, Guard::new(token, port, &arguments.allow_origin), page);
    tokio::select! {
        served = async { axum::serve(listener, app).await } => served?,
        () = asked_to_end() => {}
    }
    Ok(())
}

/// Waits for Ctrl-C or a request to terminate.
async fn asked_to_end() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a way to be asked, the server runs until it is killed: leases bear that.
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        let terminate = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => drop(signal.recv().await),
                Err(_) => std::future::pending::<()>().await,
            }
        };
        tokio::select! { () = interrupt => {}, () = terminate => {} }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
