// What every script sets up the same way: Rust, the front end's packages, the tools that no package manager brings.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { ask, project, run } from "./run.mjs";
import { Missing } from "./system.mjs";

/** Tools live outside the checkout, so that a new clone does not build them again. */
export const tools = process.env.KEEPWELL_TOOLS ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "keepwell-tools");

/** Where cargo puts what it builds. */
export const target = process.env.CARGO_TARGET_DIR ?? join(project, "target");

/** A program that cargo built. */
export function built(name, profile = "debug") {
  return join(target, profile, process.platform === "win32" ? `${name}.exe` : name);
}

const npm = process.platform === "win32" ? "npm.cmd" : "npm";

/** Rust, new enough. */
export function rust() {
  const version = ask("rustc", ["--version"]);
  if (version === null) {
    throw new Missing("Rust is missing. Paste this and start again:\n\n    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh\n");
  }
  const wanted = /rust-version = "(\d+)\.(\d+)/.exec(readFileSync(join(project, "Cargo.toml"), "utf8"));
  const has = /rustc (\d+)\.(\d+)/.exec(version);
  if (Number(has[1]) === Number(wanted[1]) && Number(has[2]) < Number(wanted[2])) {
    throw new Missing(`This is Rust ${has[1]}.${has[2]}; Keepwell needs ${wanted[1]}.${wanted[2]}. Paste this and start again:\n\n    rustup update stable\n`);
  }
  return version.trim();
}

/** rustfmt and clippy, which a minimal Rust leaves out. */
export async function rustComponents() {
  if (ask("cargo", ["fmt", "--version"]) === null) await run("rustfmt", "rustup", ["component", "add", "rustfmt"]);
  if (ask("cargo", ["clippy", "--version"]) === null) await run("clippy", "rustup", ["component", "add", "clippy"]);
}

/** The front end's packages, exactly as locked. Skipped when they are the ones that were installed last. */
export async function npmPackages() {
  const lock = createHash("sha256").update(readFileSync(join(project, "package-lock.json"))).digest("hex");
  const stamp = join(project, "node_modules", ".keepwell-installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return "everything is there";
  await run("npm-ci", npm, ["ci", "--no-audit", "--no-fund"], { env: { PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: "1" } });
  writeFileSync(stamp, lock);
  return "installed as locked";
}

/** Runs one of package.json's scripts. */
export function npmRun(name, options = {}) {
  return run(name.replaceAll(":", "-"), npm, ["run", "--silent", name], options);
}

/** The window's page. Built anew only if something it is made of changed: it is compiled into two programs. */
export async function page() {
  const stamp = join(project, "node_modules", ".keepwell-page");
  const made = createHash("sha256");
  const sources = readdirSync(join(project, "ui"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of [...sources, join(project, "icons", "keepwell.svg"), join(project, "package-lock.json")]) {
    made.update(path).update("\0").update(readFileSync(path)).update("\0");
  }
  const hash = made.digest("hex");
  if (existsSync(join(project, "dist", "index.html")) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash) {
    return "nothing in it changed";
  }
  rmSync(stamp, { force: true });
  await npmRun("build:ui");
  writeFileSync(stamp, hash);
  return "built";
}

/** cargo-nextest, from where it is or compiled once. Answers the environment in which cargo finds it. */
export async function nextest() {
  if (ask("cargo", ["nextest", "--version"]) !== null) return {};
  const path = `${join(tools, "bin")}${process.platform === "win32" ? ";" : ":"}${process.env.PATH}`;
  if (!existsSync(join(tools, "bin", "cargo-nextest"))) {
    mkdirSync(tools, { recursive: true });
    // Without optimisation: it is compiled in half the time and its own speed is not what the tests wait for.
    await run("nextest-install", "cargo", ["install", "cargo-nextest", "--locked", "--debug", "--root", tools], {
      live: true,
      env: { CARGO_TARGET_DIR: join(tools, "build"), CARGO_PROFILE_DEV_DEBUG: "0" },
    });
  }
  return { PATH: path };
}

/** A Python with what the independent reader of the format needs. Answers the path of its interpreter. */
export async function python() {
  const folder = join(tools, "python");
  const interpreter = join(folder, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  const list = join(project, "tests", "format", "requirements.txt");
  const wanted = readFileSync(list, "utf8");
  const stamp = join(folder, "installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return interpreter;
  await run("python-venv", "python3", ["-m", "venv", "--clear", folder]);
  await run("python-packages", interpreter, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list]);
  writeFileSync(stamp, wanted);
  return interpreter;
}
