// `npm run test:platforms`: proves what can be proved about Windows and macOS on a Debian machine.
//
//   node scripts/platforms.mjs                      everything: Windows tests under Wine, macOS check
//   node scripts/platforms.mjs setup                only installs the toolchains
//   node scripts/platforms.mjs windows check -p X   any cargo command for x86_64-pc-windows-gnu
//   node scripts/platforms.mjs macos check -p X     any cargo check for aarch64-apple-darwin
//
// Why like this: Debian packages the compiler, its sources, mingw and Wine, so the standard library of a system we
// do not have can be compiled on the spot and nothing has to come from anywhere but a package registry. What this
// proves and what it does not is written down in docs/platforms.md. It is not part of `npm test` because of its length.
import { existsSync, mkdirSync, readdirSync, copyFileSync, writeFileSync, rmSync, chmodSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { duration, say } from "./lib/say.mjs";
import { nextest } from "./lib/setup.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const project = dirname(here);
// Not under the home folder: Wine runs as nobody when root starts it, and nobody may not look into root's home.
const home = process.env.KEEPWELL_PLATFORMS ?? "/var/tmp/keepwell-platforms";
const rustc = "/usr/bin/rustc";
const cargo = "/usr/bin/cargo";
const windows = "x86_64-pc-windows-gnu";
const macos = "aarch64-apple-darwin";
const isRoot = process.getuid?.() === 0;

// The crates that must work on every system. The hosts come after them.
const engineCrates = ["model", "endpoint", "repository", "backup", "catalog", "jobs", "api", "testkit"];
const hostCrates = ["cli", "web"];

let keepGoing = false;

/** Runs a command with its output shown; says whether it worked. On failure the script ends, unless it is to go on. */
function must(command, args, { env = {}, cwd = project, quiet = false } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: quiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    maxBuffer: 1 << 28,
  });
  if (result.status !== 0) {
    if (quiet) process.stderr.write(`${result.stdout}${result.stderr}`);
    say(`failed: ${command} ${args.join(" ")}${result.error ? ` (${result.error.message})` : ""}`);
    if (!keepGoing) process.exit(result.status ?? 1);
  }
  return result.status === 0;
}

function step(name, work) {
  const started = Date.now();
  say(`\n== ${name}`);
  work();
  say(`== ${name}: done in ${duration(Date.now() - started)}`);
}

function installPackages() {
  const wanted = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "gcc-mingw-w64-x86-64", "g++-mingw-w64-x86-64", "wine", "wine64", "python3-venv"];
  const missing = wanted.filter((name) => spawnSync("dpkg", ["-s", name], { stdio: "ignore" }).status !== 0);
  if (missing.length === 0) return;
  const line = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (!isRoot) {
    say(`Missing packages. Paste this and start again:\n  sudo ${line}`);
    process.exit(1);
  }
  must("apt-get", ["update"], { quiet: true });
  must("apt-get", line.split(" ").slice(1), { quiet: true, env: { DEBIAN_FRONTEND: "noninteractive" } });
}

function sysroot(target) {
  return join(home, "sysroot", target);
}

/** Compiles the standard library for a target into a sysroot of its own; the system's stays as it is. */
function buildStandardLibrary(target) {
  const libraries = join(sysroot(target), "lib", "rustlib", target, "lib");
  const version = spawnSync(rustc, ["-V"], { encoding: "utf8" }).stdout;
  const stamp = join(sysroot(target), "built-with");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === version) return;
  const empty = join(home, "empty");
  mkdirSync(join(empty, "src"), { recursive: true });
  writeFileSync(join(empty, "Cargo.toml"), '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n');
  writeFileSync(join(empty, "src", "lib.rs"), "");
  const out = join(home, "std-build");
  must(cargo, ["build", "--release", "-Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro", "--target", target, "--target-dir", out], {
    cwd: empty,
    env: {
      RUSTC: rustc,
      RUSTC_BOOTSTRAP: "1",
      RUSTFLAGS: "-Cembed-bitcode=yes",
      RUSTC_WRAPPER: join(here, "platforms", "rustc-for-std.sh"),
      ...toolsFor(target),
    },
  });
  rmSync(libraries, { recursive: true, force: true });
  mkdirSync(libraries, { recursive: true });
  const built = join(out, target, "release", "deps");
  for (const name of readdirSync(built)) {
    if (/\.(rlib|rmeta)$/.test(name) && !name.startsWith("libempty")) copyFileSync(join(built, name), join(libraries, name));
  }
  writeFileSync(stamp, version);
  rmSync(out, { recursive: true, force: true });
}

/** The C compiler, archiver, linker and runner of a target, as Cargo and the cc crate read them. */
function toolsFor(target) {
  const upper = target.toUpperCase().replaceAll("-", "_");
  const under = target.replaceAll("-", "_");
  if (target === windows) {
    return {
      [`CARGO_TARGET_${upper}_LINKER`]: "x86_64-w64-mingw32-gcc",
      [`CARGO_TARGET_${upper}_RUNNER`]: join(here, "platforms", "wine-run.sh"),
      [`CC_${under}`]: "x86_64-w64-mingw32-gcc",
      [`CXX_${under}`]: "x86_64-w64-mingw32-g++",
      [`AR_${under}`]: "x86_64-w64-mingw32-ar",
    };
  }
  return {};
}

