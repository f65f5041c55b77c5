//! The threads that speak to servers, and the bridge from our blocking calls to them.
//!
//! One small runtime for the whole process, made when the first server is spoken to. Invariant: [`wait`] may be called
//! from any thread, also from one that belongs to another runtime. Deliberately not here: requests themselves.

use std::future::Future;
use std::io;
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::runtime::{Builder, Runtime};

/// Threads that speak to servers: they wait for answers most of the time.
const THREADS: usize = 2;

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

/// Runs the work on the runtime's threads and waits for it.
///
/// # Errors
/// The system gave no threads, or the work ended without an answer.
pub(crate) fn wait<T, W>(work: W) -> io::Result<T>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    let runtime = RUNTIME
        .get_or_init(|| {
            let builder = Builder::new_multi_thread()
                .worker_threads(THREADS)
                .thread_name("places")
                .enable_all()
                .build();
            builder.map_err(|error| error.to_string())
        })
        .as_ref()
        .map_err(|why| io::Error::other(why.clone()))?;
    let (answer, answered) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Nobody waits any more only if the waiting thread is gone.
        let _ = answer.send(work.await);
    });
    answered.recv().map_err(|_| io::Error::other("the request ended without an answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_waited_for_from_anywhere() {
        assert_eq!(wait(async { 7 }).unwrap(), 7);
        let other = Builder::new_current_thread().build().unwrap();
        assert_eq!(other.block_on(async { wait(async { 8 }).unwrap() }), 8);
    }

    #[test]
    fn work_that_panics_is_an_error() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let result: io::Result<()> = wait(async { panic!("as told") });
        std::panic::set_hook(hook);
        assert!(result.is_err());
    }
}
