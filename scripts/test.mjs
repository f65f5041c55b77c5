// `npm test`: everything that has to hold, in one command.
//
//   npm test                  sets up, then every stage
//   npm test -- rust ui       only these stages (see the names below)
//
// Cheap stages first. A stage that fails does not stop those that can still run; the exit code and the last line tell.
// Everything compiles with the same profile and the same packages, so that nothing is compiled twice: cargo unites
// features over what it builds together, and a different selection would mean different builds.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { CommandFailed, project, run } from "./lib/run.mjs";
import { bold, dim, duration, green, red, say } from "./lib/say.mjs";
import { built, nextest, npmPackages, npmRun, page, python, rust, rustComponents } from "./lib/setup.mjs";
import { Missing, systemPackages } from "./lib/system.mjs";
import { servers } from "./servers.mjs";

// Incremental compilation costs time and room where everything is compiled once.
if (process.env.CI) process.env.CARGO_INCREMENTAL ??= "0";

let cargoTools = {};
let interpreter = "python3";

const cargo = (name, args, env = {}) => run(name, "cargo", args, { live: true, env: { ...cargoTools, ...env } });
const node = (name, args, env = {}) => run(name, process.execPath, args, { env });

/** What the tests of the built programs need to know. */
const programs = () => ({
  KEEPWELL_BIN: built("keepwell"),
  KEEPWELL_WEB_BIN: built("keepwell-web"),
  KEEPWELL_DESKTOP_BIN: built("keepwell-desktop"),
});

// name, what it is, what it needs, the work
const setup = [
  ["system", "system packages", [], () => systemPackages(["compiler", "build", "test"])],
  ["toolchain", "Rust, rustfmt, clippy", [], async () => (await rustComponents(), rust())],
  ["packages", "front-end packages", [], npmPackages],
  ["nextest", "cargo-nextest", ["system", "toolchain"], async () => void (cargoTools = await nextest())],
  ["servers", "servers that the tests of places start", ["system", "toolchain"], servers],
  ["python", "Python for the format's reader", ["system"], async () => void (interpreter = await python())],
];

const stages = [
  ["format", "formatting", ["toolchain"], () => cargo("format", ["fmt", "--all", "--check"])],
  ["ui-lint", "UI: types and lint", ["packages"], () => npmRun("lint:ui")],
  ["ui", "UI: unit tests", ["packages"], () => npmRun("test:ui")],
  ["page", "UI: the window's page", ["packages"], page],
  ["build", "build", ["system", "toolchain", "page"], () => cargo("build", ["build", "--workspace", "--all-targets"])],
  ["clippy", "clippy", ["page", "system", "toolchain"], () => cargo("clippy", ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])],
  [
    "rust",
    "Rust tests, acceptance, generated TypeScript",
    ["build", "nextest", "servers"],
    () => cargo("rust-tests", ["nextest", "run", "--workspace", "--no-fail-fast"], programs()),
  ],
  [
    "reader",
    "the format's independent reader in Python",
    ["build", "python"],
    () => run("format-reader", interpreter, ["-m", "unittest", "discover", "-s", "tests/format"], { env: programs() }),
  ],
  ["browser", "UI in Chromium over the web host", ["build", "packages"], () => npmRun("test:ui:browser", { env: programs() })],
  ["window", "end to end in the real window", ["build"], () => node("window", [join(project, "tests/e2e/run.mjs")], programs())],
];

const chosen = process.argv.slice(2);
const known = new Set(stages.map(([name]) => name));
const unknown = chosen.filter((name) => !known.has(name));
if (unknown.length > 0) {
  say(`There is no stage called ${unknown.join(", ")}. The stages are: ${[...known].join(", ")}.`);
  process.exit(2);
}

/** What has to run for the chosen stages: they themselves and what they need, in order. */
function selection() {
  const all = [...setup, ...stages];
  if (chosen.length === 0) return all;
  const wanted = new Set(chosen);
  for (const [name, , needs] of all.toReversed()) {
    if (wanted.has(name)) needs.forEach((need) => wanted.add(need));
  }
  return all.filter(([name]) => wanted.has(name));
}

const started = Date.now();
const results = new Map();
rmSync(join(project, "artifacts"), { recursive: true, force: true });
mkdirSync(join(project, "artifacts", "logs"), { recursive: true });

for (const [name, title, needs, work] of selection()) {
  const begun = Date.now();
  const lacking = needs.filter((need) => results.get(need) === false);
  say(`${dim("▸")} ${bold(title)}`);
  if (lacking.length > 0) {
    results.set(name, false);
    say(`  ${red("failed")} ${dim(`can not run without: ${lacking.join(", ")}`)}`);
    continue;
  }
  try {
    await work();
    results.set(name, true);
    say(`  ${green("passed")} ${dim(duration(Date.now() - begun))}`);
  } catch (error) {
    if (!(error instanceof Missing || error instanceof CommandFailed)) say(error.stack);
    else say(`  ${error.message}`);
    results.set(name, false);
    say(`  ${red("failed")} ${dim(duration(Date.now() - begun))}`);
  }
}

const failed = [...results].filter(([, passed]) => !passed).map(([name]) => name);
say();
say(`${dim("took")} ${duration(Date.now() - started)}${existsSync(join(project, "artifacts", "screenshots")) ? dim(", pictures in artifacts/screenshots") : ""}`);
if (failed.length > 0) say(`${red("failed:")} ${failed.join(", ")}`);
say(`${results.size - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;