function environment(target) {
  const upper = target.toUpperCase().replaceAll("-", "_");
  return {
    RUSTC: rustc,
    CARGO: cargo,
    KEEPWELL_PLATFORMS: home,
    CARGO_TARGET_DIR: join(home, "target"),
    [`CARGO_TARGET_${upper}_RUSTFLAGS`]: `--sysroot=${sysroot(target)}`,
    ...toolsFor(target),
    // The tests write to a folder that the user they run as may write to.
    TMPDIR: join(home, "tmp"),
  };
}

function prepareWine() {
  if (isRoot && spawnSync("setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", "test", "-r", join(project, "Cargo.toml")]).status !== 0) {
    say(`The tests run as nobody, who may not read ${project}. Put the checkout where everybody may look, for instance under /var/tmp.`);
    process.exit(1);
  }
  const wine = join(home, "wine");
  mkdirSync(wine, { recursive: true });
  mkdirSync(join(home, "tmp"), { recursive: true });
  chmodSync(join(home, "tmp"), 0o1777);
  if (isRoot) must("chown", ["nobody:nogroup", wine]);
  const system32 = join(wine, "prefix", "drive_c", "windows", "system32");
  const library = join(system32, "bcryptprimitives.dll");
  if (existsSync(library)) return;
  must(join(here, "platforms", "wine-run.sh"), ["wineboot", "--init"], { env: { KEEPWELL_PLATFORMS: home }, quiet: true, cwd: wine });
  const built = join(home, "bcryptprimitives.dll");
  must("x86_64-w64-mingw32-gcc", ["-shared", "-O2", "-o", built, join(here, "platforms", "bcryptprimitives.c"), "-ladvapi32"]);
  copyFileSync(built, library);
  chmodSync(library, 0o755);
}

function setupWindows() {
  step("Debian's compiler, mingw and Wine", installPackages);
  step("standard library for Windows", () => buildStandardLibrary(windows));
  step("Wine", prepareWine);
}

function venv() {
  return join(home, "venv");
}

function setupMacos() {
  step("Debian's compiler", installPackages);
  step("zig as the C compiler for macOS", () => {
    if (existsSync(join(venv(), "bin", "cargo-zigbuild"))) return;
    must("python3", ["-m", "venv", venv()]);
    must(join(venv(), "bin", "pip"), ["install", "--quiet", "ziglang", "cargo-zigbuild"]);
  });
  step("standard library for macOS", () => buildStandardLibrary(macos));
}

function cargoFor(target, args) {
  const command = args[0];
  // Cargo finds its subcommands on the PATH, cargo-zigbuild the Python that has zig; Debian's cargo comes before rustup's.
  const path = `${join(venv(), "bin")}:/usr/bin:${cargoTools.PATH ?? process.env.PATH}`;
  if (target === macos) {
    if (command !== "check") {
      say("Only `check` is possible for macOS here: there is neither its linker nor a Mac.");
      process.exit(2);
    }
    return must(join(venv(), "bin", "cargo-zigbuild"), ["check", "--target", target, ...args.slice(1)], { env: { ...environment(target), PATH: path } });
  }
  const [first, rest] = command === "nextest" ? [["nextest", args[1] ?? "run"], args.slice(2)] : [[command], args.slice(1)];
  return must(cargo, [...first, "--target", target, ...rest], { env: { ...environment(target), PATH: path } });
}

const [mode, ...rest] = process.argv.slice(2);
mkdirSync(home, { recursive: true });
chmodSync(home, 0o755);
const cargoTools = await nextest();
const everyCrate = [...engineCrates, ...hostCrates].flatMap((name) => ["-p", `keepwell-${name}`]);

/** One crate after the other, so that the report says which promise holds; the exit code is that of all together. */
const results = [];
function prove(name, work) {
  step(name, () => {
    keepGoing = true;
    results.push([name, work()]);
    keepGoing = false;
  });
}

function proveAll() {
  setupWindows();
  prove("Windows: clippy of engine, command line and web host", () => cargoFor(windows, ["clippy", "--all-targets", ...everyCrate, "--", "-D", "warnings"]));
  prove("Windows: their tests, as Windows programs under Wine", () => cargoFor(windows, ["nextest", "run", "--no-fail-fast", ...everyCrate]));
  prove("Windows: check of the window", () => cargoFor(windows, ["check", "-p", "keepwell-desktop"]));
  setupMacos();
  prove("macOS: check of engine, command line and web host", () => cargoFor(macos, ["check", ...everyCrate]));
  say();
  for (const [name, passed] of results) say(`${passed ? "passed" : "FAILED"}  ${name}`);
  process.exitCode = results.every(([, passed]) => passed) ? 0 : 1;
}

if (mode === "setup") {
  setupWindows();
  setupMacos();
} else if (mode === "windows") {
  setupWindows();
  cargoFor(windows, rest.length > 0 ? rest : ["check"]);
} else if (mode === "macos") {
  setupMacos();
  cargoFor(macos, rest.length > 0 ? rest : ["check"]);
} else if (mode === undefined) {
  proveAll();
} else {
  say("usage: node scripts/platforms.mjs [setup | windows CARGO-COMMAND… | macos check …]");
  process.exit(2);
}
