//! Prepares the desktop package: the commands the page may call, and the page itself.
//!
//! Invariant: a command that is not named here can not be allowed, so the list is the whole surface of the shell.

use std::path::Path;

fn main() {
    // The page is compiled into the program, so a new one has to cause a new program.
    println!("cargo:rerun-if-changed=dist");
    println!("cargo:rerun-if-changed=icons");
    assert!(
        Path::new("dist/index.html").is_file(),
        "the window's page is not built yet: run `npm ci && npm run build:ui` in the project's folder first"
    );
    let attributes = tauri_build::Attributes::new()
        .app_manifest(tauri_build::AppManifest::new().commands(&[
            "call",
            "subscribe",
            "choose_folder",
            "save_text",
        ]))
        .capabilities_path_pattern("src-tauri/capabilities/*.json");
    if let Err(error) = tauri_build::try_build(attributes) {
        // The alternate form shows the whole chain of causes.
        panic!("the desktop package can not be prepared: {error:#}");
    }
}
