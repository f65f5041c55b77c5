//! What every command needs: the opened program, the repository an argument means, the password.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use keepwell_api::dto::place::PlaceListGet;
use keepwell_api::dto::repository::RepositoryAddress;
use keepwell_api::dto::sync::SyncPair;
use keepwell_api::logs::LogsOptions;
use keepwell_api::{Api, ApiError, Commands, ErrorCode, OpenOptions, SecretText};

use crate::paths;

/// The variable a password can be given in.
const PASSWORD_VARIABLE: &str = "KEEPWELL_PASSWORD";

/// The opened program and how to print.
pub struct Context {
    /// The program.
    pub api: Arc<Api>,
    /// Whether data is printed as JSON.
    pub json: bool,
}

impl Context {
    /// Opens the program as the environment says.
    ///
    /// # Errors
    /// The state folder can not be used.
    pub fn open(json: bool, verbose: bool) -> Result<Self, ApiError> {
        let options = OpenOptions {
            label: format!("keepwell on the command line (process {})", std::process::id()),
            schedules: false,
            logs: Some(LogsOptions { show: verbose }),
            ..OpenOptions::from_environment()
        };
        Ok(Self { api: Arc::new(Api::open(options)?), json })
    }

    /// As [`open`](Self::open), and pairs are looked after from now on: live ones, and those with a clock.
    ///
    /// # Errors
    /// The state folder can not be used, or the system gave no thread.
    pub fn watching(json: bool, verbose: bool) -> Result<Self, ApiError> {
        let options = OpenOptions {
            label: format!("keepwell sync watch (process {})", std::process::id()),
            schedules: false,
            logs: Some(LogsOptions { show: verbose }),
            ..OpenOptions::from_environment()
        };
        let mut api = Api::open(options)?;
        api.start_pairs()?;
        Ok(Self { api: Arc::new(api), json })
    }

    /// Hands over what the environment holds to open the servers of a pair; nothing of it is kept.
    ///
    /// # Errors
    /// The address of a place can not be understood.
    pub fn give_access(&self, pair: &SyncPair) -> Result<(), ApiError> {
        self.give_access_to([&pair.left.address.path, &pair.right.address.path])
    }

    /// As [`give_access`](Self::give_access), to places as the border speaks of them.
    ///
    /// # Errors
    /// The address of a place can not be understood.
    pub fn give_access_to(&self, places: [&str; 2]) -> Result<(), ApiError> {
        for place in places {
            self.api.sync_access(place, |name| std::env::var(name).ok())?;
        }
        Ok(())
    }

    /// The repository at a path, with its password unless this machine keeps it.
    ///
    /// # Errors
    /// No password can be had.
    pub fn repository(&self, path: &Path) -> Result<RepositoryAddress, ApiError> {
        let path_text = self.place(path)?;
        let password = match given_password()? {
            Some(password) => Some(password),
            None if self.keeps_password(&path_text)? => None,
            None => {
                refuse_nothing(path)?;
                Some(ask(&format!("Password of {}: ", path.display()))?)
            }
        };
        Ok(RepositoryAddress { place_id: None, path: Some(path_text), password })
    }

    /// Where a repository is, as the border speaks of it. For a place that is not on this machine, what the environment
    /// holds to open it is handed over.
    ///
    /// # Errors
    /// The address can not be understood.
    pub fn place(&self, path: &Path) -> Result<String, ApiError> {
        let text = paths::place(path.as_os_str());
        if paths::is_remote(path.as_os_str()) {
            self.api.sync_access(&text, |name| std::env::var(name).ok())?;
        }
        Ok(text)
    }

    fn keeps_password(&self, path: &str) -> Result<bool, ApiError> {
        let places = self.api.place_list(PlaceListGet { health: false })?.places;
        Ok(places.iter().any(|place| place.path.path == path && place.password_kept))
    }
}

/// Nobody should be asked for the password of nothing.
fn refuse_nothing(path: &Path) -> Result<(), ApiError> {
    if paths::is_remote(path.as_os_str()) || path.exists() {
        return Ok(());
    }
    let shown = path.display().to_string();
    Err(ApiError::new(ErrorCode::Unreachable, format!("{shown} does not exist."))
        .hint("Check that the drive is connected and the path is right, then try again.")
        .about(shown))
}

/// The password of the environment.
///
/// # Errors
/// It is not text.
pub fn given_password() -> Result<Option<SecretText>, ApiError> {
    match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) if password.is_empty() => Ok(None),
        Ok(password) => Ok(Some(SecretText::new(password))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(ApiError::bad_request(format!("What {PASSWORD_VARIABLE} holds is not text.")))
        }
    }
}

/// Asks a person, without showing what they type.
///
/// # Errors
/// There is no terminal, or nothing was typed.
pub fn ask(question: &str) -> Result<SecretText, ApiError> {
    let needed = |message: String| {
        ApiError::new(ErrorCode::PasswordNeeded, message).hint(format!(
            "Put the password into the variable {PASSWORD_VARIABLE}, or run this in a terminal."
        ))
    };
    if !std::io::stdin().is_terminal() {
        return Err(needed("A password is needed, and there is no terminal to ask for it.".to_owned()));
    }
    let password = rpassword::prompt_password(question)
        .map(SecretText::new)
        .map_err(|error| needed(format!("The password could not be read: {error}.")))?;
    if password.reveal().is_empty() {
        return Err(needed("No password was given.".to_owned()));
    }
    Ok(password)
}

/// A new password: of the environment, or asked for twice.
///
/// # Errors
/// There is no terminal, or the two differ.
pub fn new_password(what: &str) -> Result<SecretText, ApiError> {
    if let Some(password) = given_password()? {
        return Ok(password);
    }
    let first = ask(&format!("{what}: "))?;
    let second = ask("The same once more: ")?;
    if first == second {
        Ok(first)
    } else {
        Err(ApiError::bad_request("The two are not the same. Nothing was changed.").hint("Try again."))
    }
}
