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
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { duration, say } from "./lib/say.mjs";
import { nextest, npmPackages, page } from "./lib/setup.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const original = dirname(here);
// Not under the home folder: Wine runs as nobody when root starts it, and nobody may not look into root's home.
const home = process.env.KEEPWELL_PLATFORMS ?? "/var/tmp/keepwell-platforms";
const rustc = "/usr/bin/rustc";
const cargo = "/usr/bin/cargo";
const windows = "x86_64-pc-windows-gnu";
const macos = "aarch64-apple-darwin";
const isRoot = process.getuid?.() === 0;
const nobody = ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"];
/** Where everything is compiled and tested: the checkout itself, or a copy of it that nobody may read. */
const project = readableByNobody() ? original : join(home, `checkout-${createHash("sha256").update(original).digest("hex").slice(0, 8)}`);

// Clippy 1.96 reports this of every thread_local! for Windows, also where the value is `const` already.
const windowsLints = ["-D", "warnings", "-A", "clippy::missing_const_for_thread_local"];

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

async function step(name, work) {
  const started = Date.now();
  say(`\n== ${name}`);
  await work();
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

/** Compiles the standard library for a target into a sysroot of its own; the system's stays as it is. It appears whole
 * and at once, and is made in folders of this process: two runs may begin together. */
function buildStandardLibrary(target) {
  const version = spawnSync(rustc, ["-V"], { encoding: "utf8" }).stdout;
  const stamp = join(sysroot(target), "built-with");
  const isThere = () => existsSync(stamp) && readFileSync(stamp, "utf8") === version;
  if (isThere()) return;
  const empty = join(home, "empty");
  mkdirSync(join(empty, "src"), { recursive: true });
  writeFileSync(join(empty, "Cargo.toml"), '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n');
  writeFileSync(join(empty, "src", "lib.rs"), "");
  const out = join(home, `std-build-${process.pid}`);
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
  const made = `${sysroot(target)}-${process.pid}`;
  const libraries = join(made, "lib", "rustlib", target, "lib");
  mkdirSync(libraries, { recursive: true });
  const built = join(out, target, "release", "deps");
  for (const name of readdirSync(built)) {
    if (/\.(rlib|rmeta)$/.test(name) && !name.startsWith("libempty")) copyFileSync(join(built, name), join(libraries, name));
  }
  writeFileSync(join(made, "built-with"), version);
  if (!isThere()) {
    rmSync(sysroot(target), { recursive: true, force: true });
    renameSync(made, sysroot(target));
  }
  for (const folder of [made, out]) rmSync(folder, { recursive: true, force: true });
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

/** Root runs the tests as nobody, who may not look into root's home, where a checkout of root usually is. */
function readableByNobody() {
  return !isRoot || spawnSync("setpriv", [...nobody, "test", "-r", join(original, "Cargo.toml")], { stdio: "ignore" }).status === 0;
}

/** Brings the copy up to date: what git knows or would add, and the page. What did not change keeps its time, so that
 * cargo does not compile it again; what is gone goes. */
function copyCheckout() {
  if (project === original) return;
  const git = spawnSync("git", ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: original,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (git.status !== 0) {
    say(`git can not list the files of ${original}: ${git.stderr ?? git.error?.message}`);
    process.exit(1);
  }
  const pages = filesBelow(join(original, "dist")).map((name) => join("dist", name));
  const wanted = new Set([...git.stdout.split("\0").filter((name) => name && existsSync(join(original, name))), ...pages]);
  for (const name of filesBelow(project)) if (!wanted.has(name)) rmSync(join(project, name));
  for (const name of wanted) {
    const [from, to] = [join(original, name), join(project, name)];
    if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) continue;
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
    chmodSync(to, lstatSync(from).mode | 0o444);
  }
}

/** The paths of all files below a folder, relative to it. */
function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

function prepareWine() {
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

async function setupWindows() {
  await step("Debian's compiler, mingw and Wine", installPackages);
  await step("standard library for Windows", () => buildStandardLibrary(windows));
  await step("Wine", prepareWine);
}

function venv() {
  return join(home, "venv");
}

async function setupMacos() {
  await step("Debian's compiler", installPackages);
  await step("zig as the C compiler for macOS", () => {
    if (existsSync(join(venv(), "bin", "cargo-zigbuild"))) return;
    must("python3", ["-m", "venv", venv()]);
    must(join(venv(), "bin", "pip"), ["install", "--quiet", "ziglang", "cargo-zigbuild"]);
  });
  await step("standard library for macOS", () => buildStandardLibrary(macos));
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
copyCheckout();
const cargoTools = await nextest();
// Every crate of the engine, the command line and the web host: all of them must work on every system.
const everyCrate = readdirSync(join(project, "crates")).flatMap((name) => ["-p", `keepwell-${name}`]);

/** What was tried, and whether it holds; the exit code is that of all together. */
const results = [];
async function prove(name, work) {
  keepGoing = true;
  await step(name, () => results.push([name, work()]));
  keepGoing = false;
}

async function proveAll() {
  await setupWindows();
  await prove("Windows: clippy of engine, command line and web host", () => cargoFor(windows, ["clippy", "--all-targets", ...everyCrate, "--", ...windowsLints]));
  await prove("Windows: their tests, as Windows programs under Wine", () => cargoFor(windows, ["nextest", "run", "--no-fail-fast", ...everyCrate]));
  await step("the window's page", async () => {
    await npmPackages();
    await page();
    copyCheckout();
  });
  await prove("Windows: check of the window", () => cargoFor(windows, ["check", "-p", "keepwell-desktop"]));
  await setupMacos();
  await prove("macOS: check of engine, command line and web host", () => cargoFor(macos, ["check", ...everyCrate]));
  say();
  for (const [name, passed] of results) say(`${passed ? "passed" : "FAILED"}  ${name}`);
  process.exitCode = results.every(([, passed]) => passed) ? 0 : 1;
}

if (mode === "setup") {
  await setupWindows();
  await setupMacos();
} else if (mode === "windows") {
  await setupWindows();
  cargoFor(windows, rest.length > 0 ? rest : ["check"]);
} else if (mode === "macos") {
  await setupMacos();
  cargoFor(macos, rest.length > 0 ? rest : ["check"]);
} else if (mode === undefined) {
  await proveAll();
} else {
  say("usage: node scripts/platforms.mjs [setup | windows CARGO-COMMAND… | macos check …]");
  process.exit(2);
}
